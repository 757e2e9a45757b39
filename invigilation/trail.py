"""One session's ledger as this console sees it: from the beginning, or from the middle."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from proctoring.errors import LedgerBroken
from proctoring.ledger import Entry, Head, Line, follow, read, start


class Standing(StrEnum):
    """What this console can say about a ledger."""

    VERIFIED = "verified"
    """Every entry from the first on was seen here and holds."""
    JOINED_LATER = "joined_later"
    """What was seen holds, but entries before it, or between, were not seen here."""
    BROKEN = "broken"
    """An entry does not hold."""


class Link(msgspec.Struct, frozen=True):
    """An entry's place in the chain: the hash it carries of the one before, and its own."""

    prev: str
    hash: str


class Trail:
    """Takes a session's lines in any order, each any number of times, and says what the ledger is worth."""

    def __init__(self, desk: str, session: str) -> None:
        self.head: Head = start(desk, session)
        """The end of the part that is verified from the first entry on."""
        self.newest_seq = 0
        self.broken: LedgerBroken | None = None
        self._links: dict[int, Link] = {}

    @property
    def standing(self) -> Standing:
        """What this console can say about the ledger now."""
        if self.broken:
            return Standing.BROKEN
        return Standing.VERIFIED if self.head.seq == self.newest_seq else Standing.JOINED_LATER

    def take(self, line: Line) -> Entry | None:
        """The line's entry where it is new here; None for one that was seen, or that is none of this session."""
        try:
            entry = self._read(line)
        except LedgerBroken as error:
            self._break(error)
            return None
        link = Link(entry.prev, line.hash)
        known = self._links.setdefault(entry.seq, link)
        if known != link:
            self._break(LedgerBroken(entry.seq, "it came twice, with different contents."))
        if known is not link:
            return None
        self.newest_seq = max(self.newest_seq, entry.seq)
        self._check_neighbours(entry.seq)
        self._extend_head()
        return entry

    def _read(self, line: Line) -> Entry:
        entry = read(line)
        if entry.seq < 1:
            raise LedgerBroken(entry.seq, "entries are numbered from 1.")
        # By itself: its hash, form, desk and session. Its place is checked as its neighbours come.
        follow(msgspec.structs.replace(self.head, seq=entry.seq - 1, hash=entry.prev), line)
        return entry

    def _check_neighbours(self, seq: int) -> None:
        before = start(self.head.desk, self.head.session).hash if seq == 1 else self._hash(seq - 1)
        after = self._links.get(seq + 1)
        if before not in (None, self._links[seq].prev):
            self._break(LedgerBroken(seq, "it does not carry the hash of the entry before it."))
        if after and after.prev != self._links[seq].hash:
            self._break(LedgerBroken(seq + 1, "it does not carry the hash of the entry before it."))

    def _hash(self, seq: int) -> str | None:
        link = self._links.get(seq)
        return link.hash if link else None

    def _extend_head(self) -> None:
        while (link := self._links.get(self.head.seq + 1)) and link.prev == self.head.hash:
            self.head = msgspec.structs.replace(self.head, seq=self.head.seq + 1, hash=link.hash)

    def _break(self, error: LedgerBroken) -> None:
        self.broken = self.broken or error
