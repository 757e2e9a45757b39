import msgspec
import pytest

from proctoring import fact as f
from proctoring import wire
from proctoring.errors import Refused


def stored(desk):
    return sorted(path.name for path in (desk.desk.data_dir / "segments").iterdir())


def test_a_segment_is_named_by_its_hash_and_stands_in_the_ledger(desk):
    desk.run_exam()
    request = desk.segment()
    desk.ask(request, wire.Saved)
    assert stored(desk) == [f"{request.segment.sha256}.mp4"]
    assert desk.facts(f.SegmentStored) == [f.SegmentStored(segment=request.segment)]
    assert not list((desk.desk.data_dir / "incoming").iterdir())


def test_the_same_segment_twice_has_effect_once(desk):
    desk.run_exam()
    request = desk.segment()
    first = desk.ask(request, wire.Saved)
    assert desk.ask(desk.segment(), wire.Saved) == first
    assert len(desk.facts(f.SegmentStored)) == 1
    assert not list((desk.desk.data_dir / "incoming").iterdir())


def test_a_file_that_is_not_what_was_announced_is_refused_and_kept_where_it_is(desk):
    desk.run_exam()
    request = desk.segment()
    lie = msgspec.structs.replace(request.segment, sha256="0" * 64)
    with pytest.raises(Refused, match="not what was announced"):
        desk.ask(wire.StoreSegment(session=request.session, segment=lie, file=request.file), wire.Saved)
    assert stored(desk) == []
    assert len(list((desk.desk.data_dir / "incoming").iterdir())) == 1


def test_only_the_incoming_folder_is_read(desk, tmp_path):
    desk.run_exam()
    request = desk.segment()
    outside = tmp_path / "secret"
    outside.write_bytes(b"moving pictures")
    for file in (str(outside), f"{desk.desk.data_dir}/incoming/../../secret"):
        with pytest.raises(Refused, match="incoming"):
            desk.ask(wire.StoreSegment(session=request.session, segment=request.segment, file=file), wire.Saved)
    assert outside.exists()


def test_half_a_file_of_an_earlier_life_is_cleared_away(desk):
    desk.run_exam()
    half = desk.desk.folder("segments") / "abc.part"
    half.write_bytes(b"half")
    desk.die_and_start_again()
    assert not half.exists()


def test_two_segments_with_the_same_bytes_both_stand_in_the_ledger(desk):
    """As those of a camera whose picture stands still."""
    desk.run_exam()
    for number in (1, 2):
        desk.ask(desk.segment(b"the same bytes", number), wire.Saved)
    assert [fact.segment.number for fact in desk.facts(f.SegmentStored)] == [1, 2]
    assert len(stored(desk)) == 1
    assert len(desk.ask(wire.AskOutbox(), wire.Outbox).segments) == 1


def test_a_number_that_comes_again_with_other_bytes_is_refused_and_kept(desk):
    desk.run_exam()
    desk.ask(desk.segment(b"one"), wire.Saved)
    with pytest.raises(Refused, match="with other bytes"):
        desk.ask(desk.segment(b"another"), wire.Saved)
    assert len(list((desk.desk.data_dir / "incoming").iterdir())) == 1


@pytest.mark.parametrize("name", ["custody/custody.db", "incoming/../custody/custody.db"])
def test_a_repeated_announcement_deletes_nothing_outside_the_incoming_folder(desk, name):
    desk.run_exam()
    request = desk.segment()
    desk.ask(request, wire.Saved)
    victim = f"{desk.desk.data_dir}/{name}"
    with pytest.raises(Refused, match="incoming"):
        desk.ask(msgspec.structs.replace(request, file=victim), wire.Saved)
    assert (desk.desk.data_dir / "custody" / "custody.db").exists()


def test_a_path_that_no_system_knows_ends_nothing(desk):
    desk.run_exam()
    request = desk.segment()
    with pytest.raises(Refused):
        desk.ask(msgspec.structs.replace(request, file="a\0b"), wire.Saved)
    desk.ask(request, wire.Saved)
