"""Which ledger lines go next. A line counts as delivered when the server's receipt names it, and never before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from proctoring.ledger import Line

WINDOW_LINES: Final = 64
WINDOW_BYTES: Final = 200_000
IN_FLIGHT_LINES: Final = 4 * WINDOW_LINES
RESEND_MS: Final = (3_000, 60_000)
"""Without a receipt lines are sent again after the first of these, then after twice as long, up to the second."""
AWAY_RESEND_MS: Final = (60_000, 600_000)
"""The same while the server says that it is away: the broker keeps what was sent for it."""
AWAY_LINES: Final = 4096
"""While the server is away the candidate's session still goes out, once, for the consoles that watch it."""


class Window(msgspec.Struct, frozen=True):
    """Lines to fetch from custody and send as one message: at most `limit` after `after`."""

    session: str
    after: int
    limit: int


class _Progress:
    """How far one session has come. `confirmed` ≤ `sent` ≤ `head`, all of them numbers of entries."""

    def __init__(self, confirmed: int, head: int) -> None:
        self.confirmed = confirmed
        self.sent = confirmed
        self.head = head
        self.waiting_since_ms = 0
        self.repeats = 0

    def rewind(self, seq: int) -> None:
        self.confirmed = min(self.confirmed, seq)
        self.sent = self.confirmed


class FactsOutbox:
    """What was sent, what was confirmed, and what to send next. Pure: time comes in."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Progress] = {}
        self._first = ""
        self._server_away = False

    def knows(self, session: str) -> bool:
        """Whether `learn` ever named it."""
        return session in self._sessions

    def learn(self, session: str, head: int, confirmed: int) -> None:
        """Custody's word on a session. What we know of its confirmation goes before, for it may have been rewound."""
        progress = self._sessions.setdefault(session, _Progress(confirmed, head))
        progress.head = max(progress.head, head)

    def prefer(self, session: str) -> None:
        """That session's lines go before the others': it is the one at the desk now."""
        self._first = session

    def server_is(self, online: bool) -> None:
        """While the server is away other sessions are held back and little is repeated; when back they go on."""
        if online and self._server_away:
            for progress in self._sessions.values():
                progress.repeats = 0
        self._server_away = not online

    def next(self, now_ms: int) -> Window | None:
        """The next window to send, if there is one that may be sent now."""
        for session in sorted(self._sessions, key=lambda name: name != self._first):
            progress = self._sessions[session]
            self._give_up_waiting(progress, now_ms)
            room = self._in_flight_limit(session) - (progress.sent - progress.confirmed)
            limit = min(WINDOW_LINES, progress.head - progress.sent, room)
            if limit > 0:
                return Window(session, progress.sent, limit)
        return None

    def sent(self, session: str, up_to_seq: int, now_ms: int) -> None:
        """Lines up to this one were handed to the broker: which says nothing about their delivery."""
        progress = self._sessions[session]
        if progress.sent == progress.confirmed:
            progress.waiting_since_ms = now_ms
        progress.sent = up_to_seq

    def nothing_after(self, session: str, seq: int) -> None:
        """Custody has no line after this one, whatever was thought."""
        self._sessions[session].head = seq

    def receipt(self, session: str, up_to_seq: int, now_ms: int) -> None:
        """The server holds lines up to this one. A lower number than before: it lost some, and they go again."""
        self.server_is(online=True)
        progress = self._sessions.get(session)
        if progress is None:
            return
        if up_to_seq < progress.confirmed:
            progress.rewind(up_to_seq)
            return
        if up_to_seq > progress.confirmed:
            progress.repeats = 0
            progress.waiting_since_ms = now_ms
        progress.confirmed = min(up_to_seq, progress.head)
        progress.sent = max(progress.sent, progress.confirmed)

    def refused(self, session: str, up_to_seq: int) -> None:
        """Custody does not accept a receipt. If it names less than was confirmed, the lines go again all the same."""
        progress = self._sessions.get(session)
        if progress and up_to_seq < progress.confirmed:
            progress.rewind(up_to_seq)

    def _in_flight_limit(self, session: str) -> int:
        if not self._server_away:
            return IN_FLIGHT_LINES
        return AWAY_LINES if session == self._first else WINDOW_LINES

    def _give_up_waiting(self, progress: _Progress, now_ms: int) -> None:
        if progress.sent > progress.confirmed and now_ms - progress.waiting_since_ms >= self._patience_ms(progress):
            progress.sent = progress.confirmed
            progress.repeats += 1

    def _patience_ms(self, progress: _Progress) -> int:
        first_ms, longest_ms = AWAY_RESEND_MS if self._server_away else RESEND_MS
        return min(first_ms << min(progress.repeats, 10), longest_ms)


def fitting(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The first lines that make one message of at most WINDOW_BYTES; at least one line, however long it is."""
    total = 0
    for count, line in enumerate(lines):
        total += len(line.text.encode())
        if total > WINDOW_BYTES and count:
            return tuple(lines[:count])
    return tuple(lines)
