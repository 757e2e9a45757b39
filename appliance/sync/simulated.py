"""A review server for tests of sync: it keeps what arrives, checks it, and answers with receipts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from appliance.sync.ports import Put
from messaging.ports import Bus
from messaging.topics import EVERY_DESK
from proctoring import ledger
from proctoring.errors import LedgerBroken
from proctoring.fact import SegmentStored
from proctoring.wire import Facts, OrderOutcome, PendingSegment, Presence, Receipt, Remote, desk_topic


class SimulatedServer:
    """Takes facts and presence from a bus, and bytes as a SegmentStore. With `answers` False it gives no receipts."""

    def __init__(self, bus: Bus, desk: str = "desk-1") -> None:
        self._bus = bus
        self._desk = desk
        self._lock = threading.Lock()
        self.heads: dict[str, ledger.Head] = {}
        self.lines: dict[str, list[ledger.Line]] = {}
        self.segments: dict[str, bytes] = {}
        self.named: dict[str, str] = {}
        """Segment to session, as the ledgers say."""
        self.presences: list[Presence] = []
        self.outcomes: list[OrderOutcome] = []
        self.received: Counter[str] = Counter()
        """Facts messages by session, repeats included."""
        self.puts: Counter[str] = Counter()
        self.answers = True
        self.time: Callable[[], tuple[int, int] | None] = lambda: None
        """What `times` answers."""
        self.put_says: Put | None = None
        for what in ("facts", "presence", "outcomes"):
            bus.subscribe(desk_topic(EVERY_DESK, what), self._take)

    def put(self, segment: PendingSegment) -> Put:
        """See SegmentStore."""
        self.puts[segment.sha256] += 1
        if self.put_says:
            return self.put_says
        data = Path(segment.file).read_bytes()
        if ledger.sha256(data) != segment.sha256:
            return Put.HASH_DIFFERS
        self.store(segment.sha256, data)
        return Put.STORED

    def times(self) -> tuple[int, int] | None:
        """See ServerTimes."""
        return self.time()

    def store(self, sha256: str, data: bytes) -> None:
        """The bytes are durable; a ledger that names them gets its receipt."""
        with self._lock:
            self.segments[sha256] = data
            session = self.named.get(sha256)
        if session:
            self._confirm(session)

    def _take(self, topic: str, message: Remote) -> None:
        del topic
        match message:
            case Facts():
                self._take_facts(message)
            case Presence():
                self.presences.append(message)
            case OrderOutcome():
                self.outcomes.append(message)

    def _take_facts(self, facts: Facts) -> None:
        with self._lock:
            self.received[facts.session] += 1
            for line in facts.lines:
                self._take_line(facts.session, line)
        self._confirm(facts.session)

    def _take_line(self, session: str, line: ledger.Line) -> None:
        head = self.heads.setdefault(session, ledger.start(self._desk, session))
        try:
            entry, self.heads[session] = ledger.follow(head, line)
        except LedgerBroken:  # a repeat, or what follows a hole: the receipt says how far it holds
            return
        self.lines.setdefault(session, []).append(line)
        if isinstance(entry.fact, SegmentStored):
            self.named[entry.fact.segment.sha256] = session

    def _confirm(self, session: str) -> None:
        if self.answers:
            self._bus.publish(desk_topic(self._desk, "receipts"), self._receipt(session))

    def _receipt(self, session: str) -> Receipt:
        with self._lock:
            head = self.heads[session]
            stored = tuple(sha for sha, name in self.named.items() if name == session and sha in self.segments)
        return Receipt(desk=self._desk, session=session, up_to_seq=head.seq, up_to_hash=head.hash, segments=stored)
