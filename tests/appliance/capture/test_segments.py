from __future__ import annotations

import hashlib
from pathlib import Path

from appliance.capture.segments import Incoming
from proctoring.segment import EndedBy


def write(incoming: Incoming, session: str = "desk-1.2026-11-22.a", started_ms: int = 80, data: bytes = b"film"):
    part = incoming.begin(session, started_ms)
    part.path.write_bytes(data)
    return part


def test_a_finished_segment_is_known_from_its_name_alone(incoming: Incoming) -> None:
    incoming.finish(write(incoming), 2080, 30, EndedBy.LENGTH)
    (done,) = incoming.done()
    segment = done.segment("front")
    assert (done.session, segment.number, segment.started_ms, segment.ended_ms) == (
        "desk-1.2026-11-22.a",
        1,
        80,
        2080,
    )
    assert (segment.frames, segment.ended_by, segment.camera) == (30, EndedBy.LENGTH, "front")
    assert (segment.size, segment.sha256) == (4, hashlib.sha256(b"film").hexdigest())
    assert incoming.parts() == []


def test_numbers_go_on_after_custody_took_all_files_away(incoming: Incoming) -> None:
    for number in range(1, 4):
        done = incoming.finish(write(incoming), 2080, 30, EndedBy.LENGTH)
        assert done.number == number
        done.path.unlink()
    assert incoming.begin("desk-1.2026-11-22.a", 0).number == 4


def test_a_part_closed_over_late_does_not_take_the_count_back(incoming: Incoming) -> None:
    left_over, newer = write(incoming), write(incoming)
    for part in (newer, left_over):
        incoming.finish(part, 2080, 30, EndedBy.LENGTH).path.unlink()
    assert incoming.begin("desk-1.2026-11-22.a", 0).number == 3


def test_numbers_go_on_after_a_power_cut_took_the_folder_with_all_that_was_in_it(incoming: Incoming) -> None:
    incoming.count_on("a", 7)
    assert incoming.begin("a", 0).number == 8
    assert incoming.begin("b", 0).number == 1
    incoming.finish(write(incoming, "a"), 2080, 30, EndedBy.LENGTH)
    incoming.count_on("a", 7)
    assert incoming.begin("a", 0).number == 9


def test_a_part_left_by_a_crash_keeps_its_number_and_start(incoming: Incoming) -> None:
    write(incoming, started_ms=4321)
    (part,) = incoming.parts()
    assert (part.session, part.number, part.started_ms) == ("desk-1.2026-11-22.a", 1, 4321)
    assert incoming.begin(part.session, 9999).number == 2


def test_each_session_counts_for_itself(incoming: Incoming) -> None:
    incoming.finish(write(incoming, "a"), 2000, 30, EndedBy.STOP)
    assert incoming.begin("a", 0).number == 2
    assert incoming.begin("b", 0).number == 1
    assert incoming.begin("a.a", 0).number == 1


def test_what_cannot_be_played_stays_but_is_not_tried_again(incoming: Incoming) -> None:
    path = incoming.set_aside(write(incoming))
    assert path.read_bytes() == b"film"
    assert incoming.parts() == []
    assert incoming.begin("desk-1.2026-11-22.a", 0).number == 2


def test_segments_come_in_the_order_of_their_numbers(incoming: Incoming) -> None:
    for started_ms in (0, 2000, 100_000):
        incoming.finish(write(incoming, "a", started_ms), started_ms + 10, 1, EndedBy.LENGTH)
    assert [done.number for done in incoming.done()] == [1, 2, 3]


def test_files_of_others_are_left_alone(incoming: Incoming, tmp_path: Path) -> None:
    (tmp_path / "incoming" / "notes.txt").write_text("not ours")
    (tmp_path / "incoming" / "a.1.mp4").write_text("not ours")
    assert incoming.done() == incoming.parts() == []


def test_two_cameras_share_the_folder_and_neither_takes_the_others_files_for_its_own(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    first, second = Incoming(tmp_path / "incoming"), Incoming(tmp_path / "incoming", "second~")
    first.finish(write(first, "a"), 2080, 30, EndedBy.LENGTH)
    left_over = write(first, "a")
    assert second.done() == second.parts() == []
    assert second.begin("a", 0).number == 1
    second.finish(write(second, "a"), 2080, 30, EndedBy.LENGTH)
    second.set_aside(write(second, "a"))
    assert [(done.session, done.number) for done in second.done()] == [("a", 1)]
    assert [(done.session, done.number) for done in first.done()] == [("a", 1)]
    assert first.parts() == [left_over]
    assert (first.begin("a", 0).number, second.begin("a", 0).number) == (3, 3)
