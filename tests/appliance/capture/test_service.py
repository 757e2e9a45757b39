from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from appliance.capture.filming import NO_EAR, Filming
from appliance.capture.hand_over import HandOver
from appliance.capture.service import Service
from appliance.capture.simulated import FaultyCamera, SimulatedCamera
from appliance.capture.steady import Steady
from appliance.capture.tapes import Tapes
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

    def __init__(self, source, incoming, clock, settings, ear=None, part=Part.CAPTURE) -> None:
        self.clock = clock
        self.incoming = incoming
        self.custody = SimulatedCustody()
        self.custody.answers[StoreSegment] = self._take
        self.pane = Pane()
        hand_over = HandOver(self.custody, incoming, "front" if part is Part.CAPTURE else "side", clock, part)
        source.open()
        tapes = Tapes(incoming, hand_over.report)
        self.filming = Filming(source, self.pane, tapes, hand_over.report, clock, 10, ear or NO_EAR)
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


@pytest.mark.parametrize("cameras", [1, 2])
def test_a_second_camera_films_no_session_whose_candidate_was_told_of_one(
    incoming, clock, settings, cameras: int
) -> None:
    desk = Desk(SimulatedCamera(clock, settings), incoming, clock, settings, part=Part.CAPTURE_SECOND)
    desk.show(cameras=cameras)
    desk.begin()
    desk.run_ms(5000)
    desk.show(state=State.SUBMITTED)
    desk.run_ms(500)
    assert len(desk.stored) == (3 if cameras > 1 else 0)
    assert incoming.done() == incoming.parts() == []
    assert desk.custody.asked_for(ReportGap) == []


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


def test_what_cannot_be_played_of_an_older_session_is_left_without_a_word_in_the_new_ones_ledger(
    incoming, clock, settings, caplog
) -> None:
    part = incoming.begin("old", 0)
    part.path.write_bytes(b"something")
    desk = Desk(SimulatedCamera(clock, settings), incoming, clock, settings)
    desk.begin("new")
    desk.run_ms(500)
    left = part.path.with_suffix(".unreadable")
    assert left.read_bytes() == b"something"
    assert left.name in caplog.text
    assert desk.custody.asked_for(ReportGap) == []


def test_what_is_left_of_an_older_session_is_closed_over_and_offered_as_its_own(
    incoming, clock, settings, make_frame
) -> None:
    part = incoming.begin("old", 2000)
    writer = VideoWriter(part.path, settings)
    for number in range(10):
        writer.add(make_frame(number, 0), number * 100)
    desk = Desk(SimulatedCamera(clock, settings), incoming, clock, settings)
    desk.begin("new")
    desk.run_ms(500)
    (offered,) = desk.custody.asked_for(StoreSegment)
    assert (offered.session, offered.segment.started_ms, offered.segment.ended_by) == ("old", 2000, EndedBy.CRASH)


def test_pictures_that_the_camera_lost_are_a_gap_of_the_recording(desk: Desk) -> None:
    desk.begin()
    desk.run_ms(500)
    desk.clock.pass_ms(400)
    desk.run_ms(3000)
    (gap,) = desk.custody.asked_for(ReportGap)
    assert gap.part is Part.CAPTURE
    assert 500 <= gap.from_ms < gap.to_ms <= 1000
    assert gap.reason.startswith(("4 pictures were lost", "5 pictures were lost"))


@pytest.fixture
def camera(clock, settings) -> FaultyCamera:
    return FaultyCamera(clock, settings)


@pytest.fixture
def faulty(camera, incoming, clock, settings) -> Desk:
    desk = Desk(Steady(camera, clock), incoming, clock, settings)
    desk.begin()
    desk.run_ms(1000)
    return desk


def the_gap(desk: Desk) -> ReportGap:
    desk.show(state=State.SUBMITTED)
    desk.run_ms(300)
    (gap,) = desk.custody.asked_for(ReportGap)
    assert gap.part is Part.CAPTURE
    return gap


def covered(desk: Desk, gap: ReportGap) -> bool:
    """Whether the recording ends where the gap begins and goes on where it ends."""
    before = [segment.ended_ms for segment in desk.stored if segment.started_ms < gap.to_ms]
    after = [segment.started_ms for segment in desk.stored if segment.started_ms >= gap.to_ms]
    return (before[-1], after[0]) == (gap.from_ms, gap.to_ms)


def test_a_camera_that_is_unplugged_is_a_gap_that_says_so_until_it_is_back(faulty: Desk, camera) -> None:
    camera.unplug()
    faulty.run_ms(7000)
    camera.plug_in()
    faulty.run_ms(3000)
    gap = the_gap(faulty)
    assert gap.reason == "the camera was unplugged"
    assert 6900 <= gap.to_ms - gap.from_ms <= 8500
    assert covered(faulty, gap)


def test_a_second_camera_that_is_absent_at_the_start_is_a_gap_of_its_own_until_it_comes(
    camera, incoming, clock, settings
) -> None:
    camera.unplug()
    desk = Desk(Steady(camera, clock, patient=True), incoming, clock, settings, part=Part.CAPTURE_SECOND)
    desk.show(cameras=2)
    desk.begin()
    desk.run_ms(2500)
    assert desk.custody.asked_for(ReportCameraEnd) == []
    desk.run_ms(2500)
    (told,) = desk.custody.asked_for(ReportCameraEnd)
    assert (told.part, told.reason) == (Part.CAPTURE_SECOND, "There is no camera.")
    camera.plug_in()
    desk.run_ms(3000)
    desk.show(state=State.SUBMITTED)
    desk.run_ms(300)
    (gap,) = desk.custody.asked_for(ReportGap)
    assert (gap.part, gap.from_ms, gap.reason) == (Part.CAPTURE_SECOND, 0, "There is no camera.")
    assert {segment.camera for segment in desk.stored} == {"side"}
    assert desk.stored[0].started_ms == gap.to_ms


def test_a_second_camera_that_is_unplugged_for_a_moment_is_a_gap_and_no_alarm(
    camera, incoming, clock, settings
) -> None:
    desk = Desk(Steady(camera, clock, patient=True), incoming, clock, settings, part=Part.CAPTURE_SECOND)
    desk.show(cameras=2)
    desk.begin()
    desk.run_ms(1000)
    camera.unplug()
    desk.run_ms(1500)
    camera.plug_in()
    desk.run_ms(2000)
    desk.show(state=State.SUBMITTED)
    desk.run_ms(300)
    assert [gap.part for gap in desk.custody.asked_for(ReportGap)] == [Part.CAPTURE_SECOND]
    assert desk.custody.asked_for(ReportCameraEnd) == []


def test_a_second_camera_that_falls_silent_without_a_word_is_told_of_while_it_is_silent(
    camera, incoming, clock, settings
) -> None:
    desk = Desk(Steady(camera, clock, patient=True), incoming, clock, settings, part=Part.CAPTURE_SECOND)
    desk.show(cameras=2)
    desk.begin()
    desk.run_ms(1000)
    camera.is_silent = True
    desk.run_ms(2500)
    assert desk.custody.asked_for(ReportCameraEnd) == []
    desk.run_ms(2000)
    (told,) = desk.custody.asked_for(ReportCameraEnd)
    assert (told.part, told.reason) == (Part.CAPTURE_SECOND, "the camera gave no pictures")


def test_even_a_short_read_error_is_a_gap_with_its_reason(faulty: Desk, camera) -> None:
    camera.unplug("the camera could not be read")
    faulty.run_ms(200)
    camera.plug_in()
    faulty.run_ms(2000)
    gap = the_gap(faulty)
    assert gap.reason == "the camera could not be read"
    assert covered(faulty, gap)


def test_a_camera_that_stays_away_is_a_gap_until_the_end(faulty: Desk, camera) -> None:
    camera.unplug()
    faulty.run_ms(5000)
    gap = the_gap(faulty)
    assert gap.to_ms - gap.from_ms >= 4900
    assert faulty.stored[-1].ended_by is EndedBy.CAMERA


def test_a_camera_that_falls_silent_is_a_gap_too(faulty: Desk, camera) -> None:
    camera.is_silent = True
    faulty.run_ms(4000)
    camera.is_silent = False
    faulty.run_ms(2000)
    gap = the_gap(faulty)
    assert gap.reason == "the camera gave no pictures"
    assert covered(faulty, gap)


@pytest.mark.parametrize(("jump_ms", "words"), [(3_600_000, "ahead by 3600.0 s"), (-10_000, "back by 10.0 s")])
def test_a_jump_of_the_cameras_clock_is_told_and_the_recording_keeps_the_exams_time(
    faulty: Desk, camera, jump_ms: int, words: str
) -> None:
    camera.jump(jump_ms)
    faulty.run_ms(2500)
    gap = the_gap(faulty)
    assert gap.reason == f"the camera's clock jumped {words}"
    assert gap.to_ms - gap.from_ms <= 100
    assert 3300 <= faulty.stored[-1].ended_ms <= 3900
    assert {True} == {frame.head.mono_ms <= faulty.clock.mono_ms() for frame in faulty.pane.frames}
    frames = sum(segment.frames for segment in faulty.stored)
    assert 3.3 * 15 <= frames <= 3.9 * 15


def test_pictures_that_were_dropped_on_the_way_are_counted_by_the_cameras_numbers(faulty: Desk, camera) -> None:
    camera.lose(7)
    faulty.clock.pass_ms(7 * 67)
    faulty.run_ms(2500)
    gap = the_gap(faulty)
    assert re.match(r"\d+ pictures were lost", gap.reason)
    assert gap.to_ms - gap.from_ms >= 400
