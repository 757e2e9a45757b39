"""A broker within the process, for tests: the bytes, sessions, retained messages, wills and rights of a real one.

It can be stopped, and it can lose or repeat messages. It delivers on the thread of whoever publishes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from messaging.inbox import Inbox
from messaging.ports import BusFull, Handler, ReportGarbled, Will
from messaging.rights import Rights
from messaging.topics import matches
from proctoring import wire
from proctoring.wire import Remote

WAITING_LIMIT = 1000


class _Session:
    """What the broker keeps of a client, connected or not."""

    def __init__(self) -> None:
        self.filters: set[str] = set()
        self.queue: deque[tuple[str, bytes]] = deque()
        self.bus: SimulatedBus | None = None


class SimulatedBroker:
    """Give each client its `bus`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._sessions: dict[str, _Session] = {}
        self._retained: dict[str, bytes] = {}
        self._clients: list[SimulatedBus] = []
        self._delivering = False
        self.up = True
        self.lose = 0
        """How many of the next messages get lost, though the broker acknowledged them."""
        self.copies = 1
        """How often each message arrives."""

    def bus(
        self,
        client_id: str,
        will: Will | None = None,
        report_garbled: ReportGarbled | None = None,
        rights: Rights | None = None,
    ) -> SimulatedBus:
        """A client. Without `rights` it may say and hear everything."""
        bus = SimulatedBus(self, client_id, will, report_garbled, rights)
        self._clients.append(bus)
        return bus

    def stop(self) -> None:
        """The broker goes away; its clients keep what they publish."""
        with self._lock:
            self.up = False
            for session in self._sessions.values():
                session.bus = None

    def restart(self) -> None:
        """The broker is back with all its sessions, and its clients with it."""
        with self._lock:
            self.up = True
            for bus in self._clients:
                bus.connect()

    def accept(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Takes any bytes from anybody."""
        with self._lock:
            if self.lose:
                self.lose -= 1
                return
            if retain:
                self._retained[topic] = payload
            for session in self._sessions.values():
                if any(matches(topic_filter, topic) for topic_filter in session.filters):
                    session.queue.extend([(topic, payload)] * self.copies)
            self._deliver()

    def attach(self, bus: SimulatedBus) -> bool:
        """Connects a client to its session, if the broker is there."""
        with self._lock:
            if self.up:
                self._sessions.setdefault(bus.client_id, _Session()).bus = bus
            return self.up

    def detach(self, bus: SimulatedBus, will: Will | None) -> None:
        """A client is gone: with its will if it vanished, without if it took its leave."""
        with self._lock:
            session = self._sessions.get(bus.client_id)
            if session is None or session.bus is not bus:
                return
            session.bus = None
            if will:
                self.accept(will.topic, wire.encode(will.message), retain=True)

    def is_attached(self, bus: SimulatedBus) -> bool:
        """Whether this very client is connected."""
        session = self._sessions.get(bus.client_id)
        return session is not None and session.bus is bus

    def listen(self, bus: SimulatedBus, topic_filter: str) -> None:
        """Subscribes a connected client, and gives it the retained messages."""
        with self._lock:
            session = self._sessions[bus.client_id]
            session.filters.add(topic_filter)
            session.queue.extend((t, data) for t, data in self._retained.items() if matches(topic_filter, t))
            self._deliver()

    def _deliver(self) -> None:
        if self._delivering:  # a handler published: the loop below goes on with it, in order
            return
        self._delivering = True
        try:
            while ready := [s for s in self._sessions.values() if s.bus and s.queue]:
                for session in ready:
                    if session.bus:
                        session.bus.receive(*session.queue.popleft())
        finally:
            self._delivering = False


class SimulatedBus:
    """A Bus of a SimulatedBroker."""

    def __init__(
        self,
        broker: SimulatedBroker,
        client_id: str,
        will: Will | None,
        report_garbled: ReportGarbled | None,
        rights: Rights | None,
    ) -> None:
        self.client_id = client_id
        self._broker = broker
        self._will = will
        self._rights = rights
        self._inbox = Inbox(report_garbled)
        self._outgoing: deque[tuple[str, bytes, bool]] = deque()
        self._calls: list[Callable[[], None]] = []
        self._started = False

    @property
    def connected(self) -> bool:
        """See Bus."""
        return self._broker.is_attached(self)

    @property
    def garbled(self) -> int:
        """See Bus."""
        return self._inbox.garbled

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """See Bus."""
        self._inbox.add(topic_filter, handler)
        if self.connected:
            self._listen(topic_filter)

    def on_connected(self, call: Callable[[], None]) -> None:
        """See Bus."""
        self._calls.append(call)

    def start(self) -> None:
        """See Bus."""
        self._started = True
        self.connect()

    def connect(self) -> None:
        """Connects if it was started and the broker is there."""
        if not self._started or not self._broker.attach(self):
            return
        for topic_filter in self._inbox.filters:
            self._listen(topic_filter)
        for call in self._calls:
            call()
        while self._outgoing:
            self._send(*self._outgoing.popleft())

    def publish(self, topic: str, message: Remote, retain: bool = False) -> None:
        """See Bus."""
        if self.connected:
            self._send(topic, wire.encode(message), retain)
        elif len(self._outgoing) < WAITING_LIMIT:
            self._outgoing.append((topic, wire.encode(message), retain))
        else:
            raise BusFull("Too many messages wait for the broker already. Try again when it is back.")

    def close(self) -> None:
        """See Bus."""
        self._started = False
        self._broker.detach(self, None)

    def vanish(self) -> None:
        """The process dies: the broker publishes the will, and what it had not sent is lost."""
        self._started = False
        self._outgoing.clear()
        self._broker.detach(self, self._will)

    def receive(self, topic: str, payload: bytes) -> None:
        """Takes what the broker delivers."""
        self._inbox.take(topic, payload)

    def _listen(self, topic_filter: str) -> None:
        if self._rights is None or topic_filter in self._rights.subscribe:
            self._broker.listen(self, topic_filter)

    def _send(self, topic: str, payload: bytes, retain: bool) -> None:
        if self._rights is None or any(matches(allowed, topic) for allowed in self._rights.publish):
            self._broker.accept(topic, payload, retain)
