"""How much exam time a session has left, worked out from its ledger as far as this console saw it."""

from __future__ import annotations

from msgspec.structs import replace

from proctoring.fact import Extended, Fact, Moved, SessionOpened
from proctoring.ledger import Entry
from proctoring.session import Session, State, left, spent
from web.clock import Instant


class ExamClock:
    """Follows a session's entries in order. It knows nothing until it has seen the session open."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._boot = ""
        self._last_mono_ms = 0
        self._apart_ms = 0
        """The console's monotonic clock minus the desk's: the least seen in this boot, thus with the least delay."""

    def take(self, entry: Entry, now: Instant) -> None:
        """Follows the next entry."""
        if entry.boot != self._boot:
            self._reboot(entry, now)
        self._apart_ms = min(self._apart_ms, now.mono_ms - entry.mono_ms)
        self._last_mono_ms = entry.mono_ms
        self._session = _after(self._session, entry, entry.fact)

    def forget(self) -> None:
        """An entry was missed: what it may have granted or stopped is unknown."""
        self._session = None

    @property
    def counting(self) -> bool:
        """Whether exam time is passing."""
        return self._session is not None and self._session.running_since_ms is not None

    def left_ms(self, now: Instant) -> int | None:
        """Exam time left now; None where this console cannot know."""
        if self._session is None:
            return None
        return left(self._session, now.mono_ms - self._apart_ms)

    def _reboot(self, entry: Entry, now: Instant) -> None:
        if self._session:
            used_ms = spent(self._session, self._last_mono_ms)
            self._session = replace(self._session, spent_ms=used_ms, running_since_ms=None)
        self._boot, self._apart_ms = entry.boot, now.mono_ms - entry.mono_ms


def _after(session: Session | None, entry: Entry, fact: Fact) -> Session | None:
    match fact:
        case SessionOpened():
            return Session(id=entry.session, desk=entry.desk, allowed_ms=fact.allowed_ms)
        case Moved() if session:
            since_ms = entry.mono_ms if fact.state is State.RUNNING else None
            used_ms = spent(session, entry.mono_ms)
            return replace(session, state=fact.state, spent_ms=used_ms, running_since_ms=since_ms)
        case Extended() if session:
            return replace(session, allowed_ms=session.allowed_ms + fact.extra_ms)
    return session
