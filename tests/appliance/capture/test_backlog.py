from __future__ import annotations

import threading

import pytest

from appliance.capture.backlog import Backlog, beside
from appliance.capture.recorder import Recorder
from proctoring.policy import Recording
from proctoring.segment import EndedBy


class SlowTape:
    """A tape that writes down what it is told, as soon as it may."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.may = threading.Event()

    def add(self, frame, at_ms: int) -> None:
        assert self.may.wait(30)
        self.told.append(("add", at_ms))

    def miss(self, at_ms: int) -> None:
        self.told.append(("miss", at_ms))

    def hear(self, sound, at_ms: int) -> None:
        self.told.append(("hear", at_ms))

    def mute(self, reason: str) -> None:
        self.told.append(("mute", reason))

    def fault(self, reason: str) -> None:
        self.told.append(("fault", reason))

    def look(self, now_ms: int) -> None:
        self.told.append(("look", now_ms))

    def stop(self, now_ms: int, why: EndedBy) -> None:
        self.told.append(("stop", now_ms, why))


def test_the_camera_does_not_wait_for_a_slow_tape_and_nothing_changes_its_order(make_frame) -> None:
    tape = SlowTape()
    backlog = Backlog(tape, pictures=4)
    for number in range(3):
        backlog.add(make_frame(number, 0), number)
    backlog.fault("unplugged")
    backlog.look(3)
    assert tape.told == []
    tape.may.set()
    backlog.stop(4, EndedBy.STOP)
    assert tape.told == [
        ("add", 0),
        ("add", 1),
        ("add", 2),
        ("fault", "unplugged"),
        ("look", 3),
        ("stop", 4, EndedBy.STOP),
    ]


def test_a_picture_for_which_there_is_no_room_is_told_as_missed(make_frame) -> None:
    tape = SlowTape()
    backlog = Backlog(tape, pictures=2)
    for number in range(4):
        backlog.add(make_frame(number, 0), number)
    tape.may.set()
    backlog.stop(4, EndedBy.STOP)
    assert tape.told[:4] == [("add", 0), ("add", 1), ("miss", 2), ("miss", 3)]


def test_room_that_was_used_is_free_again(make_frame) -> None:
    tape = SlowTape()
    tape.may.set()
    backlog = Backlog(tape, pictures=1)
    backlog.add(make_frame(0, 0), 0)
    assert backlog._room.acquire(timeout=30)
    backlog._room.release()
    backlog.add(make_frame(1, 0), 1)
    backlog.stop(2, EndedBy.STOP)
    assert [step[0] for step in tape.told] == ["add", "add", "stop"]


def test_what_the_tape_dies_of_is_raised_in_the_camera_s_thread(make_frame) -> None:
    class Broken(SlowTape):
        def add(self, frame, at_ms: int) -> None:
            raise ZeroDivisionError

    backlog = Backlog(Broken(), pictures=2)
    backlog.add(make_frame(0, 0), 0)
    with pytest.raises(ZeroDivisionError):
        backlog.stop(1, EndedBy.STOP)


def test_when_stopped_all_that_was_added_is_a_finished_segment(incoming, settings, make_frame) -> None:
    gaps: list[object] = []
    backlog = beside(Recorder(incoming, "a", settings, 0, gaps.append), settings)
    for number in range(40):
        backlog.add(make_frame(number, 0), number * 67)
    backlog.stop(2680, EndedBy.STOP)
    assert sum(done.frames for done in incoming.done()) == 40
    assert gaps == []


def test_even_the_largest_pictures_have_some_room(make_frame) -> None:
    tape = SlowTape()
    backlog = beside(tape, Recording(width=3840, height=2160))
    for number in range(8):
        backlog.add(make_frame(number, 0), number)
    tape.may.set()
    backlog.stop(8, EndedBy.STOP)
    assert [step[0] for step in tape.told] == ["add"] * 8 + ["stop"]
