"""What goes to the server and what comes back: the outbox, receipts, orders."""

from __future__ import annotations

import logging
from typing import Final

from appliance.custody.exam_desk import ExamDesk
from appliance.custody.preparation import PREPARED
from appliance.custody.retention import Retention
from appliance.custody.scribe import Scribe
from appliance.custody.sealing import check_recipients
from appliance.custody.store import Store
from appliance.custody.timekeeping import Timekeeping
from proctoring import fact as f
from proctoring import wire
from proctoring.errors import Refused
from proctoring.naming import snake
from proctoring.session import Move, extend
from proctoring.wire import Order, OrderOutcome

log = logging.getLogger(__name__)

SEGMENTS_A_TIME: Final = 64
"""Enough that a few which the server keeps refusing never hold up all the others."""


class Post:
    """Custody's side of `sync`."""

    def __init__(
        self,
        desk: str,
        scribe: Scribe,
        store: Store,
        exam_desk: ExamDesk,
        timekeeping: Timekeeping,
        retention: Retention,
    ) -> None:
        self._desk = desk
        self._scribe = scribe
        self._store = store
        self._exam_desk = exam_desk
        self._timekeeping = timekeeping
        self._retention = retention

    def outbox(self) -> wire.Outbox:
        """Everything the server has not confirmed; of segments the oldest few."""
        sessions = (wire.Pending(*row) for row in self._store.unreceipted())
        return wire.Outbox(sessions=tuple(sessions), segments=tuple(self._store.unreceived(SEGMENTS_A_TIME)))

    def lines(self, request: wire.AskLines) -> wire.Lines:
        """Ledger lines to send."""
        lines = self._store.lines(request.session, request.after, request.limit)
        return wire.Lines(session=request.session, lines=tuple(lines))

    def take_receipt(self, receipt: wire.Receipt) -> None:
        """Keeps a receipt, if it is for what this desk holds."""
        if receipt.desk != self._desk:
            raise Refused("wrong_desk", f"This receipt is for {receipt.desk}.")
        if receipt.up_to_seq and self._store.line_hash(receipt.session, receipt.up_to_seq) != receipt.up_to_hash:
            log.error("the server's receipt for entry %d is not for our ledger", receipt.up_to_seq)
            raise Refused("receipt_differs", "The server confirms an entry that this desk does not have.")
        self._store.add_receipt(
            receipt.session, receipt.up_to_seq, receipt.up_to_hash, receipt.segments, self._timekeeping.utc_ms()
        )

    def take_order(self, order: Order) -> OrderOutcome:
        """Carries an order out, once, and records it with who gave it: all in one transaction."""
        known = self._store.outcome(order.id)
        if known is not None:
            outcome: OrderOutcome = wire.decode(known, OrderOutcome)
            return outcome
        facts: list[f.Fact] = []
        try:
            outcome = self._check(order)
            if outcome.result == "succeeded":
                facts = self._facts(order.command, order.by)
        except Refused as refusal:
            outcome = OrderOutcome(desk=self._desk, order=order.id, result="rejected", reason=refusal.reason)
            facts = self._refusal(order, refusal)
        self._keep(order, outcome, facts)
        return outcome

    def _check(self, order: Order) -> OrderOutcome:
        if order.desk != self._desk:
            raise Refused("wrong_desk", f"This order is for {order.desk}.")
        if isinstance(order.command, wire.Hold | wire.Release):
            if order.session is None or self._store.line_hash(order.session, 1) is None:
                raise Refused("unknown_session", "This desk has no such session.")
        elif order.session is not None and not self._is_current(order):
            raise Refused("wrong_session", "That session is not at this desk any more.")
        # A wall clock that is known to be wrong, and by how much is not, judges nobody's order.
        expired = self._timekeeping.trusted and self._timekeeping.utc_ms() > order.expires_utc_ms
        return OrderOutcome(desk=self._desk, order=order.id, result="expired" if expired else "succeeded")

    def _is_current(self, order: Order) -> bool:
        history = self._scribe.history
        return history is not None and history.session.id == order.session

    def _facts(self, command: wire.Command, by: str) -> list[f.Fact]:
        """What carrying the command out adds to the ledger. Raises Refused where it cannot be."""
        match command:
            case wire.Prepare(recipients=recipients):
                check_recipients(recipients)
                return []
            case wire.Hold() | wire.Release():
                return []  # never in the ledger: it is about one that is sealed, or will be
            case wire.Say(text=text):
                return [f.Said(text=text, by=by)] if self._scribe.is_open else self._over()
            case wire.Extend(extra_ms=extra_ms, reason=reason):
                extend(self._scribe.current().session, extra_ms)
                return [f.Extended(extra_ms=extra_ms, by=by, reason=reason)]
            case _:
                move, reason = _move_of(command)
                return [self._exam_desk.moved(self._scribe.current().session.state, move, by, reason)]

    def _over(self) -> list[f.Fact]:
        self._scribe.current()
        raise Refused("sealed", "The session is over and sealed; the candidate cannot be told anything any more.")

    def _refusal(self, order: Order, refusal: Refused) -> list[f.Fact]:
        """A refused move stands in the ledger as such, whoever asked for it."""
        if refusal.code != "move_not_allowed" or isinstance(order.command, wire.Extend):
            return []
        move, _ = _move_of(order.command)
        state = self._scribe.current().session.state
        return [f.MoveRefused(move=move, state=state, by=order.by, reason=refusal.reason)]

    def _keep(self, order: Order, outcome: OrderOutcome, facts: list[f.Fact]) -> None:
        answer = (order.id, wire.encode(outcome))
        hold = self._retention.held(order)
        if hold is not None:
            return self._store.add(outcome=answer, hold=hold if outcome.result == "succeeded" else None)
        prepare = order.command if isinstance(order.command, wire.Prepare) else None
        if prepare is not None or not self._scribe.is_open or not self._concerns(order):
            succeeded = prepare is not None and outcome.result == "succeeded"
            notes = {PREPARED: wire.encode(prepare).decode()} if prepare is not None and succeeded else {}
            return self._store.add(outcome=answer, notes=notes)
        taken = f.OrderTaken(
            order=order.id,
            what=snake(type(order.command).__name__),
            by=order.by,
            result=outcome.result,
            reason=outcome.reason,
        )
        self._scribe.write(*facts, taken, outcome=answer)
        return None

    def _concerns(self, order: Order) -> bool:
        """An order for another session does not belong into this candidate's ledger."""
        return order.desk == self._desk and (order.session is None or self._is_current(order))


def _move_of(command: wire.Command) -> tuple[Move, str]:
    match command:
        case wire.Admit():
            return Move.ADMIT, ""
        case wire.Pause(reason=reason):
            return Move.PAUSE, reason
        case wire.Resume():
            return Move.RESUME, ""
        case wire.End(reason=reason):
            return Move.TERMINATE, reason
    raise Refused("no_move", f"{type(command).__name__} moves no session.")
