from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from proctoring.fact import Answered, Moved, Sealed
from proctoring.flag import FlagKind
from proctoring.ledger import Line
from proctoring.session import Move, State
from proctoring.wire import Facts, desk_topic
from review_server.tables import FlagRow, LineRow, MoveRow, RivalRow, SegmentRow, SessionRow

NUMBERS = itertools.count()
SHARED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def a_ledger(bench, answers: int = 8, name: str = "session-1"):
    desk = bench.Desk(session=name)
    desk.write(bench.opened())
    desk.write(Moved(move=Move.START, state=State.RUNNING, by="candidate"), 0)
    for revision in range(1, answers + 1):
        desk.write(Answered(question="train", value=float(revision), revision=revision), revision * 100)
        desk.write(bench.segment(b"%d" % revision, revision, revision * 100), revision * 100)
    return desk


def held(server, name: str = "session-1") -> list[tuple[object, ...]]:
    """Everything stored about a session, without the times of our own clock."""
    with server.store.read() as tx:
        row = tx.get(SessionRow, name)
        lines = tx.execute(select(LineRow.seq, LineRow.hash, LineRow.text).where(LineRow.session == name))
        segments = tx.execute(select(SegmentRow.seq, SegmentRow.sha256).where(SegmentRow.session == name))
        standing = (row.head_seq, row.head_hash, row.candidate, row.desk_state, row.dispute, row.stuck)
        return [standing, *sorted(map(tuple, lines)), *sorted(map(tuple, segments))]


def test_lines_are_stored_and_the_receipt_names_the_last_of_them(server, bench):
    desk = a_ledger(bench)
    server.far.publish(desk_topic("desk-1", "facts"), desk.facts())
    receipt = server.receipts()[-1]
    assert (receipt.up_to_seq, receipt.up_to_hash) == (desk.head.seq, desk.head.hash)
    assert [line for _, _, line in held(server)[1 : desk.head.seq + 1]] == [line.text for line in desk.lines]
    shown = server.shown()
    assert shown["ledger_verified"]
    assert shown["entries"] == desk.head.seq


def test_a_hole_is_answered_with_what_is_held_and_stores_nothing(server, bench):
    desk = a_ledger(bench)
    server.ingest.take(desk.facts(0, 3))
    server.ingest.take(desk.facts(5))
    assert server.receipts()[-1].up_to_seq == 3
    assert server.receipts()[-1].up_to_hash == desk.lines[2].hash
    assert server.shown()["entries"] == 3


def test_a_session_that_begins_with_a_hole_is_asked_for_from_its_start(server, bench):
    desk = a_ledger(bench)
    server.ingest.take(desk.facts(2))
    assert server.receipts()[-1].up_to_seq == 0
    assert server.staff().get("/sessions/session-1").status_code == 404


@SHARED
@given(data=st.data())
def test_repeated_and_reordered_messages_leave_the_same_store(server, bench, data):
    """Batches of any size come in any order and number; then the desk goes on from each receipt, as it does."""
    name = f"shuffled-{next(NUMBERS)}"
    desk = a_ledger(bench, name=name)
    spans = st.tuples(st.integers(0, len(desk.lines)), st.integers(1, 6))
    for after, limit in data.draw(st.lists(spans, max_size=12)):
        server.ingest.take(desk.facts(after, limit))
    server.ingest.take(desk.facts(0, 0))
    while server.receipts()[-1].up_to_seq < desk.head.seq:
        server.ingest.take(desk.facts(server.receipts()[-1].up_to_seq, 5))
    with tempfile.TemporaryDirectory() as folder:
        straight = bench.build(Path(folder), keep_free_bytes=0)
        straight.ingest.take(desk.facts())
        assert held(server, name) == held(straight, name)
        straight.store.close()


@SHARED
@given(data=st.data())
def test_any_flipped_byte_of_a_line_is_found_and_never_stored(server, bench, data):
    name = f"flipped-{next(NUMBERS)}"
    desk = a_ledger(bench, answers=2, name=name)
    number = data.draw(st.integers(1, len(desk.lines) - 1))
    text = bytearray(desk.lines[number].text.encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= data.draw(st.sampled_from([1, 2, 4, 8, 16]))
    bad = Line(text.decode("utf-8", "replace"), desk.lines[number].hash)
    lines = (*desk.lines[:number], bad, *desk.lines[number + 1 :])
    server.ingest.take(Facts(desk=desk.desk, session=name, lines=lines))
    # What came before it stands. A flipped sequence number may look like a hole; it is not stored either.
    assert server.receipts()[-1].up_to_seq == number
    server.ingest.take(desk.facts(number))
    assert server.receipts()[-1].up_to_seq == desk.head.seq
    assert server.shown(name)["ledger_verified"]


def test_a_line_that_does_not_verify_is_shown_with_its_reason_until_the_right_one_comes(server, bench):
    desk = a_ledger(bench)
    bad = Line(desk.lines[3].text.replace("1.0", "9.0").replace("100", "101"), desk.lines[3].hash)
    server.ingest.take(Facts(desk="desk-1", session="session-1", lines=(*desk.lines[:3], bad)))
    shown = server.shown()
    assert not shown["ledger_verified"]
    assert "entry 4" in shown["ledger_reason"]
    server.ingest.take(desk.facts(3))
    assert server.shown()["ledger_verified"]


def test_a_second_story_about_an_entry_disputes_the_session_and_overwrites_nothing(server, bench):
    desk, liar = a_ledger(bench), bench.Desk()
    server.ingest.take(desk.facts())
    before = held(server)[1:]
    for line in desk.lines[:3]:
        liar.lines.append(line)
    liar.head = msgspec.structs.replace(desk.head, seq=3, hash=desk.lines[2].hash)
    liar.write(Answered(question="train", value=99.0, revision=1), 100)
    server.ingest.take(liar.facts())
    assert held(server)[1:] == before
    shown = server.shown()
    assert not shown["ledger_verified"]
    assert "two different entries 4" in shown["ledger_reason"]
    with server.store.read() as tx:
        assert tx.scalars(select(RivalRow.text)).all() == [liar.lines[3].text]
    server.ingest.take(desk.facts())
    assert not server.shown()["ledger_verified"]


def test_a_damaged_copy_of_a_held_line_changes_nothing(server, bench):
    desk = a_ledger(bench)
    server.ingest.take(desk.facts())
    bad = Line(desk.lines[2].text.replace("train", "brain"), desk.lines[2].hash)
    server.ingest.take(Facts(desk="desk-1", session="session-1", lines=(bad,)))
    assert server.shown()["ledger_verified"]


def test_another_desk_s_session_is_refused(server, bench, caplog):
    desk = a_ledger(bench)
    server.ingest.take(desk.facts())
    count = len(server.receipts())
    stranger = bench.Desk(desk="desk-2")
    stranger.write(bench.opened("Somebody else"))
    server.ingest.take(stranger.facts())
    assert len(server.receipts()) == count
    assert "belongs to desk desk-1" in caplog.text
    assert server.shown()["candidate"] == "Amara Okafor"


def test_a_session_name_that_is_no_name_is_refused(server, bench, caplog):
    desk = bench.Desk(session="../../etc")
    desk.write(bench.opened())
    server.ingest.take(desk.facts())
    assert not server.receipts()
    assert "session's name" in caplog.text


def test_garbled_messages_are_counted_and_nothing_is_lost(server, bench):
    desk = a_ledger(bench)
    server.broker.accept(desk_topic("desk-1", "facts"), b"\xff{not json")
    server.broker.accept(desk_topic("desk-1", "facts"), b'{"type":"facts","v":9}')
    server.far.publish(desk_topic("desk-1", "facts"), desk.facts())
    assert server.bus.garbled == 2
    assert server.receipts()[-1].up_to_seq == desk.head.seq


def test_flags_keep_their_newest_times(server, bench, tmp_path):
    desk, _ = bench.whole(tmp_path)
    server.ingest.take(desk.facts())
    with server.store.read() as tx:
        found = {row.kind: (row.started_ms, row.ended_ms) for row in tx.scalars(select(FlagRow))}
    assert found[FlagKind.SEVERAL_FACES] == (5200, 7800)
    assert len(found) == 3


def test_a_line_that_was_changed_in_the_database_is_found_when_the_page_is_shown(server, bench):
    desk = a_ledger(bench)
    server.ingest.take(desk.facts())
    with server.store.write() as tx:
        line = tx.get_one(LineRow, ("session-1", 5))
        line.text = line.text.replace("2.0", "3.0")
    shown = server.shown()
    assert not shown["ledger_verified"]
    assert "entry 5" in shown["ledger_reason"]


def test_a_line_that_was_cut_off_the_end_of_the_database_is_found(server, bench):
    desk = a_ledger(bench)
    server.ingest.take(desk.facts())
    with server.store.write() as tx:
        tx.delete(tx.get_one(LineRow, ("session-1", desk.head.seq)))
    assert not server.shown()["ledger_verified"]


def moves(server) -> list[Move]:
    with server.store.read() as tx:
        return list(tx.scalars(select(MoveRow.move).order_by(MoveRow.number)))


def test_a_session_is_complete_once_sealed_and_all_its_segments_are_here(server, bench, tmp_path):
    desk, pieces = bench.whole(tmp_path)
    for piece in pieces[:4]:
        assert server.put(piece).status_code == 201
    server.ingest.take(desk.facts())
    assert server.shown()["state"] == "receiving"
    assert server.put(pieces[4]).status_code == 201
    assert server.shown()["state"] == "complete"
    assert server.shown()["segments"]["missing"] == []


def test_patience_runs_out_and_what_comes_later_still_completes(server, bench, tmp_path):
    desk, pieces = bench.whole(tmp_path)
    server.ingest.take(desk.facts())
    server.clock.pass_ms(60_000)
    server.service.look()
    assert server.shown()["state"] == "receiving"
    server.clock.pass_ms(1)
    server.service.look()
    assert server.shown()["state"] == "incomplete"
    for piece in pieces:
        server.put(piece)
    assert server.shown()["state"] == "complete"
    assert moves(server) == [Move.GIVE_UP_WAITING, Move.COMPLETE]


def test_a_session_that_was_never_sealed_is_waited_for_longer(server, bench):
    server.ingest.take(a_ledger(bench).facts())
    server.clock.pass_ms(600_000)
    server.service.look()
    assert server.shown()["state"] == "receiving"
    server.clock.pass_ms(1)
    server.service.look()
    assert server.shown()["state"] == "incomplete"


def test_a_disputed_session_is_never_complete(server, bench, tmp_path):
    desk, pieces = bench.whole(tmp_path)
    server.ingest.take(desk.facts())
    with server.store.write() as tx:
        tx.get_one(SessionRow, "session-1").dispute = "two stories"
    for piece in pieces:
        server.put(piece)
    assert server.shown()["state"] == "receiving"


def test_what_comes_after_a_seal_and_is_damaged_does_not_unmake_the_session(server, bench):
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(Sealed(segments=0, answers=0, flags=0), 10)
    server.ingest.take(desk.facts())
    server.ingest.take(Facts(desk="desk-1", session="session-1", lines=(Line("{}", "0" * 64),)))
    assert server.shown()["ledger_verified"]
    assert server.shown()["state"] == "complete"


def test_the_same_bytes_named_by_two_segments_count_for_both(server, bench):
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(bench.segment(b"dark", 0, 0), 2000)
    desk.write(bench.segment(b"dark", 1, 2000), 4000)
    desk.write(Sealed(segments=2, answers=0, flags=0), 4000)
    server.ingest.take(desk.facts())
    server.put(b"dark")
    assert server.shown()["state"] == "complete"
