"""An evidence pack: what lies in it and under which names. docs/evidence-pack.md says the same to other people."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

FORMAT: Final = 1

MANIFEST, SIGNATURE, README = "manifest.json", "manifest.sig", "README.txt"
LEDGER, RIVALS, REVIEW = "ledger.jsonl", "rivals.jsonl", "decisions.json"
AUTHORITY, SERVER, DESK = "certificates/ca.crt", "certificates/server.crt", "certificates/desk.crt"
FILMS: Final = re.compile(r"recording(-[2-9])?\.mp4")
"""The names of films, one for each camera."""

REQUIRED: Final = frozenset({README, LEDGER, REVIEW, AUTHORITY, SERVER})
NAME: Final = re.compile(
    r"README\.txt|ledger\.jsonl|rivals\.jsonl|decisions\.json|recording(-[2-9])?\.mp4|certificates/(ca|server|desk)\.crt"
    r"|recordings/\d{6,}(\.mp4|\.mp4\.age|\.blurred\.mp4)"
)
"""Every name that a file may have; none of them leads anywhere but below the folder that a pack is unpacked in."""

SIGNED: Final = b"deskproctor evidence pack 1\n"
"""Comes before the manifest's bytes in what the server signs."""

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Meta(ge=0, lt=2**53)]


class How(StrEnum):
    """In which form a segment is in a pack."""

    VIDEO = "video"
    """As the desk recorded it; its hash stands in the ledger."""
    SEALED = "sealed"
    """Still encrypted, as the desk sent it; its hash stands in the ledger too."""
    DERIVED = "derived"
    """Made from the original, whose hash stands in the ledger: other people's faces are blurred."""
    ABSENT = "absent"
    """Not here; the reason says why."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class PackedFile(_Part, frozen=True):
    """A file of the pack."""

    name: str
    size: Count
    sha256: Hash


class PackedSegment(_Part, frozen=True):
    """What became of the segment that an entry names."""

    entry: Count
    how: How
    file: str | None = None
    reason: str = ""


class Manifest(_Part, frozen=True, kw_only=True):
    """What a pack holds. The server's signature is over its exact bytes."""

    format: Literal[1] = 1
    made_by: str
    made_utc_ms: Count
    desk: str
    session: str
    entries: Count
    """Lines of the ledger."""
    head: Hash
    """Hash of the last line."""
    scope: Literal["whole", "flags"]
    margin_ms: Count = 0
    """With the scope "flags": how much before and after a flag is in."""
    disputed: str = ""
    """Why the server holds that this ledger cannot be relied on; empty where it does not."""
    segments: tuple[PackedSegment, ...]
    files: tuple[PackedFile, ...]
    """Everything but the manifest and its signature, in the order of the ZIP."""


def recording_name(entry: int, how: How) -> str:
    """The name of a segment's file: the number of the entry that names it tells where it belongs."""
    suffix = {How.VIDEO: ".mp4", How.SEALED: ".mp4.age", How.DERIVED: ".blurred.mp4"}[how]
    return f"recordings/{entry:06d}{suffix}"


def film_name(place: int) -> str:
    """The name of a camera's film; the one that faces the candidate is at place 0."""
    return f"recording-{place + 1}.mp4" if place else "recording.mp4"


def encode(manifest: Manifest) -> bytes:
    """A manifest as people can read it too."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1) + b"\n"


def decode(data: bytes) -> Manifest:
    """The manifest in `data`. Raises msgspec.DecodeError (or UnicodeDecodeError) for anything else."""
    return msgspec.json.decode(data, type=Manifest)
