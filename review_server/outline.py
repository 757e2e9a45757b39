"""What a segment holds: times and sizes of its pictures (and sounds), and how they are encoded. Not what they show.

A segment is a fragmented MP4 (ISO/IEC 14496-12, 8.8): `moov` says how its tracks are encoded, each `moof` where the
samples of the following `mdat` lie. A sample is a picture or a piece of sound as the encoder wrote it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from review_server.boxes import Box, Unplayable, boxes, inside

_NOT_SYNC: Final = 0x0001_0000
"""Flag of a sample that cannot be decoded without those before it."""
_VISUAL_ENTRY: Final = 78
"""Bytes of a picture's sample entry before its own boxes."""
_AVC_FIXED: Final = 6
"""Bytes of an `avcC` box up to its first parameter set."""


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """One track of a segment; times in ticks of its own `timescale`, from the segment's beginning."""

    handler: str
    """`vide` or `soun`."""
    timescale: int
    entry: bytes
    """How it is encoded: the one entry of its `stsd` box."""
    width: int
    height: int
    times: tuple[int, ...]
    """When each sample is decoded."""
    end: int
    """When the last one is over."""
    delays: tuple[int, ...]
    """From decoding to showing; empty where there is none."""
    sizes: tuple[int, ...]
    syncs: tuple[int, ...]
    """Places of the samples that can be decoded by themselves."""

    def parameter_sets(self) -> bytes:
        """The decoder's settings of H.264, written as a picture's own bytes may carry them; empty for others.

        Raises Unplayable.
        """
        if self.entry[4:8] != b"avc1":
            return b""
        found = inside(self.entry, Box(b"avc1", 8 + _VISUAL_ENTRY, len(self.entry)), b"avcC")
        return b"".join(_parameter_sets(self.entry[found.start : found.end]))


class Outline(msgspec.Struct, frozen=True):
    """A segment's tracks, the picture first."""

    tracks: tuple[Track, ...]

    @property
    def size(self) -> int:
        """Bytes of all samples together."""
        return sum(sum(track.sizes) for track in self.tracks)


def read(data: bytes) -> tuple[Outline, bytes]:
    """The outline of a segment, and its samples: each track's in order, one track after the other.

    Raises Unplayable.
    """
    try:
        tracks = _Segment(data).tracks
        tracks = sorted((one for one in tracks if one.times), key=lambda one: one.handler != "vide")
        if not tracks or tracks[0].handler != "vide":
            raise Unplayable("It has no picture.")
        return Outline(tuple(one.done() for one in tracks)), b"".join(part for one in tracks for part in one.parts)
    except (struct.error, IndexError) as error:
        raise Unplayable("It breaks off.") from error


class _Track:
    """A track in the reading."""

    def __init__(self, data: bytes, trak: Box) -> None:
        head = inside(data, trak, b"tkhd")
        media = inside(data, trak, b"mdia")
        times = inside(data, media, b"mdhd")
        entries = inside(data, media, b"minf", b"stbl", b"stsd")
        self.number = struct.unpack_from(">I", data, head.start + (20 if data[head.start] else 12))[0]
        self.width, self.height = (side >> 16 for side in struct.unpack_from(">II", data, head.end - 8))
        self.timescale = struct.unpack_from(">I", data, times.start + (20 if data[times.start] else 12))[0]
        self.handler = data[inside(data, media, b"hdlr").start + 8 :][:4].decode("latin-1")
        first = next(boxes(data, entries.start + 8, entries.end), None)
        if first is None or not self.timescale:
            raise Unplayable("It does not say how it is encoded.")
        self.entry = data[first.start - 8 : first.end]
        self.defaults = (0, 0, 0)
        self.times: list[int] = []
        self.end = 0
        self.delays: list[int] = []
        self.sizes: list[int] = []
        self.syncs: list[int] = []
        self.parts: list[bytes] = []

    def add(self, length: int, sample: bytes, flags: int, delay: int) -> None:
        if not flags & _NOT_SYNC:
            self.syncs.append(len(self.times))
        self.times.append(self.end)
        self.end += length
        self.delays.append(delay)
        self.sizes.append(len(sample))
        self.parts.append(sample)

    def done(self) -> Track:
        return Track(
            handler=self.handler,
            timescale=self.timescale,
            entry=self.entry,
            width=self.width,
            height=self.height,
            times=tuple(self.times),
            end=self.end,
            delays=tuple(self.delays) if any(self.delays) else (),
            sizes=tuple(self.sizes),
            syncs=tuple(self.syncs),
        )


class _Segment:
    """A whole file in the reading."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._by_number: dict[int, _Track] = {}
        for found in boxes(data):
            if found.kind == b"moov":
                self._read_moov(found)
            elif found.kind == b"moof":
                self._read_fragment(found)

    @property
    def tracks(self) -> list[_Track]:
        return list(self._by_number.values())

    def _read_moov(self, moov: Box) -> None:
        for found in boxes(self._data, moov.start, moov.end):
            if found.kind == b"trak":
                track = _Track(self._data, found)
                self._by_number[track.number] = track
        for found in boxes(self._data, *inside(self._data, moov, b"mvex")[1:]):
            if found.kind == b"trex":
                number, _, *defaults = struct.unpack_from(">5I", self._data, found.start + 4)
                self._track(number).defaults = (defaults[0], defaults[1], defaults[2])

    def _read_fragment(self, moof: Box) -> None:
        for traf in boxes(self._data, moof.start, moof.end):
            if traf.kind == b"traf":
                self._read_traf(moof.start - 8, traf)

    def _read_traf(self, base: int, traf: Box) -> None:
        found = inside(self._data, traf, b"tfhd")
        flags, number = struct.unpack_from(">II", self._data, found.start)
        track, at = self._track(number), found.start + 8
        if flags & 0x01:
            base, at = struct.unpack_from(">Q", self._data, at)[0], at + 8
        at += 4 if flags & 0x02 else 0
        defaults = list(track.defaults)
        for place in range(3):
            if flags & (0x08 << place):
                defaults[place], at = struct.unpack_from(">I", self._data, at)[0], at + 4
        self._set_clock(track, traf)
        for run in boxes(self._data, traf.start, traf.end):
            if run.kind == b"trun":
                base = self._read_run(track, run, base, defaults)

    def _set_clock(self, track: _Track, traf: Box) -> None:
        found = inside(self._data, traf, b"tfdt")
        time = struct.unpack_from(">Q" if self._data[found.start] else ">I", self._data, found.start + 4)[0]
        track.end = max(track.end, time)

    def _read_run(self, track: _Track, run: Box, base: int, defaults: list[int]) -> int:
        """Takes the samples of a run; gives where the last of them ends."""
        flags, count = struct.unpack_from(">II", self._data, run.start)
        at = run.start + 8
        if flags & 0x01:
            base, at = base + struct.unpack_from(">i", self._data, at)[0], at + 4
        first = None
        if flags & 0x04:
            first, at = struct.unpack_from(">I", self._data, at)[0], at + 4
        for length, size, sample_flags, delay in self._samples(flags & 0xF00, at, count, defaults):
            if not 0 <= base <= base + size <= len(self._data):
                raise Unplayable("It breaks off.")
            track.add(length, self._data[base : base + size], sample_flags if first is None else first, delay)
            first, base = None, base + size
        return base

    def _samples(self, flags: int, at: int, count: int, defaults: list[int]) -> Iterator[tuple[int, int, int, int]]:
        """(length, size, flags, delay) of each sample of a run."""
        given = [place for place in range(4) if flags & (0x100 << place)]
        row = struct.Struct(">" + "".join("i" if place == 3 else "I" for place in given))
        for number in range(count):
            values = [*defaults, 0]
            for place, value in zip(given, row.unpack_from(self._data, at + number * row.size), strict=True):
                values[place] = value
            yield values[0], values[1], values[2], values[3]

    def _track(self, number: int) -> _Track:
        if number not in self._by_number:
            raise Unplayable("It has a sample of no track.")
        return self._by_number[number]


def _parameter_sets(record: bytes) -> Iterator[bytes]:
    """SPS and PPS of an `avcC` box (ISO/IEC 14496-15), each behind its length as samples have it."""
    if record[4] & 3 != 3:
        raise Unplayable("Its pictures are written in a way that desks never use.")
    at = _AVC_FIXED - 1
    for counted in (0x1F, 0xFF):
        count, at = record[at] & counted, at + 1
        for _ in range(count):
            size = struct.unpack_from(">H", record, at)[0]
            yield struct.pack(">I", size) + record[at + 2 : at + 2 + size]
            at += 2 + size
