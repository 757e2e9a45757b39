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
        desk.ask(wire.StoreSegment(segment=lie, file=request.file), wire.Saved)
    assert stored(desk) == []
    assert len(list((desk.desk.data_dir / "incoming").iterdir())) == 1


def test_only_the_incoming_folder_is_read(desk, tmp_path):
    desk.run_exam()
    request = desk.segment()
    outside = tmp_path / "secret"
    outside.write_bytes(b"moving pictures")
    for file in (str(outside), f"{desk.desk.data_dir}/incoming/../../secret"):
        with pytest.raises(Refused, match="incoming"):
            desk.ask(wire.StoreSegment(segment=request.segment, file=file), wire.Saved)
    assert outside.exists()


def test_half_a_file_of_an_earlier_life_is_cleared_away(desk):
    desk.run_exam()
    half = desk.desk.folder("segments") / "abc.part"
    half.write_bytes(b"half")
    desk.die_and_start_again()
    assert not half.exists()
