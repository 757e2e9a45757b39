"""A film: segments laid out as one ordinary MP4 whose bytes are made as they are asked for.

The head (`ftyp`, `moov`) says where every picture of the film lies, and is made from outlines alone. After it come
the samples of one segment after the other, copied, never encoded again. So any part of the film can be given by
opening just the segments that lie in it.

The film's clock is the session's, from `zero_ms` on: through a hole the last picture stays, and before the first one
the first.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from proctoring.ledger import sha256
from review_server.boxes import box, full_box, long_head
from review_server.outline import Outline, Track

TICKS_PER_S: Final = 90_000
"""15, 25 and 30 pictures a second are whole numbers of it."""
_TICKS_PER_MS: Final = TICKS_PER_S // 1000
SILENCE: Final = b"\xf8\xff\xfe"
"""20 ms of silence in Opus, one channel (RFC 6716: the full band, a frame of zeros)."""
SILENCE_TICKS: Final = TICKS_PER_S // 50
_UPRIGHT: Final = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
"""The matrix of a picture that is shown as it is."""
_SELF: Final = full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))
"""Data reference: samples lie in this very file."""
_HEADERS: Final = {
    "vide": full_box(b"vmhd", 0, 1, bytes(8)),
    "soun": full_box(b"smhd", 0, 0, bytes(4)),
}

Ticks = NDArray[np.int64]


class Piece(msgspec.Struct, frozen=True):
    """A segment on disk and its place in the session."""

    sha256: str
    started_ms: int
    path: Path
    ended_ms: int = 0


class Shot(msgspec.Struct, frozen=True):
    """A piece with its outline."""

    piece: Piece
    outline: Outline
    settings: bytes = b""
    """Parameter sets put before its first picture, where not all shots of the film are encoded alike."""

    silence: int = 0
    """Packets of silence put before its sound; below zero, packets of its own that the sound before it outlasts."""

    @property
    def size(self) -> int:
        """Its bytes in the film."""
        return len(self.settings) + self.outline.size + max(0, self.silence) * len(SILENCE) - self._outlasted_bytes

    def bytes_of(self, samples: bytes) -> bytes:
        """Its bytes in the film, from its segment's samples."""
        pictures = sum(self.outline.tracks[0].sizes)
        sound = samples[pictures + self._outlasted_bytes :]
        return b"".join((self.settings, samples[:pictures], SILENCE * self.silence, sound))

    def track(self, handler: str) -> Track | None:
        """What the film has of its track of that kind."""
        found = next((one for one in self.outline.tracks if one.handler == handler), None)
        if found is None or handler != "soun" or self.silence >= 0:
            return found
        left_out = -self.silence
        return msgspec.structs.replace(found, times=found.times[left_out:], sizes=found.sizes[left_out:])

    @property
    def _outlasted_bytes(self) -> int:
        if self.silence >= 0:
            return 0
        return sum(sum(one.sizes[: -self.silence]) for one in self.outline.tracks if one.handler == "soun")


def shots(pieces: Sequence[tuple[Piece, Outline]], zero_ms: int = 0) -> tuple[Shot, ...]:
    """Pieces in a row. Where they were encoded in different ways, each says its own: a viewer may jump to any."""
    alike = len({outline.tracks[0].entry for _, outline in pieces}) == 1
    sets = (b"" if alike else outline.tracks[0].parameter_sets() for _, outline in pieces)
    return tuple(
        Shot(piece, outline, own, silence)
        for (piece, outline), own, silence in zip(pieces, sets, _silences(pieces, zero_ms), strict=True)
    )


def _silences(pieces: Sequence[tuple[Piece, Outline]], zero_ms: int) -> Iterator[int]:
    """How many packets of silence each piece's sound needs before it, or, below zero, has too many.

    Chromium plays packets of sound one after the other, whatever their times: over a hole it would give the sound
    after it too early, and the pictures with it. And each segment has a packet more than it lasts, from its encoder's
    beginning: over hours that would add up to minutes.
    """
    over = 0
    for piece, outline in pieces:
        sound = next((one for one in outline.tracks if one.handler == "soun"), None)
        missing = 0
        if sound and sound.entry[4:8] == b"Opus":
            begins = int(_on_clock(sound, (piece.started_ms - zero_ms) * _TICKS_PER_MS)[0])
            missing = max(int((begins - over) / SILENCE_TICKS), 1 - len(sound.times))
            over += (missing + len(sound.times)) * SILENCE_TICKS
        yield missing


class Film:
    """The layout of shots in the order of their times. Immutable; threads share it."""

    def __init__(self, shots: tuple[Shot, ...], zero_ms: int, left_out: tuple[str, ...] = ()) -> None:
        self.shots = shots
        self.zero_ms = zero_ms
        self.left_out = left_out
        """Hashes of the pieces that could not be fitted."""
        self._starts = list(accumulate((shot.size for shot in shots), initial=0))
        self.head = _head(shots, zero_ms, self._starts)
        self.size = len(self.head) + self._starts[-1]

    @cached_property
    def key(self) -> str:
        """Names these very bytes."""
        named = (f"{shot.piece.sha256} {shot.piece.started_ms}" for shot in self.shots)
        return sha256("\n".join((str(self.zero_ms), *named)).encode() + self.head)

    def read(self, start: int, stop: int, opened: Callable[[Shot], bytes]) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`; `opened` gives a shot's samples, which it opens for that."""
        if start < len(self.head):
            yield self.head[start:stop]
        start, stop = max(0, start - len(self.head)), stop - len(self.head)
        place = bisect_right(self._starts, start) - 1
        while place < len(self.shots) and self._starts[place] < stop:
            shot, begins = self.shots[place], self._starts[place]
            data = shot.bytes_of(opened(shot))
            yield data[max(0, start - begins) : stop - begins]
            place += 1


def _head(shots: tuple[Shot, ...], zero_ms: int, starts: list[int]) -> bytes:
    handlers = [one for one in _HEADERS if any(shot.track(one) for shot in shots)]
    lines = [_Line(shots, handler, zero_ms, starts) for handler in handlers]
    kind = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2avc1mp41")
    data = long_head(b"mdat", starts[-1])
    # Offsets are of one length whatever they are, so that the head's own length is known before they are.
    own = len(kind) + len(_moov(lines, 0)) + len(data)
    return kind + _moov(lines, own) + data


def _moov(lines: list[_Line], base: int) -> bytes:
    length_ms = max(line.length for line in lines) // _TICKS_PER_MS
    head = struct.pack(">QQIQIH10x", 0, 0, 1000, length_ms, 0x10000, 0x100) + _UPRIGHT
    head += bytes(24) + struct.pack(">I", len(lines) + 1)
    tracks = [line.trak(number, base) for number, line in enumerate(lines, 1)]
    return box(b"moov", full_box(b"mvhd", 1, 0, head), *tracks)


class _Line:
    """All samples of one kind, on the film's clock."""

    def __init__(self, shots: tuple[Shot, ...], handler: str, zero_ms: int, starts: list[int]) -> None:
        self._handler = handler
        self._with = [(place, track) for place, shot in enumerate(shots) if (track := shot.track(handler))]
        self._tracks = [track for _, track in self._with]
        self._offsets = [
            starts[place] + (_pictures(shots[place]) if handler == "soun" else 0) for place, _ in self._with
        ]
        self._grown = [len(shots[place].settings) if handler == "vide" else 0 for place, _ in self._with]
        begins = [(shots[place].piece.started_ms - zero_ms) * _TICKS_PER_MS for place, _ in self._with]
        self._silences = [max(0, shots[place].silence) if handler == "soun" else 0 for place, _ in self._with]
        parts = zip(self._tracks, begins, self._silences, strict=True)
        times = _growing(np.concatenate([_after_silence(_on_clock(t, at), n) for t, at, n in parts]))
        last = self._tracks[-1]
        end = max(begins[-1] + last.end * TICKS_PER_S // last.timescale, int(times[-1]) + 1)
        # What is before the first picture shows that picture.
        times[0] = 0
        self._lengths = np.diff(times, append=end)
        self.length = end

    def trak(self, number: int, base: int) -> bytes:
        first = self._tracks[0]
        size = struct.pack(">II", first.width << 16, first.height << 16)
        loud = struct.pack(">hhhH", 0, 0, 0x100 if self._handler == "soun" else 0, 0)
        length_ms = self.length // _TICKS_PER_MS
        head = struct.pack(">QQIIQ8x", 0, 0, number, 0, length_ms) + loud + _UPRIGHT + size
        return box(b"trak", full_box(b"tkhd", 1, 3, head), self._media(base))

    def _media(self, base: int) -> bytes:
        length = struct.pack(">QQIQHH", 0, 0, TICKS_PER_S, self.length, 0x55C4, 0)
        handler = struct.pack(">I", 0) + self._handler.encode() + bytes(12) + b"\0"
        header = _HEADERS[self._handler]
        about = box(b"minf", header, box(b"dinf", _SELF), box(b"stbl", *self._tables(base)))
        return box(b"mdia", full_box(b"mdhd", 1, 0, length), full_box(b"hdlr", 0, 0, handler), about)

    def _tables(self, base: int) -> Iterator[bytes]:
        yield full_box(b"stsd", 0, 0, struct.pack(">I", 1), self._tracks[0].entry)
        yield _table(b"stts", _runs(self._lengths))
        if any(track.delays for track in self._tracks):
            yield _table(b"ctts", _runs(np.concatenate([_delays(track) for track in self._tracks])), version=1)
        counts = [len(track.times) + silence for track, silence in zip(self._tracks, self._silences, strict=True)]
        yield _table(b"stsc", np.array(list(_chunks(counts))))
        parts = zip(self._tracks, self._silences, strict=True)
        sizes = np.concatenate([np.asarray((len(SILENCE),) * silence + track.sizes) for track, silence in parts])
        firsts = np.cumsum([0, *counts[:-1]])
        sizes[firsts] += self._grown
        yield full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(sizes)), sizes.astype(">u4").tobytes())
        places = np.asarray(self._offsets, np.int64) + base
        yield full_box(b"co64", 0, 0, struct.pack(">I", len(places)), places.astype(">u8").tobytes())
        if self._handler == "vide":
            syncs = [np.asarray(t.syncs, np.int64) + at + 1 for t, at in zip(self._tracks, firsts, strict=True)]
            yield _table(b"stss", np.concatenate(syncs))


def _pictures(shot: Shot) -> int:
    """Bytes of a shot before its sound."""
    return len(shot.settings) + sum(shot.outline.tracks[0].sizes)


def _after_silence(times: Ticks, packets: int) -> Ticks:
    return np.concatenate((times[0] - SILENCE_TICKS * np.arange(packets, 0, -1), times))


def _on_clock(track: Track, begins: int) -> Ticks:
    return begins + np.asarray(track.times, np.int64) * TICKS_PER_S // track.timescale


def _delays(track: Track) -> Ticks:
    delays = track.delays or (0,) * len(track.times)
    return np.asarray(delays, np.int64) * TICKS_PER_S // track.timescale


def _growing(times: Ticks) -> Ticks:
    """Two segments may overlap by a rounding; a file's times must grow."""
    steps = np.arange(len(times))
    return np.maximum.accumulate(np.maximum(times, 0) - steps) + steps


def _runs(values: Ticks) -> NDArray[Any]:
    """(how many, value) for each run of equal values."""
    begins = np.flatnonzero(np.diff(values, prepend=values[0] - 1))
    return np.stack((np.diff(begins, append=len(values)), values[begins]), axis=1)


def _chunks(counts: list[int]) -> Iterator[tuple[int, int, int]]:
    """(first chunk, samples in each, how they are encoded) wherever the number changes; a shot is a chunk."""
    number = 1
    for samples, run in groupby(counts):
        yield number, samples, 1
        number += len(list(run))


def _table(kind: bytes, rows: NDArray[Any], version: int = 0) -> bytes:
    return full_box(kind, version, 0, struct.pack(">I", len(rows)), rows.astype(">i4").tobytes())
