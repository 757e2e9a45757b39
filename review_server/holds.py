"""Legal holds: a person says that a session's recording must stay, and why; later perhaps that it need not any more.

Each word is a row of its own and is never edited; the newest about a session counts. Its desk is told by an order,
and told again whenever it comes online until it has answered: a desk may be switched off for weeks.
"""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from messaging.ports import Bus, BusFull
from proctoring.errors import Refused
from proctoring.wire import Hold, Order, Presence, Release, desk_topic
from review_server.store import Store
from review_server.tables import HoldRow, OrderRow, SessionRow
from web.clock import Clock

log = logging.getLogger(__name__)

LIFE_MS: Final = 10 * 365 * 86_400_000
"""A hold does not grow old on its way to the desk."""


def holds_of(tx: Session, session: str) -> list[HoldRow]:
    """All that was said about holds on a session, oldest first."""
    return list(tx.scalars(select(HoldRow).where(HoldRow.session == session).order_by(HoldRow.number)))


def is_held(tx: Session, session: str) -> bool:
    """Whether a legal hold stands."""
    newest = tx.scalars(select(HoldRow).where(HoldRow.session == session).order_by(HoldRow.number.desc())).first()
    return newest is not None and newest.held


class Holds:
    """Sets and lifts holds and tells desks. Any thread."""

    def __init__(self, store: Store, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    def place(self, session: str, held: bool, by: str, reason: str) -> None:
        """Sets a hold, or lifts it. Raises Refused without a reason, or where there is nothing to lift."""
        if not reason.strip():
            raise Refused("no_reason", "Say why: whoever asks later must find it here.")
        with self._store.write() as tx:
            row = tx.get(SessionRow, session)
            if row is None:
                raise Refused("unknown_session", f"There is no session {session!r} here.")
            if not held and not is_held(tx, session):
                raise Refused("not_held", "There is no legal hold on this session to lift.")
            hold = HoldRow(session=session, held=held, by=by, reason=reason.strip(), at_utc_ms=self._clock.utc_ms())
            tx.add(hold)
            tx.flush()
            order = _order(row.desk, hold)
            tx.add(_order_row(order))
        self._publish(order)

    def meet(self, presence: Presence) -> None:
        """A desk is there: it is told the newest about each of its sessions that it has not answered yet."""
        if not presence.online:
            return
        with self._store.read() as tx:
            orders = [_order(presence.desk, hold) for hold in _unanswered(tx, presence.desk)]
        for order in orders:
            self._publish(order)

    def _publish(self, order: Order) -> None:
        try:
            self._bus.publish(desk_topic(order.desk, "orders"), order)
        except BusFull as full:
            log.warning("%s was not told of a legal hold yet: %s", order.desk, full)


def order_id(number: int) -> str:
    """The id of the order that tells a desk: the same however often it is sent."""
    return f"hold-{number}"


def answer(tx: Session, hold: HoldRow) -> str | None:
    """What the desk answered to a hold: the result, or None while it has not heard."""
    row = tx.get(OrderRow, order_id(hold.number))
    return row.result if row else None


def _unanswered(tx: Session, desk: str) -> list[HoldRow]:
    newest = select(func.max(HoldRow.number)).group_by(HoldRow.session)
    rows = tx.scalars(
        select(HoldRow)
        .join(SessionRow, SessionRow.id == HoldRow.session)
        .where(HoldRow.number.in_(newest), SessionRow.desk == desk)
        .order_by(HoldRow.number)
    )
    return [hold for hold in rows if answer(tx, hold) is None]


def _order(desk: str, hold: HoldRow) -> Order:
    kind = Hold if hold.held else Release
    return Order(
        id=order_id(hold.number),
        desk=desk,
        session=hold.session,
        by=hold.by,
        issued_utc_ms=hold.at_utc_ms,
        expires_utc_ms=hold.at_utc_ms + LIFE_MS,
        command=kind(number=hold.number, reason=hold.reason),
    )


def _order_row(order: Order) -> OrderRow:
    return OrderRow(
        id=order.id,
        desk=order.desk,
        what=type(order.command).__name__,
        desk_run=0,
        issued_utc_ms=order.issued_utc_ms,
        expires_utc_ms=order.expires_utc_ms,
        reason="",
    )
