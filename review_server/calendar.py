"""What is sat, where and by whom; and the order that tells a desk, each time it comes online."""

from __future__ import annotations

import logging
import threading
import uuid
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.orm import Session

from messaging.ports import Bus, BusFull
from proctoring import exam
from proctoring.exam import Booking, Exam
from proctoring.policy import Policy
from proctoring.wire import Order, OrderOutcome, Prepare, Presence, desk_topic
from review_server.sealing import Keyring, KeysUnusable
from review_server.standing import SERVER
from review_server.store import Store
from review_server.tables import BookingRow, ExamRow, OrderRow, SittingRow
from web.clock import Clock

log = logging.getLogger(__name__)

HERE: Final = Path(__file__).parent
FAILED: Final = frozenset({"rejected", "expired"})


class Sitting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exam in a room, with its policy and its candidates."""

    id: exam.Id
    room: Annotated[str, Meta(min_length=1)]
    walk_in: bool
    policy: Policy = Policy()
    bookings: tuple[Booking, ...] = ()


def seed(store: Store) -> None:
    """Puts the sample exam and its sitting into an empty calendar."""
    content = exam.load_exam((HERE / "sample_exam.toml").read_text())
    sitting = msgspec.toml.decode((HERE / "sample_sitting.toml").read_bytes(), type=Sitting)
    with store.write() as tx:
        if tx.scalars(select(SittingRow)).first() is None:
            _insert(tx, content, sitting)


def _insert(tx: Session, content: Exam, sitting: Sitting) -> None:
    tx.add(ExamRow(id=content.id, content=msgspec.json.encode(content).decode()))
    tx.flush()
    policy = msgspec.json.encode(sitting.policy).decode()
    tx.add(SittingRow(id=sitting.id, exam=content.id, room=sitting.room, policy=policy, walk_in=sitting.walk_in))
    tx.flush()
    for booking in sitting.bookings:
        tx.add(
            BookingRow(
                code=booking.code,
                sitting=sitting.id,
                candidate=booking.candidate,
                extra_minutes=booking.extra_minutes,
            )
        )


def prepare(tx: Session, recipients: tuple[str, ...]) -> Prepare | None:
    """What a desk needs to know, with the keys that it seals to; None while the calendar is empty."""
    sitting = tx.scalars(select(SittingRow).order_by(SittingRow.id)).first()
    if sitting is None:
        return None
    content = tx.get_one(ExamRow, sitting.exam).content
    booked = tx.scalars(select(BookingRow).where(BookingRow.sitting == sitting.id).order_by(BookingRow.code))
    return Prepare(
        exams=(msgspec.json.decode(content, type=Exam),),
        policy=msgspec.json.decode(sitting.policy, type=Policy),
        bookings=tuple(_booking(row, sitting.exam) for row in booked),
        walk_in_exam=sitting.exam if sitting.walk_in else None,
        recipients=recipients,
    )


def _booking(row: BookingRow, exam_id: str) -> Booking:
    return Booking(code=row.code, candidate=row.candidate, exam=exam_id, extra_minutes=row.extra_minutes)


class _Sent(msgspec.Struct, frozen=True):
    run: int
    order: str
    recipients: tuple[str, ...]


class Preparation:
    """Prepares each desk that comes online, and all of them again when there is a new key. Any thread."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, keyring: Keyring, order_life_ms: int) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._keyring = keyring
        self._lock = threading.Lock()
        self._order_life_ms = order_life_ms
        self._prepared: dict[str, _Sent] = {}
        """Desk to what it was sent."""

    def meet(self, presence: Presence) -> None:
        """A desk says that it is there, or that it is not."""
        with self._lock:
            sent = self._prepared.get(presence.desk, _Sent(-1, "", ()))
            if presence.run < sent.run:
                return
            if not presence.online:
                self._prepared.pop(presence.desk, None)
            elif presence.run > sent.run or self._failed(sent.order):
                self._send(presence.desk, presence.run)

    def renew(self) -> None:
        """Tells the desks that are there of a key that is newer than what they were sent."""
        with self._lock:
            for desk, sent in list(self._prepared.items()):
                if self._recipients() not in (sent.recipients, ()):
                    self._send(desk, sent.run)

    def note(self, outcome: OrderOutcome) -> None:
        """A desk says what became of an order."""
        with self._store.write() as tx:
            row = tx.get(OrderRow, outcome.order)
            if row is None or row.desk != outcome.desk:
                return
            row.result, row.reason = outcome.result, outcome.reason
        log.info("%s: order %s %s %s", outcome.desk, row.what, outcome.result, outcome.reason)

    def _failed(self, order: str) -> bool:
        """Whether the order came to nothing, so that the next notice of the desk is worth another one."""
        with self._store.read() as tx:
            row = tx.get_one(OrderRow, order)
        is_over = row.expires_utc_ms <= self._clock.utc_ms()
        return row.result in FAILED or (row.result is None and is_over)

    def _recipients(self) -> tuple[str, ...]:
        try:
            return self._keyring.recipients()
        except KeysUnusable as error:
            log.error("%s", error)
            return ()

    def _send(self, desk: str, run: int) -> None:
        recipients = self._recipients()
        with self._store.write() as tx:
            command = prepare(tx, recipients)
            if command is None:
                return
            order = self._order(desk, command)
            tx.add(_order_row(order, run))
        try:
            self._bus.publish(desk_topic(order.desk, "orders"), order)
        except BusFull as full:
            log.warning("%s was not prepared: %s", order.desk, full)
            return
        self._prepared[desk] = _Sent(run, order.id, recipients)

    def _order(self, desk: str, command: Prepare) -> Order:
        now_ms = self._clock.utc_ms()
        return Order(
            id=uuid.uuid4().hex,
            desk=desk,
            session=None,
            by=SERVER,
            issued_utc_ms=now_ms,
            expires_utc_ms=now_ms + self._order_life_ms,
            command=command,
        )


def _order_row(order: Order, run: int) -> OrderRow:
    return OrderRow(
        id=order.id,
        desk=order.desk,
        what=type(order.command).__name__,
        desk_run=run,
        issued_utc_ms=order.issued_utc_ms,
        expires_utc_ms=order.expires_utc_ms,
        reason="",
    )
