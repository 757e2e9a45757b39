"""ZIP files that can be written in one way only, so that every bit of one can be checked.

Nothing is compressed; times, rights and order are fixed; there is no comment, no extra field, no gap. Each byte of
such a file follows from the names and the contents, so reading one means writing it again and comparing.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

import msgspec

from proctoring.errors import DeskproctorError

Content = bytes | Path | Callable[[], bytes]
"""A file's bytes, where they are, or what gives them when their turn has come."""

CHUNK: Final = 1 << 18
LIMIT: Final = (1 << 32) - 1
"""Without the ZIP64 extension a file ends here."""
MOST_FILES: Final = (1 << 16) - 1
LONGEST_NAME: Final = 200

HEAD: Final = struct.Struct("<IHHHHHIIIHH")
ENTRY: Final = struct.Struct("<IHHHHHHIIIHHHHHII")
END: Final = struct.Struct("<IHHHHIIH")
IS_HEAD, IS_ENTRY, IS_END = 0x04034B50, 0x02014B50, 0x06054B50
BEGINS: Final = struct.pack("<I", IS_HEAD)
VERSION, UNIX, DAY_ONE, MODE = 20, 0x0314, 0x0021, 0o100644 << 16
"""ZIP 2.0, made on Unix, 1 January 1980 00:00, readable by all."""


class TooLarge(DeskproctorError, ValueError):
    """More than such a file can hold."""


class Damaged(DeskproctorError, ValueError):
    """Not such a file from its first byte to its last. `about` is the file in it where that happened."""

    def __init__(self, about: str, reason: str) -> None:
        super().__init__(f"{about}: {reason}")
        self.about = about
        self.reason = reason


class Member(msgspec.Struct, frozen=True):
    """A file in the archive; `crc` is ZIP's CRC-32 of its bytes, `offset` where it begins."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def head(self) -> bytes:
        """What stands before its bytes."""
        name = self.name.encode()
        return HEAD.pack(IS_HEAD, VERSION, 0, 0, 0, DAY_ONE, self.crc, self.size, self.size, len(name), 0) + name

    @property
    def entry(self) -> bytes:
        """Its place in the list at the end."""
        name = self.name.encode()
        sizes = (self.crc, self.size, self.size, len(name))
        return ENTRY.pack(IS_ENTRY, UNIX, VERSION, 0, 0, 0, DAY_ONE, *sizes, 0, 0, 0, 0, MODE, self.offset) + name


def _ending(members: list[Member], offset: int) -> bytes:
    listed = b"".join(member.entry for member in members)
    count = len(members)
    return listed + END.pack(IS_END, 0, 0, count, count, len(listed), offset, 0)


def write(file: IO[bytes], contents: Iterable[tuple[str, Content]]) -> None:
    """Writes an archive. Raises TooLarge."""
    members: list[Member] = []
    offset = 0
    for name, content in contents:
        if callable(content):
            content = content()  # noqa: PLW2901 (held no longer than it takes to write it)
        size, crc = _measured(content)
        member = Member(name, size, crc, offset)
        if offset + size > LIMIT - (1 << 24) or len(members) == MOST_FILES:
            raise TooLarge("This pack would be larger than 4 GB. Export the flags only.")
        file.write(member.head)
        for chunk in _chunks(content):
            file.write(chunk)
        members.append(member)
        offset += len(member.head) + size
    file.write(_ending(members, offset))


def _measured(content: bytes | Path) -> tuple[int, int]:
    size = crc = 0
    for chunk in _chunks(content):
        size += len(chunk)
        crc = zlib.crc32(chunk, crc)
    return size, crc


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    with ExitStack() as stack:
        if isinstance(content, bytes):
            yield content
            return
        file = stack.enter_context(content.open("rb"))
        while chunk := file.read(CHUNK):
            yield chunk


Take = Callable[[str, bytes], None]
"""Gets each chunk of each file; an empty one when a file begins."""


def read(file: IO[bytes], size: int, take: Take) -> list[Member]:
    """Gives every file's bytes to `take`. Raises Damaged at the first byte that `write` would not have written.

    Nothing in the archive is believed: no more is read than the `size` of the file itself.
    """
    members: list[Member] = []
    names: set[str] = set()
    offset = 0
    while len(raw := file.read(HEAD.size)) == HEAD.size and raw.startswith(BEGINS):
        member = _member(file, raw, offset, size, take)
        if member.name in names:
            raise Damaged(member.name, "this name is used twice.")
        members.append(member)
        names.add(member.name)
        offset += len(member.head) + member.size
    expected = _ending(members, offset)
    if not members or raw + file.read(len(expected) + 1) != expected:
        raise Damaged("archive", "the list of files at its end is not the one that belongs to it.")
    return members


def _member(file: IO[bytes], raw: bytes, offset: int, size: int, take: Take) -> Member:
    length, name_length = HEAD.unpack(raw)[8:10]
    if name_length > LONGEST_NAME or offset + len(raw) + name_length + length > size:
        raise Damaged(f"archive at byte {offset}", "a file is announced that reaches beyond the end.")
    name_raw = file.read(name_length)
    name = name_raw.decode("ascii", "replace")
    crc, left = 0, length
    take(name, b"")
    while left and (chunk := file.read(min(CHUNK, left))):
        crc, left = zlib.crc32(chunk, crc), left - len(chunk)
        take(name, chunk)
    member = Member(name, length, crc, offset)
    if left or not name.isascii() or member.head != raw + name_raw:
        raise Damaged(name, "its bytes, or what ZIP says of them, were altered.")
    return member
