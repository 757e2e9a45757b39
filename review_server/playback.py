"""A session's segments as one ordinary MP4, for the browser's own player. The only file that imports PyAV.

Packets are copied, never encoded again: what plays is what was recorded. Each stands at its time in the ledger, so
that the player's clock is the session's; through a gap the last picture stays, and before the first one the first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import msgspec
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from proctoring.errors import DeskproctorError
from proctoring.ledger import sha256

log = logging.getLogger(__name__)

TICK: Final = Fraction(1, 90_000)
"""The time base of joined recordings: both 15 and 25 frames a second are whole numbers of it."""


class NothingToPlay(DeskproctorError, LookupError):
    """No segment of this session can be played yet."""


class Piece(msgspec.Struct, frozen=True):
    """A segment on disk and its place in the session."""

    sha256: str
    started_ms: int
    path: Path


class Recording(msgspec.Struct, frozen=True):
    """A joined recording, and the hashes of pieces that could not be joined into it."""

    path: Path
    left_out: tuple[str, ...]


class Recordings:
    """Joined recordings, kept on disk by what they were joined from, the longest unused removed first."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    def of(self, pieces: tuple[Piece, ...]) -> Recording:
        """The recording of these pieces, joined now if it was not before. Raises NothingToPlay."""
        key = sha256("\n".join(f"{piece.sha256} {piece.started_ms}" for piece in pieces).encode())
        path, note = self._folder / f"{key}.mp4", self._folder / f"{key}.json"
        with self._lock:
            if not (path.exists() and note.exists()):
                note.write_bytes(msgspec.json.encode(_join_whole(pieces, path)))
                self._make_room(path)
            path.touch()
            return Recording(path, msgspec.json.decode(note.read_bytes(), type=tuple[str, ...]))

    def _make_room(self, newest: Path) -> None:
        files = sorted(self._folder.glob("*.mp4"), key=lambda file: file.stat().st_mtime)
        total = sum(file.stat().st_size for file in files)
        for file in files:
            if total <= self._limit_bytes or file == newest:
                return
            total -= file.stat().st_size
            file.unlink()
            file.with_suffix(".json").unlink(missing_ok=True)


def _join_whole(pieces: Iterable[Piece], path: Path) -> tuple[str, ...]:
    part = path.with_suffix(".part")
    try:
        left_out = join(pieces, part)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return left_out


def join(pieces: Iterable[Piece], path: Path) -> tuple[str, ...]:
    """Writes the pieces to `path` as one MP4, its index in front. Gives the hashes of those left out."""
    left_out = []
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        film = _Film(output)
        for piece in pieces:
            try:
                _check_and_add(film, piece)
            except (av.FFmpegError, _CannotJoin) as error:
                log.warning("segment %s was left out of the recording: %s", piece.sha256[:12], error)
                left_out.append(piece.sha256)
        if film.stream is None:
            raise NothingToPlay("No piece of this recording can be played.")
    return tuple(left_out)


class _CannotJoin(Exception):
    pass


def _check_and_add(film: _Film, piece: Piece) -> None:
    with av.open(str(piece.path)) as source:
        if not source.streams.video:
            raise _CannotJoin("it has no picture")
        stream = source.streams.video[0]
        # All of them first: a piece that breaks off is found before any of it is in.
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        film.add(stream, packets, piece.started_ms)


class _Film:
    """What has been joined so far."""

    def __init__(self, output: OutputContainer) -> None:
        self._output = output
        self.stream: VideoStream | None = None
        self._parameters: object = None
        self._last_dts = -(1 << 62)

    def add(self, like: VideoStream, packets: list[Packet[VideoStream]], started_ms: int) -> None:
        """Puts packets of a stream at `started_ms`. Raises _CannotJoin where the encoder was set otherwise."""
        stream = self._stream(like)
        for packet in packets:
            self._place(packet, round(started_ms / 1000 / TICK))
            packet.stream = stream
            self._output.mux(packet)

    def _stream(self, like: VideoStream) -> VideoStream:
        parameters = (like.codec_context.name, like.width, like.height, like.codec_context.extradata)
        if self.stream is None:
            self.stream = self._output.add_stream_from_template(like)
            self.stream.time_base = TICK
            self._parameters = parameters
        elif parameters != self._parameters:
            raise _CannotJoin("it was recorded with other settings than the first piece")
        return self.stream

    def _place(self, packet: Packet[VideoStream], offset: int) -> None:
        assert packet.dts is not None
        assert packet.time_base is not None
        scale = packet.time_base / TICK
        shown = packet.dts if packet.pts is None else packet.pts
        dts, pts = offset + round(packet.dts * scale), offset + round(shown * scale)
        if self._last_dts < -(1 << 61):
            dts, pts = min(dts, 0), 0
        # Two pieces may overlap by a rounding; a file's times must grow.
        packet.dts = max(dts, self._last_dts + 1)
        packet.pts = max(pts, packet.dts)
        packet.duration = round((packet.duration or 0) * scale)
        packet.time_base = TICK
        self._last_dts = packet.dts
