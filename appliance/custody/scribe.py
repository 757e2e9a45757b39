"""The pen: it puts facts into the ledger of the session at this desk, durably, and keeps the History in step."""

from __future__ import annotations

import msgspec

from appliance.custody.history import History
from appliance.custody.store import Store, StoredSegment
from appliance.runtime.clock import Clock, stamp
from proctoring import ledger
from proctoring.errors import Refused
from proctoring.fact import Fact, Moved
from proctoring.ledger import Head, Line
from proctoring.session import Move

CURRENT = "current session"


class Scribe:
    """Writes for one desk. At most one session is current; an earlier one is never touched again."""

    def __init__(self, desk: str, store: Store, clock: Clock) -> None:
        self.desk = desk
        self._store = store
        self._clock = clock
        self._head: Head | None = None
        self.history: History | None = None
        current = store.note(CURRENT)
        if current:
            self._read(current)

    def _read(self, session: str) -> None:
        """Reads a ledger back and checks it. Raises LedgerBroken: evidence must not be continued on a broken one."""
        entries, self._head = ledger.verify(self.desk, session, self._store.lines(session))
        self.history = History(self.desk, session)
        for entry in entries:
            self.history.apply(entry)

    def open(self, session: str, *facts: Fact) -> History:
        """Starts a new session's ledger with these facts and makes it the current one."""
        head, history = ledger.start(self.desk, session), History(self.desk, session)
        self._write(head, history, facts, None)
        self._store.set_note(CURRENT, session)
        return history

    def leave(self) -> None:
        """No session is current any more. Its ledger stays."""
        self._store.set_note(CURRENT, "")
        self._head = self.history = None

    @property
    def head(self) -> Head:
        """The end of the current ledger. Refused where no session is at the desk."""
        if self._head is None:
            raise Refused("no_session", "Nobody is signed in at this desk.")
        return self._head

    def current(self) -> History:
        """The current session's history. Refused where there is none."""
        if self.history is None:
            raise Refused("no_session", "Nobody is signed in at this desk.")
        return self.history

    def write(self, *facts: Fact, segment: StoredSegment | None = None) -> int:
        """Writes facts to the current ledger; returns the last one's number once they are durable."""
        return self._write(self.head, self.current(), facts, segment) if facts else self.head.seq

    def _write(self, head: Head, history: History, facts: tuple[Fact, ...], segment: StoredSegment | None) -> int:
        now = stamp(self._clock)
        numbered: list[tuple[int, Line]] = []
        for fact in facts:
            line, head = ledger.append(head, fact, now, self._at_ms(history, fact, now.mono_ms))
            numbered.append((head.seq, line))
        if segment is not None:
            segment = msgspec.structs.replace(segment, seq=head.seq)
        self._store.add(head.session, numbered, segment)
        for _, line in numbered:
            history.apply(ledger.read(line))
        self._head, self.history = head, history
        return head.seq

    def _at_ms(self, history: History, fact: Fact, mono_ms: int) -> int | None:
        if isinstance(fact, Moved) and fact.move is Move.START:
            return 0
        if history.boot and history.boot != self._clock.boot():
            return self._after_reboot_ms(history)
        return history.at_ms(mono_ms)

    def _after_reboot_ms(self, history: History) -> int | None:
        """Only the wall clock knows how long the desk was away; one that went back counts as no time."""
        beat = self._store.heartbeat()
        if history.zero_mono_ms is None or beat is None:
            return None
        away_ms = max(0, self._clock.utc_ms() - beat.at_utc_ms)
        return beat.mono_ms - history.zero_mono_ms + away_ms
