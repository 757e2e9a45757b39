"""A ledger under scrutiny: its chain, its signatures, its end, its gaps. Whoever checks a whole ledger does it so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from proctoring import signed
from proctoring.cameras import part_words
from proctoring.errors import LedgerBroken
from proctoring.fact import Gap, Sealed, SegmentStored, SessionOpened
from proctoring.finding import Finding, fault, note
from proctoring.ledger import Entry, Head, Line, follow, start
from proctoring.segment import Segment
from proctoring.signed import Check


class Scrutiny(msgspec.Struct, frozen=True):
    """What of a ledger holds, from its start, and what was found."""

    entries: tuple[Entry, ...]
    head: Head
    findings: tuple[Finding, ...]
    gaps: tuple[Finding, ...]
    """A note for each gap."""

    @property
    def certificate(self) -> str:
        """The certificate that the ledger names; empty where it is not signed."""
        return signed.certificate_of(self.entries[0]) if self.entries else ""

    @property
    def is_sealed(self) -> bool:
        """Whether the ledger has its last entry."""
        return bool(self.entries) and isinstance(self.entries[-1].fact, Sealed)

    def segments(self) -> dict[int, Segment]:
        """The segments by the number of the entry that names them."""
        return {entry.seq: entry.fact.segment for entry in self.entries if isinstance(entry.fact, SegmentStored)}


def scrutinise(desk: str, session: str, lines: Iterable[Line], check: Check) -> Scrutiny:
    """Follows the lines to the first that does not hold, and looks at all that do."""
    head, kept, findings = start(desk, session), list[tuple[Entry, Line]](), list[Finding]()
    for line in lines:
        try:
            entry, head = follow(head, line)
        except LedgerBroken as broken:
            rest = "It and all after it prove nothing."
            findings.append(fault(f"entry {broken.seq}", f"{broken.reason} {rest}"))
            break
        kept.append((entry, line))
    entries = tuple(entry for entry, _ in kept)
    findings += [*_opening(entries), *_signatures(kept, check), *_end(entries)]
    return Scrutiny(entries, head, tuple(findings), tuple(_gaps(entries)))


def _opening(entries: tuple[Entry, ...]) -> Iterator[Finding]:
    if entries and not isinstance(entries[0].fact, SessionOpened):
        yield fault("entry 1", "a ledger begins with the opening of its session, and this one does not.")
    for entry in entries[1:]:
        if isinstance(entry.fact, SessionOpened):
            yield fault(f"entry {entry.seq}", "the session is opened a second time.")


def _signatures(kept: list[tuple[Entry, Line]], check: Check) -> Iterator[Finding]:
    if not kept:
        return
    certificate = signed.certificate_of(kept[0][0])
    if not certificate:
        yield note("ledger", "unsigned: it was written by a desk that did not sign yet. Its chain alone was checked.")
    for entry, line in kept:
        wrong = signed.fault(certificate, entry, line, check)
        if wrong:
            yield fault(f"entry {entry.seq}", f"{wrong}.")


def _end(entries: tuple[Entry, ...]) -> Iterator[Finding]:
    seals = [entry for entry in entries if isinstance(entry.fact, Sealed)]
    for entry in seals:
        if entry is not entries[-1]:
            yield fault(f"entry {entry.seq}", "entries follow the seal, and nothing may.")
        yield from _totals(entry, entries)
    if not seals:
        last, covered = len(entries), signed.last_signed(entries)
        yield note("ledger", f"not sealed: it ends at entry {last}, the last signature is at entry {covered}.")


def _totals(seal: Entry, entries: tuple[Entry, ...]) -> Iterator[Finding]:
    counted = signed.totals([entry.fact for entry in entries if entry.seq < seal.seq])
    said = seal.fact
    assert isinstance(said, Sealed)
    for what in ("segments", "answers", "flags"):
        if getattr(said, what) != getattr(counted, what):
            text = f"the seal counts {getattr(said, what)} {what} and the ledger holds {getattr(counted, what)}."
            yield fault(f"entry {seal.seq}", text)


def _gaps(entries: tuple[Entry, ...]) -> Iterator[Finding]:
    for entry in entries:
        if isinstance(entry.fact, Gap):
            gap = entry.fact
            span = f"{gap.from_ms / 1000:.1f} to {gap.to_ms / 1000:.1f} s"
            yield note(f"entry {entry.seq}", f"gap of {part_words(gap.part)}, {span}: {gap.reason}")
