from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from appliance.capture.filming import Filming
from appliance.capture.hand_over import HandOver
from appliance.capture.service import Service
from appliance.capture.simulated import SimulatedCamera
from appliance.capture.video import VideoWriter
from appliance.capture.video_file import VideoFile
from appliance.runtime.custody_link import CustodyAway
from appliance.runtime.simulated import SimulatedCustody
from proctoring.fact import Part
from proctoring.policy import Policy
from proctoring.segment import EndedBy
from proctoring.session import State
from proctoring.wire import Done, Drained, ReportCameraEnd, ReportGap, Saved, StoreSegment, View


class Pane:
    """A window that remembers what was in it."""

    def __init__(self) -> None:
        self.frames = []

    def offer(self, frame) -> None:
        self.frames.append(frame)


class Desk:
    """The whole process but its thread, step by step on a simulated clock."""

    def __init__(self, source, incoming, clock, settings) -> None:
        self.clock = clock
        self.incoming = incoming
        self.custody = SimulatedCustody()
        self.custody.answers[StoreSegment] = self._take
        self.pane = Pane()
        hand_over = HandOver(self.custody, incoming, "front", clock)
        source.open()
        self.filming = Filming(source, self.pane, incoming, hand_over.report, clock, offer_per_s=10)
        self.service = Service(self.custody, self.filming, incoming, hand_over, clock)
        self.policy = Policy(recording=settings)
        self.view = View(desk="desk-1", prepared=True, walk_in=True, policy=self.policy)
        self.show()

    def show(self, **changes) -> None:
        self.view = msgspec.structs.replace(self.view, **changes)
        self.custody.show(self.view)
        self.service.turn()

    def begin(self, session: str = "a") -> None:
        self.show(session=session, state=State.READY)
        self.show(state=State.RUNNING, zero_mono_ms=self.clock.mono_ms())

    def run_ms(self, ms: int) -> None:
        until_ms = self.clock.mono_ms() + ms
        while self.clock.mono_ms() < until_ms:
            self.filming.turn()
            self.service.turn()

    def _take(self, request: StoreSegment) -> Saved:
        Path(request.file).unlink()
        return Saved(seq=1)

    @property
    def stored(self):
        return [request.segment for request in self.custody.asked_for(StoreSegment)]

    @property
    def drained(self) -> int:
        return len(self.custody.asked_for(Drained))


@pytest.fixture
def desk(incoming, clock, settings) -> Desk:
    return Desk(SimulatedCamera(clock, settings), incoming, clock, settings)


@pytest.fixture
def cinema(incoming, clock, settings, make_video) -> Desk:
    return Desk(VideoFile(make_video(frames=50, per_s=10), clock), incoming, clock, settings)


def test_before_the_exam_pictures_are_offered_and_nothing_is_recorded(desk: Desk) -> None:
    desk.run_ms(3000)
    assert 28 <= len(desk.pane.frames) <= 31
    assert (desk.pane.frames[0].head.width, desk.pane.frames[0].head.height) == (160, 90)
    assert desk.stored == desk.incoming.parts() == []


def test_the_exam_is_recorded_from_its_start_to_its_end(desk: Desk) -> None:
    desk.begin()
    desk.run_ms(5000)
    desk.show(state=State.SUBMITTED)
    desk.run_ms(500)
    assert [segment.ended_by for segment in desk.stored] == [EndedBy.LENGTH, EndedBy.LENGTH, EndedBy.STOP]
    assert desk.stored[0].started_ms <= 100
    assert all(
        before.ended_ms == after.started_ms for before, after in zip(desk.stored, desk.stored[1:], strict=False)
    )
    assert 4900 <= desk.stored[-1].ended_ms <= 5300
    assert desk.custody.asked_for(ReportGap) == []


def test_a_pause_of_the_exam_is_recorded_without_a_cut(desk: Desk) -> None:
    desk.begin()
    desk.run_ms(500)
    desk.show(state=State.PAUSED)
    desk.run_ms(500)
    desk.show(state=State.RUNNING)
    desk.run_ms(500)
    desk.show(state=State.TERMINATED)
    desk.run_ms(200)
    (segment,) = desk.stored
    assert segment.ended_ms - segment.started_ms >= 1400


@pytest.mark.parametrize("end", [State.SUBMITTED, State.TERMINATED])
def test_it_says_once_that_all_is_handed_over_and_only_after_the_last_segment(desk: Desk, end: State) -> None:
    desk.begin()
    desk.run_ms(3000)
    assert desk.drained == 0
    desk.show(state=end)
    desk.run_ms(1000)
    for _ in range(3):
        desk.show()
    assert desk.drained == 1
    last = max(n for n, request in enumerate(desk.custody.asked) if isinstance(request, StoreSegment))
    assert last < desk.custody.asked.index(Drained(session=desk.view.session, part=Part.CAPTURE))
    assert desk.incoming.done() == desk.incoming.parts() == []


def test_while_custody_is_away_recording_goes_on_and_nothing_is_lost(desk: Desk) -> None:
    def away(request):
        raise CustodyAway("away")

    desk.begin()
    desk.custody.answers[StoreSegment] = desk.custody.answers[Drained] = away
    desk.run_ms(9000)
    assert len(desk.incoming.done()) == 4
    desk.show(state=State.SUBMITTED)
    desk.run_ms(500)
    desk.custody.answers[StoreSegment] = desk._take
    desk.run_ms(500)
    desk.custody.answers[Drained] = Done()
    desk.custody.asked.clear()
    desk.run_ms(500)
    assert desk.drained == 1
    assert desk.incoming.done() == []


def test_the_next_session_at_the_desk_starts_anew(desk: Desk) -> None:
    for session in ("a", "b"):
        desk.begin(session)
        desk.run_ms(1000)
        desk.show(state=State.SUBMITTED)
        desk.run_ms(500)
        desk.show(state=State.SEALED)
        desk.show(session=None, state=None, zero_mono_ms=None)
        desk.run_ms(500)
    assert [segment.number for segment in desk.stored] == [1, 1]
    assert all(segment.started_ms <= 100 for segment in desk.stored)
    assert desk.drained == 2


def test_a_video_that_ends_is_reported_once_and_its_last_picture_is_kept(cinema: Desk) -> None:
    cinema.begin()
    cinema.run_ms(8000)
    assert cinema.custody.asked_for(ReportCameraEnd) == [
        ReportCameraEnd(session=cinema.view.session, reason="video ended")
    ]
    assert cinema.stored[-1].ended_by is EndedBy.CAMERA
    assert sum(segment.frames for segment in cinema.stored) == 50
    offered = len(cinema.pane.frames)
    cinema.show(state=State.SUBMITTED)
    cinema.run_ms(1000)
    assert cinema.custody.asked_for(ReportGap) == []
    assert cinema.drained == 1
    assert len(cinema.pane.frames) == offered


def test_what_a_crash_left_is_closed_over_before_recording_goes_on(incoming, clock, settings, make_frame) -> None:
    part = incoming.begin("a", 2000)
    writer = VideoWriter(part.path, settings)
    for number in range(10):
        writer.add(make_frame(number, 0), number * 100)
    desk = Desk(SimulatedCamera(clock, settings), incoming, clock, settings)
    desk.show(session="a", state=State.RUNNING, zero_mono_ms=clock.mono_ms() - 5000)
    desk.run_ms(500)
    desk.show(state=State.SUBMITTED)
    desk.run_ms(500)
    old, new = desk.stored
    assert (old.number, old.started_ms, old.ended_by) == (1, 2000, EndedBy.CRASH)
    assert old.frames >= 8
    assert (new.number, new.ended_by) == (2, EndedBy.STOP)
    assert new.started_ms >= 5000
    assert desk.drained == 1


def test_what_cannot_be_played_is_left_and_named_in_a_gap(incoming, clock, settings) -> None:
    part = incoming.begin("a", 2000)
    part.path.write_bytes(b"nothing to see")
    desk = Desk(SimulatedCamera(clock, settings), incoming, clock, settings)
    desk.show(session="a", state=State.RUNNING, zero_mono_ms=clock.mono_ms() - 5000)
    desk.run_ms(500)
    (gap,) = desk.custody.asked_for(ReportGap)
    assert (gap.part, gap.from_ms, gap.to_ms) == (Part.CAPTURE, 2000, 5000)
    name = part.path.with_suffix(".unreadable").name
    assert name in gap.reason
    assert part.path.with_name(name).read_bytes() == b"nothing to see"


def test_what_is_left_of_an_older_session_stays_where_it_is(incoming, clock, settings, caplog) -> None:
    part = incoming.begin("old", 0)
    part.path.write_bytes(b"something")
    desk = Desk(SimulatedCamera(clock, settings), incoming, clock, settings)
    desk.begin("new")
    desk.run_ms(500)
    assert part.path.exists()
    assert part.path.name in caplog.text
    assert desk.custody.asked_for(ReportGap) == []
