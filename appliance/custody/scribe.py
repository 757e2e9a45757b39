"""The pen: it puts facts into the ledger of the session at this desk, durably, and keeps the History in step."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from appliance.custody.history import History
from appliance.custody.store import NumberedLine, Store, StoredSegment
from appliance.runtime.clock import Clock, stamp
from proctoring import ledger
from proctoring.errors import DeskproctorError, Refused
from proctoring.fact import Checkpoint, Fact, Moved
from proctoring.ledger import Head
from proctoring.session import Move, State
from signing.identity import Identity

CURRENT = "current session"

CHECKPOINT_MS: Final = 60_000
"""So much of a ledger's end has only its chain. A signature costs 0.1 ms and one row, where a minute of segments has
thirty."""

CHECKPOINT_ENTRIES: Final = 200
"""Where much happens the minute is not waited for."""


class OtherIdentity(DeskproctorError, ValueError):
    """The open session's ledger is signed with a key that this desk no longer has."""


class Scribe:
    """Writes for one desk. At most one session is current; an earlier one is never touched again."""

    def __init__(self, desk: str, store: Store, clock: Clock, identity: Identity) -> None:
        self.desk = desk
        self._identity = identity
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
        if self.is_open and self._certificate and not self._identity.is_of(self._certificate):
            raise OtherIdentity(
                f"The session {session} was begun with another key than the desk has now. Put the key and the "
                "certificate of then back until that session is sealed."
            )

    def open(self, session: str, *facts: Fact, notes: Mapping[str, str]) -> None:
        """Starts a new session's ledger with these facts and notes and makes it the current one."""
        head, history = ledger.start(self.desk, session), History(self.desk, session)
        self._write(head, history, facts, notes=notes)

    def leave(self) -> None:
        """No session is current any more. Its ledger stays."""
        self._store.set_note(CURRENT, "")
        self._head = self.history = None

    @property
    def certificate(self) -> str:
        """The certificate that a new session names."""
        return self._identity.certificate.pem

    @property
    def _certificate(self) -> str:
        """The one that the current session named; empty where it began before ledgers were signed."""
        opened = self.history.opened if self.history else None
        return opened.certificate if opened else ""

    def checkpoint(self) -> None:
        """Signs the ledger as it stands, where there is enough news to."""
        if self.is_open and self._certificate and self._checkpoint_is_due(self.current()):
            self.write(Checkpoint())

    def _checkpoint_is_due(self, history: History) -> bool:
        news = history.seq - history.checkpoint_seq
        if history.checkpoint_mono_ms is None:
            return news > 0
        passed_ms = self._clock.mono_ms() - history.checkpoint_mono_ms
        # A clock that went back was started anew by a reboot: how long ago that was is not known.
        return news >= CHECKPOINT_ENTRIES or (news > 0 and not 0 <= passed_ms < CHECKPOINT_MS)

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

    @property
    def is_open(self) -> bool:
        """Whether there is a session whose ledger still grows."""
        return self.history is not None and self.history.session.state is not State.SEALED

    def recording(self, session: str) -> History:
        """The current history, if it is that session's and its exam has begun. Refused otherwise: what a part of the
        desk saw in one candidate's exam must never stand in another's ledger.
        """
        history = self.current()
        if history.session.id != session:
            raise Refused("other_session", "That session is not at this desk any more.")
        if history.zero_mono_ms is None:
            raise Refused("not_started", "The exam has not started.")
        return history

    def now_ms(self) -> int:
        """This moment since the session's zero; 0 before it."""
        history = self.history
        return 0 if history is None else self._at_ms(history, self._clock.mono_ms()) or 0

    def write(
        self, *facts: Fact, segment: StoredSegment | None = None, outcome: tuple[str, bytes] | None = None
    ) -> int:
        """Writes facts to the current ledger, all or none; returns the last one's number once they are durable."""
        head, history = self.head, self.current()
        if history.session.state is State.SEALED:
            raise Refused("sealed", "The session is over and sealed; nothing can be added to it.")
        return self._write(head, history, facts, segment, outcome) if facts else head.seq

    def _write(
        self,
        head: Head,
        history: History,
        facts: tuple[Fact, ...],
        segment: StoredSegment | None = None,
        outcome: tuple[str, bytes] | None = None,
        notes: Mapping[str, str] = MappingProxyType({}),
    ) -> int:
        now = stamp(self._clock)
        at_ms = self._at_ms(history, now.mono_ms)
        sign = self._identity.sign if self._certificate else None
        lines: list[NumberedLine] = []
        for fact in facts:
            starts = isinstance(fact, Moved) and fact.move is Move.START
            line, head = ledger.append(head, fact, now, 0 if starts else at_ms, sign)
            lines.append((head.session, head.seq, line))
        if segment is not None:
            segment = msgspec.structs.replace(segment, seq=head.seq)
        self._store.add(lines, segment, outcome, notes)
        for _, _, line in lines:
            history.apply(ledger.read(line))
        self._head, self.history = head, history
        return head.seq

    def _at_ms(self, history: History, mono_ms: int) -> int | None:
        if history.zero_mono_ms is not None and history.boot != self._clock.boot():
            return self._after_reboot_ms(history)
        return history.at_ms(mono_ms)

    def _after_reboot_ms(self, history: History) -> int:
        """Only the wall clock knows how long the desk was away; one that went back counts as no time."""
        beat = self._store.heartbeat()
        if beat is None or beat.boot != history.boot:
            return history.last_at_ms
        at_ms = max(history.last_at_ms, beat.mono_ms - (history.zero_mono_ms or 0))
        return at_ms + max(0, self._clock.utc_ms() - beat.at_utc_ms)
