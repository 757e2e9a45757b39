"""The console between its bus and its pages: what desks say goes to the room and the pages, orders go to the desks.

The bus, every page and the clock come in on threads of their own; one lock keeps the room whole. Nothing is published
on the bus under that lock, so that the bus may call back at once.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final, Literal

import msgspec

from invigilation.alerts import Alert
from invigilation.events import Event, Stream
from invigilation.orders import VALID_MS, OrderForm, Orders, Placed, command_of
from invigilation.room import DeskCard, Room
from messaging.ports import Bus, BusFull
from messaging.topics import EVERY_DESK
from proctoring.errors import Refused
from proctoring.wire import Command, Facts, Order, OrderOutcome, Presence, Remote, Say, desk_topic
from web.clock import Clock

TICK_S: Final = 0.5
COMING: Final = "An invigilator is coming to you."
"""What a candidate who called reads once somebody goes."""
HEARD: Final[tuple[Literal["facts", "presence", "outcomes"], ...]] = ("facts", "presence", "outcomes")


class Link(msgspec.Struct, frozen=True):
    """Whether this console has its broker."""

    connected: bool


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a page needs to begin, and the event it was up to."""

    desks: list[DeskCard]
    orders: list[Placed]
    connected: bool
    last_event: str


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts, newest first."""

    alerts: list[Alert]
    last_event: str


class Console:
    """Give it a bus that is not started yet."""

    def __init__(self, bus: Bus, stream: Stream, clock: Clock) -> None:
        self.stream = stream
        self._bus = bus
        self._clock = clock
        self._room = Room()
        self._orders = Orders()
        self._connected = False
        self._lock = threading.RLock()
        for what in HEARD:
            bus.subscribe(desk_topic(EVERY_DESK, what), self._take)
        bus.on_connected(self.tick)

    def wall(self) -> Wall:
        """The desks as they stand."""
        with self._lock:
            return Wall(
                desks=self._room.cards(self._clock.now()),
                orders=self._orders.all(),
                connected=self._bus.connected,
                last_event=self.stream.last_id,
            )

    def photo(self, desk: str) -> bytes:
        """The check-in photo of who sits at a desk. Raises Refused where there is none."""
        with self._lock:
            return self._room.photo(desk)

    def feed(self) -> Feed:
        """The alerts that are kept."""
        with self._lock:
            return Feed(alerts=self._room.alerts(), last_event=self.stream.last_id)

    def run(self, stop: threading.Event) -> None:
        """Runs until `stop` is set, then ends the pages' events."""
        while not stop.wait(TICK_S):
            self.tick()
        self.stream.close()

    def tick(self) -> None:
        """Twice a second: notices a broker that went or came, and orders that ran out."""
        with self._lock:
            late = self._orders.run_out(self._clock.now())
            self._publish([Event("order", placed) for placed in late])
            if self._connected != self._bus.connected:
                self._connected = self._bus.connected
                self._publish([Event("broker", Link(self._connected))])

    def see_alert(self, desk: str, session: str, alert_id: str) -> None:
        """Somebody has seen an alert. Raises Refused where it is not kept."""
        with self._lock:
            self._publish(self._room.see_alert(desk, session, alert_id, self._clock.now()))

    def see_call(self, desk: str, by: str) -> None:
        """Somebody goes to a candidate who called, and the candidate's screen says so.

        Raises Refused for an unknown desk, or where the desk cannot be told.
        """
        with self._lock:
            session = self._room.card(desk, self._clock.now()).session
        if session is not None:
            self._give(desk, session, Say(text=COMING), by)
        with self._lock:
            self._publish(self._room.see_call(desk, self._clock.now()))

    def give(self, desk: str, form: OrderForm, by: str) -> Placed:
        """Sends an order. Raises Refused where it cannot be meant, or cannot be sent."""
        return self._give(desk, form.session, command_of(form), by)

    def _give(self, desk: str, session: str, command: Command, by: str) -> Placed:
        with self._lock:
            self._check_seat(desk, session)
            order = self._order(desk, session, command, by)
            placed = self._orders.place(order)
            self._publish([Event("order", placed)])
        self._send(order)
        return placed

    def _check_seat(self, desk: str, session: str) -> None:
        card = self._room.card(desk, self._clock.now())
        if card.session is None:
            raise Refused("desk_free", f"Nobody sits an exam at {desk} now. There is nothing to order.")
        if card.session != session:
            raise Refused("other_session", f"Another candidate sits at {desk} now. Look at the desk again.")
        if not self._bus.connected:
            raise Refused("no_broker", "The console has no connection to the desks now. Nothing was sent; try again.")

    def _order(self, desk: str, session: str, command: Command, by: str) -> Order:
        now_ms = self._clock.now().utc_ms
        return Order(
            id=secrets.token_hex(8),
            desk=desk,
            session=session,
            by=by,
            issued_utc_ms=now_ms,
            expires_utc_ms=now_ms + VALID_MS,
            command=command,
        )

    def _send(self, order: Order) -> None:
        try:
            self._bus.publish(desk_topic(order.desk, "orders"), order)
        except BusFull as full:
            with self._lock:
                self._publish([Event("order", self._orders.fail(order.id))])
            raise Refused("bus_full", f"Nothing was sent. {full}") from full

    def _take(self, _topic: str, message: Remote) -> None:
        with self._lock:
            match message:
                case Facts() | Presence():
                    self._publish(self._room.take(message, self._clock.now()))
                case OrderOutcome():
                    placed = self._orders.take(message)
                    self._publish([Event("order", placed)] if placed else [])

    def _publish(self, events: list[Event]) -> None:
        for event in events:
            self.stream.publish(event)
