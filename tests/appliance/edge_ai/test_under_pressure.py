"""The whole analysis on a machine that is too slow: what it leaves out, what it tells, and that it still sees."""

import logging

import numpy as np
import pytest

from appliance.edge_ai.analyser import Analyser, Detectors
from appliance.edge_ai.budget import Budget
from appliance.edge_ai.check_in import CheckIn
from appliance.edge_ai.picture import from_rgb
from appliance.edge_ai.schedule import ORDER
from appliance.edge_ai.service import EdgeAI
from appliance.edge_ai.simulated import (
    CANDIDATE,
    SimulatedFaces,
    SimulatedItems,
    SimulatedPhotographer,
)
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.custody_link import CustodyAway
from appliance.runtime.frames import Frame
from appliance.runtime.simulated import SimulatedCustody
from proctoring.flag import FlagKind
from proctoring.observation import Face, Item
from proctoring.session import State
from proctoring.wire import Drained, FrameHead, RaiseFlag, ReportReduction, View

ZERO_MS = 1_000_000
CAMERA_MS = 67
SECOND = Face(score=0.9, box=(0.7, 0.2, 0.9, 0.5))
PHONE = Item("cell phone", 0.8, (0.4, 0.8, 0.5, 0.9))


class Costly:
    """Detectors that take the machine's time, as much as `cost_ms` says."""

    def __init__(self, clock):
        self.clock = clock
        self.cost_ms = {"faces": 10, "items": 30, "gaze": 5}
        self.faces, self.items = SimulatedFaces(), SimulatedItems()

    def follow(self, picture, at_ms, gaze=True):
        self.clock.work_ms(self.cost_ms["faces"] + gaze * self.cost_ms["gaze"])
        return self.faces.follow(picture, at_ms, gaze)

    def watch_for(self, labels):
        pass

    def find(self, picture):
        self.clock.work_ms(self.cost_ms["items"])
        return self.items.find(picture)


def scenes():
    """Pictures that differ widely: something always moves."""
    rgb = np.zeros((72, 128, 3), np.uint8)
    rgb[:, 40:] = 180
    for step in range(7):
        picture = from_rgb(np.roll(rgb, 17 * step, axis=1))
        yield b"".join(plane.tobytes() for plane in (picture.luma, picture.blue, picture.red))


class Camera:
    """Gives a frame every 67 ms and waits for nobody; the newest one not seen yet is offered."""

    def __init__(self, clock):
        self.clock, self.scenes, self.seen = clock, list(scenes()), -1

    def newest(self, timeout_ms):
        del timeout_ms
        number, age_ms = divmod(self.clock.mono_ms() - ZERO_MS, CAMERA_MS)
        if number == self.seen:
            self.clock.pass_ms(CAMERA_MS - age_ms)
            number, age_ms = number + 1, 0
        self.seen = number
        head = FrameHead(number=number, mono_ms=self.clock.mono_ms() - age_ms, width=128, height=72)
        return Frame(head, self.scenes[number % 7])


class Desk:
    """A desk whose detectors are slow."""

    def __init__(self, cores=2):
        self.clock = SimulatedClock(mono_ms=ZERO_MS)
        self.custody, self.costly = SimulatedCustody(), Costly(self.clock)
        detectors = Detectors(Analyser(self.costly, self.costly), {}, "simulated")
        check_in = CheckIn(SimulatedPhotographer(), self.clock)
        self.budget = Budget(0.5, cores)
        self.service = EdgeAI(self.custody, Camera(self.clock), detectors, check_in, self.clock, self.budget)

    def show(self, state=State.RUNNING, session="s-1", zero_ms=ZERO_MS):
        self.custody.show(
            View(desk="d", prepared=True, walk_in=True, session=session, state=state, zero_mono_ms=zero_ms)
        )

    def film_s(self, seconds):
        until_ms = self.clock.mono_ms() + 1000 * seconds
        while self.clock.mono_ms() < until_ms:
            self.service.step()

    @property
    def reports(self):
        """The changes of level that were reported, with the time of each in seconds."""
        reduced = [report.reduced for report in self.custody.asked_for(ReportReduction)]
        return [(round(one.at_ms / 1000), one.was, one.level) for one in reduced if one.was != one.level]

    def summary(self):
        self.show(State.SUBMITTED)
        self.service.step()
        return self.custody.asked_for(Drained)[-1].summary


@pytest.fixture
def desk():
    desk = Desk()
    desk.show()
    return desk


def test_a_machine_that_keeps_up_is_told_so_once_and_leaves_nothing_out(desk):
    desk.film_s(120)
    (first,) = desk.custody.asked_for(ReportReduction)
    assert first.reduced.level == 0
    summary = desk.summary()
    assert summary.analysed_fps == pytest.approx(8, abs=0.2)
    assert summary.looks_skipped["gaze"] == 0
    assert 10 <= summary.latency_ms_median <= summary.latency_ms_p95 <= CAMERA_MS + 60


def test_a_machine_that_is_too_slow_leaves_out_one_thing_after_the_other_and_says_so(desk):
    desk.costly.cost_ms = {"faces": 280, "items": 300, "gaze": 20}
    desk.film_s(60)
    assert [level for _, _, level in desk.reports] == [1, 2, 3, 4, 5]
    last = desk.custody.asked_for(ReportReduction)[-1].reduced
    assert last.left_out == ORDER
    assert last.reason
    assert desk.reports[-1][0] <= 25


def test_where_less_is_enough_it_stays_there():
    """Four looks a second for things take more than half of the machine; two do not."""
    desk = Desk(cores=1)
    desk.show()
    desk.costly.cost_ms = {"faces": 20, "items": 120, "gaze": 5}
    desk.film_s(120)
    assert desk.budget.level in (1, 2)
    assert all(0 < level <= 2 for _, _, level in desk.reports)


def test_when_the_load_is_gone_it_looks_at_everything_again_and_says_so(desk):
    desk.costly.cost_ms = {"faces": 280, "items": 300, "gaze": 20}
    desk.film_s(30)
    desk.costly.cost_ms = {"faces": 10, "items": 30, "gaze": 5}
    desk.film_s(300)
    assert [level for _, _, level in desk.reports][-5:] == [4, 3, 2, 1, 0]
    assert desk.custody.asked_for(ReportReduction)[-1].reduced.left_out == ()


def test_however_slow_it_is_the_newest_frame_is_the_one_that_is_analysed(desk):
    desk.costly.cost_ms = {"faces": 280, "items": 300, "gaze": 20}
    desk.film_s(60)
    summary = desk.summary()
    assert summary.latency_ms_p95 <= 280 + 300 + 20 + CAMERA_MS
    assert summary.frames_skipped > summary.frames_analysed
    assert summary.looks_skipped["gaze"] > 0.5 * summary.frames_analysed


@pytest.mark.parametrize("slow", [False, True])
def test_a_phone_and_a_second_face_are_flagged_at_the_lowest_level_too(desk, slow):
    if slow:
        desk.costly.cost_ms = {"faces": 280, "items": 300, "gaze": 20}
        desk.film_s(30)
        assert desk.budget.level == len(ORDER)
        desk.costly.cost_ms = {"faces": 100, "items": 100, "gaze": 0}
    desk.costly.faces = SimulatedFaces((CANDIDATE, SECOND))
    desk.costly.items = SimulatedItems((PHONE,))
    desk.film_s(5)
    raised = {message.flag.kind: message.flag for message in desk.custody.asked_for(RaiseFlag)}
    assert {FlagKind.PROHIBITED_OBJECT, FlagKind.SEVERAL_FACES} <= set(raised)
    phone = raised[FlagKind.PROHIBITED_OBJECT]
    assert len(phone.why.scores) >= 3
    assert phone.raised_ms - phone.started_ms <= (1000 if slow else 450)


def test_the_next_session_is_told_at_which_level_it_begins(desk):
    desk.costly.cost_ms = {"faces": 280, "items": 300, "gaze": 20}
    desk.film_s(30)
    desk.summary()
    desk.custody.asked.clear()
    desk.show(State.RUNNING, "s-2", desk.clock.mono_ms())
    desk.film_s(1)
    first = desk.custody.asked_for(ReportReduction)[0]
    assert (first.session, first.reduced.was, first.reduced.level) == ("s-2", 0, len(ORDER))


def test_a_change_is_told_later_where_custody_is_away(desk, caplog):
    def away(request):
        raise CustodyAway("not there")

    desk.film_s(1)
    desk.custody.answers[ReportReduction] = away
    desk.costly.cost_ms = {"faces": 280, "items": 300, "gaze": 20}
    with caplog.at_level(logging.ERROR):
        desk.film_s(10)
    desk.custody.asked.clear()
    desk.custody.answers.clear()
    desk.film_s(1)
    told = [report.reduced.level for report in desk.custody.asked_for(ReportReduction)]
    assert told[:2] == [1, 2]


def test_a_pause_of_the_exam_changes_no_level(desk):
    desk.costly.cost_ms = {"faces": 280, "items": 300, "gaze": 20}
    desk.film_s(30)
    desk.show(State.PAUSED)
    desk.service.step()
    desk.clock.pass_ms(600_000)
    before = len(desk.reports)
    desk.show(State.RUNNING)
    desk.film_s(2)
    assert len(desk.reports) == before
