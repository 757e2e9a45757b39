"""What goes to the server and what comes back: the outbox, receipts, orders."""

from __future__ import annotations

import logging
from typing import Final

from appliance.custody.exam_desk import ExamDesk
from appliance.custody.scribe import Scribe
from appliance.custody.store import Store
from appliance.runtime.clock import Clock
from proctoring import wire
from proctoring.errors import Refused
from proctoring.fact import OrderTaken, Said
from proctoring.naming import snake
from proctoring.session import Move

log = logging.getLogger(__name__)

SEGMENTS_A_TIME: Final = 64
"""Enough that a few which the server keeps refusing never hold up all the others."""


class Post:
    """Custody's side of `sync`."""

    def __init__(self, desk: str, scribe: Scribe, store: Store, exam_desk: ExamDesk, clock: Clock) -> None:
        self._desk = desk
        self._scribe = scribe
        self._store = store
        self._exam_desk = exam_desk
        self._clock = clock

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
            receipt.session, receipt.up_to_seq, receipt.up_to_hash, receipt.segments, self._clock.utc_ms()
        )

    def take_order(self, order: wire.Order) -> wire.OrderOutcome:
        """Carries an order out, once, and records it with who gave it."""
        known = self._store.outcome(order.id)
        if known is not None:
            outcome: wire.OrderOutcome = wire.decode(known, wire.OrderOutcome)
            return outcome
        outcome = self._carry_out(order)
        self._store.add_outcome(order.id, wire.encode(outcome))
        self._record(order, outcome)
        return outcome

    def _carry_out(self, order: wire.Order) -> wire.OrderOutcome:
        try:
            self._check(order)
            if self._clock.utc_ms() > order.expires_utc_ms:
                return wire.OrderOutcome(desk=self._desk, order=order.id, result="expired")
            self._obey(order.command, order.by)
        except Refused as refusal:
            return wire.OrderOutcome(desk=self._desk, order=order.id, result="rejected", reason=refusal.reason)
        return wire.OrderOutcome(desk=self._desk, order=order.id, result="succeeded")

    def _check(self, order: wire.Order) -> None:
        if order.desk != self._desk:
            raise Refused("wrong_desk", f"This order is for {order.desk}.")
        if order.session is not None and self._scribe.current().session.id != order.session:
            raise Refused("wrong_session", "That session is not at this desk any more.")

    def _obey(self, command: wire.Command, by: str) -> None:
        match command:
            case wire.Prepare():
                self._exam_desk.prepare(command)
            case wire.Admit():
                self._exam_desk.move(Move.ADMIT, by)
            case wire.Pause(reason=reason):
                self._exam_desk.move(Move.PAUSE, by, reason)
            case wire.Resume():
                self._exam_desk.move(Move.RESUME, by)
            case wire.Extend(extra_ms=extra_ms, reason=reason):
                self._exam_desk.extend(extra_ms, by, reason)
            case wire.End(reason=reason):
                self._exam_desk.move(Move.TERMINATE, by, reason)
            case wire.Say(text=text):
                self._scribe.write(Said(text=text, by=by))

    def _record(self, order: wire.Order, outcome: wire.OrderOutcome) -> None:
        if self._scribe.history is None or isinstance(order.command, wire.Prepare):
            return
        what = snake(type(order.command).__name__)
        self._scribe.write(
            OrderTaken(order=order.id, what=what, by=order.by, result=outcome.result, reason=outcome.reason)
        )
