import pytest

from proctoring import fact as f
from proctoring import wire
from proctoring.errors import Refused


def receipt(desk, seq, segments=(), hash_=None):
    session = desk.view.session
    return wire.TakeReceipt(
        receipt=wire.Receipt(
            desk="desk-1",
            session=session,
            up_to_seq=seq,
            up_to_hash=hash_ or desk.store.line_hash(session, seq),
            segments=segments,
        )
    )


def outbox(desk):
    return desk.ask(wire.AskOutbox(), wire.Outbox)


def test_the_outbox_holds_all_that_no_receipt_names(desk):
    view = desk.run_exam()
    desk.ask(desk.segment(), wire.Saved)
    (pending,) = outbox(desk).sessions
    assert (pending.session, pending.head_seq, pending.receipted_seq) == (view.session, desk.view.head_seq, 0)
    (segment,) = outbox(desk).segments
    assert [segment.sha256] == [fact.segment.sha256 for fact in desk.facts(f.SegmentStored)]
    desk.ask(receipt(desk, 3), wire.Done)
    assert outbox(desk).sessions[0].receipted_seq == 3
    desk.ask(receipt(desk, desk.view.head_seq, (segment.sha256,)), wire.Done)
    assert outbox(desk) == wire.Outbox(sessions=(), segments=())


def test_an_older_receipt_takes_nothing_back(desk):
    desk.run_exam()
    desk.ask(receipt(desk, 5), wire.Done)
    desk.ask(receipt(desk, 2), wire.Done)
    assert outbox(desk).sessions[0].receipted_seq == 5


def test_a_receipt_for_another_ledger_is_refused(desk):
    desk.run_exam()
    with pytest.raises(Refused, match="does not have"):
        desk.ask(receipt(desk, 3, hash_="0" * 64), wire.Done)
    assert outbox(desk).sessions[0].receipted_seq == 0


def test_lines_come_in_order_and_in_portions(desk):
    session = desk.run_exam().session
    first = desk.ask(wire.AskLines(session=session, after=0, limit=3), wire.Lines).lines
    rest = desk.ask(wire.AskLines(session=session, after=3), wire.Lines).lines
    assert first + rest == tuple(desk.store.lines(session))


def test_an_earlier_session_stays_in_the_outbox_until_its_receipt(desk):
    first = desk.run_exam().session
    desk.finish()
    desk.ask(wire.Leave())
    desk.run_exam()
    assert next(pending.session for pending in outbox(desk).sessions) == first
    assert len(outbox(desk).sessions) == 2
