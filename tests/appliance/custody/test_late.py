import pyrage
import pytest

from appliance.custody import disk
from appliance.runtime.custody_link import DiskFails
from proctoring import fact as f
from proctoring import wire
from proctoring.errors import Refused
from proctoring.session import State


def late(desk):
    folder = desk.desk.data_dir / "late"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.fixture
def sealed(desk):
    """A desk whose session was sealed before a segment was handed over; and that segment."""
    desk.run_exam()
    desk.ask(desk.segment(b"in time"), wire.Saved)
    request = desk.segment(b"too late", number=2)
    desk.finish()
    assert desk.view.state is State.SEALED
    return desk, request


def test_a_segment_that_comes_after_the_seal_is_kept_sealed_beside_the_ledger(sealed):
    desk, request = sealed
    before = desk.facts()
    assert desk.ask(request, wire.Saved) == wire.Saved(seq=0)
    assert desk.facts() == before
    (kept,) = late(desk)
    assert b"too late" not in kept.read_bytes()
    assert not any(desk.desk.incoming().iterdir())
    assert pyrage.decrypt(kept.read_bytes(), [desk.server_key()]) == b"too late"


def test_the_record_says_how_many_came_late(sealed):
    desk, request = sealed
    assert desk.ask(wire.AskRecord(), wire.Record).late_segments == 0
    desk.ask(request, wire.Saved)
    record = desk.ask(wire.AskRecord(), wire.Record)
    assert (record.segments, record.late_segments) == (1, 1)


def test_a_late_segment_offered_twice_is_kept_once(sealed):
    desk, request = sealed
    desk.ask(request, wire.Saved)
    desk.desk.incoming().joinpath("2.mp4").write_bytes(b"too late")
    desk.ask(request, wire.Saved)
    assert len(late(desk)) == 1
    assert not any(desk.desk.incoming().iterdir())


def test_one_that_came_in_time_and_is_offered_again_after_the_seal_is_not_late(desk):
    desk.run_exam()
    request = desk.segment(b"in time")
    desk.ask(request, wire.Saved)
    desk.finish()
    desk.desk.incoming().joinpath("1.mp4").write_bytes(b"in time")
    desk.ask(request, wire.Saved)
    assert late(desk) == []
    assert not any(desk.desk.incoming().iterdir())


def test_a_segment_of_an_older_session_is_late_also_while_the_next_is_running(sealed):
    desk, request = sealed
    desk.ask(wire.Leave())
    desk.clock.pass_ms(1000)
    desk.run_exam()
    desk.ask(request, wire.Saved)
    assert len(late(desk)) == 1
    assert desk.facts(f.SegmentStored) == []
    assert desk.ask(wire.AskRecord(), wire.Record).late_segments == 0


def test_a_segment_of_a_session_that_was_never_here_is_refused(sealed):
    desk, request = sealed
    with pytest.raises(Refused, match="not at this desk"):
        desk.ask(wire.StoreSegment(session="0" * 32, segment=request.segment, file=request.file), wire.Saved)
    assert late(desk) == []


def test_a_late_segment_too_leaves_the_last_of_the_disk_to_answers(sealed, monkeypatch):
    desk, request = sealed
    monkeypatch.setattr(disk, "RESERVE", 2**60)
    with pytest.raises(DiskFails, match="kept for answers"):
        desk.ask(request, wire.Saved)
    assert late(desk) == []
    assert any(desk.desk.incoming().iterdir())
