"""The ledger of a session: entries in canonical JSON, each carrying the hash of the one before.

Canonical means: keys sorted, no white space, UTF-8, numbers in their shortest form. A line is the entry's canonical
text and the SHA-256 of that text in hex. The first entry's `prev` is the hash of the desk's and the session's name,
so that a ledger cannot be passed off as another's. Checking a chain needs SHA-256 and a JSON reader, nothing of ours.

Some entries carry the desk's signature (`proctoring.signed` checks it). What is signed is the entry's own text with
an empty signature, behind a line that says what it is: so it covers the desk, the session, the number, the times, and
by `prev` every entry before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from proctoring.errors import LedgerBroken, Refused
from proctoring.fact import Checkpoint, Fact, Sealed


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """When something happened: wall clock, monotonic clock, and the boot that the latter belongs to."""

    at_utc_ms: int
    mono_ms: int
    boot: str


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fact with its place in the chain. `at_ms` is since the session's zero, None before there is one."""

    desk: str
    session: str
    seq: int
    at_utc_ms: int
    mono_ms: int
    boot: str
    at_ms: int | None
    prev: str
    fact: Fact


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry as it is stored and sent."""

    text: str
    hash: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a chain: the last entry's number (0 before the first) and hash."""

    desk: str
    session: str
    seq: int
    hash: str


Sign = Callable[[bytes], bytes]
"""Makes the desk's signature over some bytes."""

SIGNED: Final = b"deskproctor signed entry 1\n"
"""Comes before what is signed, so that a signature over an entry is never one over anything else."""

_plain: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder(Entry, strict=True).decode


def sha256(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def start(desk: str, session: str) -> Head:
    """The head of an empty ledger."""
    return Head(desk=desk, session=session, seq=0, hash=sha256(f"{desk}/{session}".encode()))


def append(head: Head, fact: Fact, stamp: Stamp, at_ms: int | None, sign: Sign | None = None) -> tuple[Line, Head]:
    """The line that puts `fact` after `head`, and the new head. With `sign`, a fact that can be signed is.

    Raises Refused for a fact that JSON cannot hold as it is: infinity, not-a-number, half a character.
    """
    entry = Entry(
        desk=head.desk,
        session=head.session,
        seq=head.seq + 1,
        at_utc_ms=stamp.at_utc_ms,
        mono_ms=stamp.mono_ms,
        boot=stamp.boot,
        at_ms=at_ms,
        prev=head.hash,
        fact=fact,
    )
    text = _text(entry)
    if sign is not None and isinstance(fact, Checkpoint | Sealed):
        fact = msgspec.structs.replace(fact, signature=sign(statement(text)))
        text = _text(msgspec.structs.replace(entry, fact=fact))
    line = Line(text.decode(), sha256(text))
    return line, msgspec.structs.replace(head, seq=entry.seq, hash=line.hash)


def _text(entry: Entry) -> bytes:
    try:
        text = _encode(entry)
    except UnicodeEncodeError as error:
        raise Refused("not_plain", "This holds half a character and cannot be kept. Type it again.") from error
    if _decode(text) != entry:
        raise Refused("not_plain", "This holds a number that is not finite and cannot be kept. Enter another.")
    return text


def statement(text: bytes | str) -> bytes:
    """What the signature in an entry's canonical text is over."""
    entry = _plain(text)
    entry["fact"]["signature"] = ""
    return SIGNED + _encode(entry)


def read(line: Line) -> Entry:
    """The entry of a line, unchecked against any chain. Raises LedgerBroken where it is no entry."""
    try:
        return _decode(line.text)
    except msgspec.DecodeError as error:
        raise LedgerBroken(0, f"this is no entry: {error}") from error


def follow(head: Head, line: Line) -> tuple[Entry, Head]:
    """The entry of `line` and the head after it. Raises LedgerBroken where it does not follow `head`."""
    seq = head.seq + 1
    text = line.text.encode("utf-8", "surrogatepass")
    if sha256(text) != line.hash:
        raise LedgerBroken(seq, "the text does not match its hash.")
    try:
        entry = _decode(text)
    except msgspec.DecodeError as error:
        raise LedgerBroken(seq, f"this is no entry: {error}.") from error
    if _encode(entry) != text and _encode(_plain(text)) != text:
        # The second is for lines of older versions, whose facts had fewer fields.
        raise LedgerBroken(seq, "the text is not in canonical form.")
    if (entry.desk, entry.session) != (head.desk, head.session):
        raise LedgerBroken(seq, "it belongs to another desk or session.")
    if entry.seq != seq:
        raise LedgerBroken(seq, f"it says it is number {entry.seq}.")
    if entry.prev != head.hash:
        raise LedgerBroken(seq, "it does not carry the hash of the entry before it.")
    return entry, msgspec.structs.replace(head, seq=seq, hash=line.hash)


def verify(desk: str, session: str, lines: Iterable[Line]) -> tuple[list[Entry], Head]:
    """All entries of a ledger and its head. Raises LedgerBroken at the first that does not hold."""
    head = start(desk, session)
    entries = []
    for line in lines:
        entry, head = follow(head, line)
        entries.append(entry)
    return entries, head
