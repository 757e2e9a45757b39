"""The benchmark of faults at its smallest, and what it counts, held against ledgers that are known."""

import json
import subprocess
import sys

import pytest

from bench.faults import disk, tally
from bench.faults.tally import Hole, Kill
from bench.faults.typist import Saved
from proctoring import fact as f
from proctoring.fact import Part
from proctoring.ledger import Entry
from proctoring.segment import EndedBy, Segment
from proctoring.session import Move, State

NOTHING = {
    "answers_lost": 0,
    "broken_chains": 0,
    "sealed_segments_lost": 0,
    "gaps_without_reason": 0,
    "not_at_server": 0,
    "fsck_faults": 0,
}


@pytest.fixture
def disks():
    if lacking := disk.missing():
        pytest.skip(f"a disk whose power can be cut needs {lacking}")


def bench_faults(*arguments):
    command = [sys.executable, "-m", "bench.faults", "--json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.journey
@pytest.mark.timeout(400)
def test_killing_each_process_of_the_desk_loses_nothing_that_was_acknowledged():
    ran = bench_faults("--kills", "7", "--power-cuts", "0", "--seed", "11")
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout)
    assert {name: figures[name] for name in NOTHING} == NOTHING
    assert figures["during_kills"]["killed"] == {str(part): 1 for part in Part}
    assert figures["answers_saved"] > 0 < figures["segments"]
    assert figures["video_lost_s"]["n"] == 2, "one for each camera's recorder"
    by_process = figures["during_kills"]["video_lost_s_by_process"]
    assert {part: spread["n"] for part, spread in by_process.items()} == {"capture": 1, "capture_second": 1}


@pytest.mark.journey
@pytest.mark.timeout(400)
def test_cutting_the_power_loses_nothing_that_was_acknowledged_and_costs_the_candidate_no_time(disks):
    ran = bench_faults("--kills", "0", "--power-cuts", "3", "--seed", "7")
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout)
    assert {name: figures[name] for name in NOTHING} == NOTHING
    cuts = figures["during_power_cuts"]
    assert cuts["sessions_resumed"] == 3
    # Custody notes once a second that it is alive; what passed since the last note is given to the candidate.
    assert cuts["time_left_wrong_s"]["least"] >= -0.1
    assert figures["answers_saved"] > 0


# --- what is counted -------------------------------------------------------------------------------


def ledger_of(*facts):
    """Entries with these facts at these times; only what is counted matters."""
    return [
        Entry(
            desk="d", session="s", seq=n, at_utc_ms=0, mono_ms=at_ms + 1000, boot="b", at_ms=at_ms, prev="", fact=fact
        )
        for n, (at_ms, fact) in enumerate(facts, 1)
    ]


def stored(number, started_ms, ended_ms, frames=30, camera="front"):
    segment = Segment(
        camera=camera,
        number=number,
        started_ms=started_ms,
        ended_ms=ended_ms,
        size=1,
        sha256=f"hash {number}",
        frames=frames,
        ended_by=EndedBy.LENGTH,
    )
    return ended_ms, f.SegmentStored(segment=segment)


def end(at_ms):
    return at_ms, f.Moved(move=Move.SUBMIT, state=State.SUBMITTED, by="candidate", effective_ms=at_ms)


def test_an_answer_counts_as_kept_only_word_for_word():
    entries = ledger_of((10, f.Answered(question="q", value="a", revision=1)))
    assert tally.answers_lost([Saved("q", 1, "a")], entries) == []
    for other in (Saved("q", 1, "b"), Saved("q", 2, "a"), Saved("p", 1, "a")):
        assert tally.answers_lost([other], entries) == [other]


def test_a_segment_counts_as_kept_only_with_its_bytes(tmp_path):
    kept = tmp_path / "file"
    kept.write_bytes(b"bytes")
    (hash_,) = tally.stored_hashes([tmp_path])
    entries = ledger_of(stored(1, 0, 2000))
    assert tally.segments_lost(entries, {hash_}) == ["hash 1"]
    assert tally.segments_lost(entries, {hash_, "hash 1"}) == []


def test_holes_lie_between_the_first_picture_and_the_end_of_the_exam():
    entries = ledger_of(stored(1, 100, 2000), stored(3, 2500, 4000), stored(2, 2010, 2300), end(4600))
    assert tally.holes(entries) == [Hole(2300, 2500), Hole(4000, 4600)]
    assert tally.holes(ledger_of(stored(1, 100, 2000), end(1500))) == []
    assert tally.holes(ledger_of(end(1500))) == [Hole(0, 1500)]


def test_a_hole_is_put_down_to_the_recorders_kill_before_any_other():
    hole, zero = Hole(2000, 2600), 1000
    sync, capture = Kill(Part.SYNC, 3050), Kill(Part.CAPTURE, 3100)
    assert tally.maker_of(hole, [sync, capture], zero) == capture
    assert tally.maker_of(hole, [sync], zero) == sync
    assert tally.maker_of(hole, [Kill(Part.CAPTURE, 2000), Kill(Part.CAPTURE, 3700)], zero) is None


def test_each_cameras_recording_has_its_own_holes_and_makers():
    side = [stored(1, 100, 2000, camera="side"), stored(2, 2600, 4600, camera="side")]
    entries = ledger_of(stored(1, 100, 2300), *side, stored(2, 2300, 4600), end(4600))
    assert tally.holes(entries) == []
    (hole,) = tally.holes(entries, Part.CAPTURE_SECOND)
    assert hole == Hole(2000, 2600, Part.CAPTURE_SECOND)
    first, second, sync = (Kill(part, 3050) for part in (Part.CAPTURE, Part.CAPTURE_SECOND, Part.SYNC))
    assert tally.maker_of(hole, [first, sync, second], 1000) == second
    assert tally.maker_of(hole, [first, sync], 1000) == sync
    assert tally.maker_of(hole, [first], 1000) is None, "the end of one recorder explains nothing of the other"


def test_a_hole_in_one_recording_is_not_told_by_a_gap_of_the_other():
    hole = Hole(2000, 3500, Part.CAPTURE_SECOND)
    gaps = {
        part: ledger_of((5000, f.Gap(part=part, from_ms=1900, to_ms=2500, reason="It stopped.")))
        for part in (Part.CAPTURE, Part.CAPTURE_SECOND, Part.CUSTODY)
    }
    assert {part: tally.untold(hole, entries) for part, entries in gaps.items()} == {
        Part.CAPTURE: True,
        Part.CAPTURE_SECOND: False,
        Part.CUSTODY: False,
    }


def test_a_long_hole_needs_an_entry_that_tells_of_it():
    gap = (5000, f.Gap(part=Part.CAPTURE, from_ms=1900, to_ms=2500, reason="It stopped."))
    assert tally.untold(Hole(2000, 3500), ledger_of())
    assert not tally.untold(Hole(2000, 3500), ledger_of(gap))
    assert not tally.untold(Hole(2000, 2500), ledger_of())


def test_a_gap_without_a_reason_is_counted():
    gaps = [(1, f.Gap(part=Part.SYNC, from_ms=0, to_ms=1, reason=reason)) for reason in ("", " ", "killed")]
    assert tally.without_reason(ledger_of(*gaps)) == 2


def test_missing_pictures_are_a_share_of_what_the_times_promise():
    assert tally.pictures_missing(ledger_of(stored(1, 0, 2000, frames=15)), per_s=15) == 0.5
    assert tally.pictures_missing(ledger_of(stored(1, 0, 2000, frames=31)), per_s=15) == 0


def test_without_root_it_says_what_the_power_cuts_need(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "root" in disk.missing()


def test_without_the_tool_it_says_which(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(disk.Path, "exists", lambda path: True)
    monkeypatch.setattr("shutil.which", lambda tool: None if tool == "mkfs.ext4" else f"/sbin/{tool}")
    assert "mkfs.ext4 (Debian: e2fsprogs" in disk.missing()


def test_a_cut_disk_keeps_what_was_synced_and_takes_nothing_more(disks, tmp_path):
    with disk.Disk(tmp_path / "image", tmp_path / "mount", 16) as made:
        kept = tmp_path / "mount" / "kept"
        with kept.open("w") as file:
            file.write("synced")
            file.flush()
            disk.os.fsync(file.fileno())
        made.remount("ro")
        made.remount("rw")
        made.cut()
        with pytest.raises(OSError):
            (tmp_path / "mount" / "later").write_text("too late")
        made.unmount()
        made.mount()
        assert kept.read_text() == "synced"
        assert not (tmp_path / "mount" / "later").exists()
    assert not kept.exists()
