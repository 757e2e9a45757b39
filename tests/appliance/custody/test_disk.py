import shutil
import sqlite3
from types import SimpleNamespace

import pytest

from appliance.custody.disk import RESERVE
from appliance.custody.space import FILE, MARGIN
from appliance.custody.store import StorageFailed, Store
from appliance.runtime.custody_link import DiskFails
from proctoring import fact as f
from proctoring import wire
from proctoring.fact import DiskTrouble, Part


@pytest.fixture
def room(monkeypatch):
    """How much is free on the disk; a test sets `room.free`, or `room.error`."""
    room = SimpleNamespace(free=2**40, error=None)

    def usage(folder):
        if room.error:
            raise room.error
        return room

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return room


@pytest.fixture
def broken(monkeypatch):
    """A switch for the database: while set, nothing can be written."""
    switch = SimpleNamespace(on=False)
    add = Store.add

    def failing(store, *given, **named):
        if switch.on:
            raise StorageFailed("The disk is bad.") from sqlite3.OperationalError("disk I/O error")
        return add(store, *given, **named)

    monkeypatch.setattr(Store, "add", failing)
    return switch


def custody_gaps(desk):
    return [gap for gap in desk.facts(f.Gap) if gap.part is Part.CUSTODY]


def save(desk, revision):
    return desk.ask(wire.SaveAnswer(question="q2", value="text", revision=revision), wire.Saved)


def lose_reservation(desk):
    """The room that was reserved is used up, as by an exam far longer than was planned."""
    (desk.desk.data_dir / FILE).unlink()


def test_no_session_begins_where_its_recording_would_have_to_wait():
    assert RESERVE < MARGIN


def test_on_a_disk_that_is_nearly_full_answers_are_saved_and_recordings_wait(desk, room):
    desk.run_exam()
    lose_reservation(desk)
    room.free = RESERVE - 1
    request = desk.segment()
    with pytest.raises(DiskFails, match="Recordings wait in memory"):
        desk.ask(request, wire.Saved)
    save(desk, 1)
    desk.pass_s(1)
    assert desk.view.disk is DiskTrouble.FULL
    (gap,) = custody_gaps(desk)
    assert "nearly full" in gap.reason
    assert gap.from_ms == gap.to_ms
    desk.pass_s(2)
    room.free = RESERVE
    desk.pass_s(1)
    assert desk.view.disk is None
    assert custody_gaps(desk)[1].to_ms - custody_gaps(desk)[1].from_ms == 3000
    desk.ask(request, wire.Saved)
    assert len(desk.facts(f.SegmentStored)) == 1


def test_while_nothing_can_be_written_the_screen_says_so_and_later_the_ledger(desk, broken):
    desk.run_exam()
    desk.pass_s(1)
    broken.on = True
    with pytest.raises(DiskFails):
        save(desk, 1)
    assert desk.view.disk is DiskTrouble.FAILS
    desk.pass_s(4)
    broken.on = False
    save(desk, 1)
    desk.pass_s(1)
    assert desk.view.disk is None
    (gap,) = custody_gaps(desk)
    assert (gap.from_ms, gap.to_ms) == (1000, 6000)
    assert "took nothing (disk I/O error)" in gap.reason


def test_a_note_that_cannot_be_written_is_found_without_anybody_typing(desk, broken):
    desk.run_exam()
    broken.on = True
    desk.pass_s(1)
    assert desk.view.disk is DiskTrouble.FAILS


def test_a_disk_that_does_not_say_how_full_it_is_is_not_taken_for_full(desk, room):
    desk.run_exam()
    room.error = OSError(5, "Input/output error")
    desk.ask(desk.segment(), wire.Saved)
    desk.pass_s(1)
    assert desk.view.disk is None


def test_without_an_exam_under_way_trouble_stands_on_the_screen_alone(desk, room):
    desk.prepare()
    room.free = 0
    desk.pass_s(1)
    assert desk.view.disk is DiskTrouble.FULL
    room.free = 2**40
    desk.pass_s(1)
    assert desk.view.disk is None
