import shutil
from types import SimpleNamespace

import pytest

from appliance.custody.disk import RESERVE
from appliance.custody.space import FILE, MARGIN
from proctoring import fact as f
from proctoring import wire
from proctoring.errors import Refused
from proctoring.policy import Recording
from proctoring.session import State

NEED = Recording().bytes_for(10 * 60_000)


def reserved(desk):
    file = desk.desk.data_dir / FILE
    return file.stat().st_size if file.exists() else 0


def allocated(desk):
    return (desk.desk.data_dir / FILE).stat().st_blocks * 512


def test_the_room_is_what_time_margin_and_cameras_can_take():
    recording = Recording(bit_rate=800_000, spare_minutes=15)
    assert recording.bytes_for(3_600_000) == 75 * 60 * 100_000 * 1.25
    assert recording.bytes_for(3_600_000, cameras=2) == 2 * recording.bytes_for(3_600_000)


def test_a_session_begins_with_its_room_reserved_and_the_seal_gives_it_back(desk):
    desk.prepare()
    assert reserved(desk) == 0
    desk.run_exam()
    assert reserved(desk) == NEED
    assert allocated(desk) >= NEED, "a file full of holes reserves nothing"
    desk.finish()
    assert desk.view.state is State.SEALED
    desk.pass_s(1)
    assert reserved(desk) == 0


def test_each_segment_takes_its_room_from_what_is_reserved(desk):
    desk.run_exam()
    for number in (1, 2):
        desk.ask(desk.segment(bytes(100_000), number), wire.Saved)
    stored = sum(fact.segment.size for fact in desk.facts(f.SegmentStored))
    assert stored > 200_000
    desk.pass_s(1)
    assert reserved(desk) == NEED - stored


def test_where_it_does_not_fit_nothing_begins_and_nothing_stays_reserved(desk, monkeypatch):
    desk.prepare()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=NEED + MARGIN - 1))
    with pytest.raises(Refused, match="Nothing recorded before is deleted"):
        desk.ask(wire.SignIn(name="Ada"))
    assert desk.view.session is None
    assert reserved(desk) == 0
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=NEED + MARGIN))
    assert desk.ask(wire.SignIn(name="Ada")).state is State.CHECKING_IN


def test_a_disk_that_takes_back_its_word_refuses_the_session_as_well(desk, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    desk.prepare()
    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(Refused, match="no room for the recording"):
        desk.ask(wire.SignIn(name="Ada"))
    assert reserved(desk) == 0


def test_what_a_crash_left_reserved_is_found_at_the_start(desk):
    (desk.desk.data_dir / FILE).write_bytes(bytes(5000))
    desk.die_and_start_again()
    assert reserved(desk) == 0


def test_after_a_crash_an_open_session_has_the_room_that_it_still_needs(desk):
    desk.run_exam()
    desk.ask(desk.segment(bytes(100_000)), wire.Saved)
    (desk.desk.data_dir / FILE).unlink()
    desk.die_and_start_again()
    (stored,) = desk.facts(f.SegmentStored)
    assert reserved(desk) == NEED - stored.segment.size
    with (desk.desk.data_dir / FILE).open("ab") as file:
        file.truncate(NEED)
    desk.die_and_start_again()
    assert reserved(desk) == NEED - stored.segment.size


def test_on_a_disk_that_others_fill_recordings_go_on_from_what_is_reserved_and_answers_go_first(desk, monkeypatch):
    real = shutil.disk_usage
    desk.run_exam()
    others = real(desk.desk.data_dir).free - RESERVE + 2**20

    def usage(folder):
        return SimpleNamespace(free=max(0, real(folder).free - others))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    desk.pass_s(1)
    assert desk.view.disk is None
    assert reserved(desk) == pytest.approx(NEED - 2**20, abs=2**18), "the ledger's share is made whole from it"
    desk.ask(desk.segment(bytes(100_000)), wire.Saved)
