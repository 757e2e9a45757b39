"""Which entries of a ledger the desk must have signed, and what the last one says of all.

A ledger whose SessionOpened carries a certificate is signed: its Checkpoints and its Sealed must verify under it. One
without is from before signatures; nothing in it may pretend to be signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from proctoring.exam import answered
from proctoring.fact import Answered, Checkpoint, Fact, FlagEnded, FlagRaised, Sealed, SegmentStored, SessionOpened
from proctoring.ledger import Entry, Line, statement

Check = Callable[[str, bytes, bytes], str | None]
"""(certificate in PEM, bytes, signature) → why this is not the desk's signature over them, or None where it is."""


def certificate_of(entry: Entry) -> str:
    """The certificate that a ledger names, by its first entry; empty where it is not signed."""
    return entry.fact.certificate if isinstance(entry.fact, SessionOpened) else ""


def is_to_be_signed(entry: Entry) -> bool:
    """Whether this is an entry that a desk with a key signs."""
    return isinstance(entry.fact, Checkpoint | Sealed)


def fault(certificate: str, entry: Entry, line: Line, check: Check) -> str | None:
    """What is wrong with the signature that an entry should have, or None."""
    fact = entry.fact
    if not isinstance(fact, Checkpoint | Sealed):
        return None
    if certificate:
        return check(certificate, statement(line.text), fact.signature)
    return "it is signed, but the ledger names no certificate" if fact.signature else None


def last_signed(entries: Iterable[Entry]) -> int:
    """The number of the last entry that carries a signature, 0 where none does."""
    signed = (e.seq for e in entries if isinstance(e.fact, Checkpoint | Sealed) and e.fact.signature)
    return max(signed, default=0)


def totals(facts: Sequence[Fact]) -> Sealed:
    """What a ledger with these facts holds, to compare with what its Sealed says."""
    flags = {fact.flag.id for fact in facts if isinstance(fact, FlagRaised | FlagEnded)}
    newest = {fact.question: fact.value for fact in facts if isinstance(fact, Answered)}
    return Sealed(
        segments=sum(isinstance(fact, SegmentStored) for fact in facts),
        answers=answered(newest.values()),
        flags=len(flags),
    )
