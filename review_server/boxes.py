"""MP4 files are boxes within boxes (ISO/IEC 14496-12): a length of 32 bits, four letters, content."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from proctoring.errors import DeskproctorError

_HEAD: Final = struct.Struct(">I4s")
_LONG: Final = struct.Struct(">Q")


class Unplayable(DeskproctorError, ValueError):
    """This is no video of the kind that desks record."""


class Box(NamedTuple):
    """Where a box's content lies in the bytes that it was found in."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes that follow each other from `start`. Raises Unplayable where one does not fit."""
    end = len(data) if end is None else end
    while start < end:
        if end - start < _HEAD.size:
            raise Unplayable("It ends in the middle of a box.")
        size, kind = _HEAD.unpack_from(data, start)
        content = start + _HEAD.size
        if size == 1 and end - content >= _LONG.size:
            size, content = _LONG.unpack_from(data, content)[0], content + _LONG.size
        if size < content - start or start + size > end:
            raise Unplayable(f"Its box {kind!r} does not fit.")
        yield Box(kind, content, start + size)
        start += size


def inside(data: bytes, box: Box, *path: bytes) -> Box:
    """The first box at this path within `box`. Raises Unplayable where there is none."""
    for kind in path:
        found = next((one for one in boxes(data, box.start, box.end) if one.kind == kind), None)
        if found is None:
            raise Unplayable(f"It has no box {kind!r}.")
        box = found
    return box


def box(kind: bytes, *content: bytes) -> bytes:
    """A box with that content."""
    return _HEAD.pack(_HEAD.size + sum(map(len, content)), kind) + b"".join(content)


def full_box(kind: bytes, version: int, flags: int, *content: bytes) -> bytes:
    """A box that begins with its version and flags, as most do."""
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def long_head(kind: bytes, content_bytes: int) -> bytes:
    """The head of a box whose content may be longer than 4 GB."""
    return _HEAD.pack(1, kind) + _LONG.pack(_HEAD.size + _LONG.size + content_bytes)
