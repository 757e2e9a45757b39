"""Video files, read and written, and pictures brought to size. The only file here that imports PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
import msgspec
import numpy as np
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from appliance.runtime.frames import Frame
from proctoring.errors import DeskproctorError
from proctoring.policy import Recording
from proctoring.wire import FrameHead

# Every picture becomes a fragment of its own and goes to the file at once: after a crash the file plays up to the
# last picture but one or two.
FRAGMENTED: Final = {"movflags": "frag_every_frame+empty_moov+default_base_moof", "flush_packets": "1"}

PRESET: Final = "superfast"
"""On a 720p webcam picture 2 dB better than ultrafast for 1.4 times its time; veryfast adds 0.1 dB for 2.2 times."""

MILLISECOND: Final = Fraction(1, 1000)
BLACK_LUMA: Final = 16
NO_COLOUR: Final = 128


class VideoUnusable(DeskproctorError, ValueError):
    """A video file that is missing or cannot be decoded."""


class Still(msgspec.Struct, frozen=True):
    """One decoded picture, `at_ms` after the video's beginning."""

    at_ms: int
    picture: av.VideoFrame

    def frame(self, number: int, mono_ms: int) -> Frame:
        """The picture as I420 with even sides; an odd last row or column is squeezed in."""
        width, height = _even(self.picture.width), _even(self.picture.height)
        head = FrameHead(number=number, mono_ms=mono_ms, width=width, height=height)
        return Frame(head, _flat(_reformatted(self.picture, width, height)).data)


class VideoReader:
    """A video file's pictures, in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        try:
            self._file = av.open(str(self._path))
            self._stream = self._file.streams.video[0]
        except (av.error.FFmpegError, OSError, IndexError) as error:
            raise VideoUnusable(_trouble(self._path, error)) from error
        self._stream.thread_count = 1
        self._zero = self._stream.start_time or 0
        self._stills = self._decoded()
        self.length_ms = self._length_ms()

    def next(self) -> Still | None:
        """The next picture; None at the end. Raises VideoUnusable where decoding fails."""
        try:
            return next(self._stills, None)
        except av.error.FFmpegError as error:
            raise VideoUnusable(_trouble(self._path, error)) from error

    def seek(self, to_ms: int) -> None:
        """Goes to the last place at or before `to_ms` from which it can be decoded, the beginning if need be."""
        offset = self._zero + int(to_ms * MILLISECOND / self._base)
        try:
            self._file.seek(offset, stream=self._stream)
        except av.error.FFmpegError:
            self._file.close()
            self._open()
        self._stills = self._decoded()

    def close(self) -> None:
        """Gives the file back."""
        self._file.close()

    @property
    def _base(self) -> Fraction:
        return self._stream.time_base or MILLISECOND

    def _decoded(self) -> Iterator[Still]:
        for picture in self._file.decode(self._stream):
            if picture.pts is not None:
                yield Still(self._ms(picture.pts - self._zero), picture)

    def _length_ms(self) -> int:
        if self._stream.duration:
            return self._ms(self._stream.duration)
        return round(self._file.duration / 1000) if self._file.duration else 0

    def _ms(self, ticks: int) -> int:
        return round(ticks * self._base * 1000)


class VideoWriter:
    """An H.264 file that is playable at any moment. Failures to write are OSError, as of any file."""

    def __init__(self, path: Path, settings: Recording) -> None:
        self._frame_ms = round(1000 / settings.frames_per_s)
        with _as_os_error():
            self._file = av.open(str(path), "w", format="mp4", options=dict(FRAGMENTED))
        stream = self._file.add_stream("libx264", rate=settings.frames_per_s, options=_encoder_options(settings))
        stream.width, stream.height, stream.pix_fmt = settings.width, settings.height, "yuv420p"
        stream.bit_rate = settings.bit_rate
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        stream.thread_count = 1
        self._stream = stream

    def add(self, frame: Frame, at_ms: int) -> None:
        """Writes a picture of the right size, `at_ms` after the file's beginning."""
        picture = _to_picture(frame)
        picture.pts, picture.time_base = at_ms, MILLISECOND
        self._mux(picture)

    def close(self) -> None:
        """Writes what is left and closes the file."""
        try:
            self._mux(None)
        finally:
            with _as_os_error():
                self._file.close()

    def _mux(self, picture: av.VideoFrame | None) -> None:
        with _as_os_error():
            for packet in self._stream.encode(picture):
                packet.duration = self._frame_ms
                self._file.mux(packet)


def fitted(frame: Frame, width: int, height: int) -> Frame:
    """The whole picture in its own shape, in the middle of a black one of `width` x `height`, both even."""
    head = frame.head
    if (head.width, head.height) == (width, height):
        return frame
    scale = min(width / head.width, height / head.height)
    inner_width, inner_height = _even(head.width * scale), _even(head.height * scale)
    inner = _flat(_reformatted(_to_picture(frame), inner_width, inner_height))
    canvas = np.full(width * height * 3 // 2, NO_COLOUR, np.uint8)
    canvas[: width * height] = BLACK_LUMA
    left, top = _even((width - inner_width) / 2, least=0), _even((height - inner_height) / 2, least=0)
    parts = zip(_planes(canvas, width, height), _planes(inner, inner_width, inner_height), (1, 2, 2), strict=True)
    for outside, inside, step in parts:
        x, y = left // step, top // step
        outside[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return Frame(msgspec.structs.replace(head, width=width, height=height), canvas.data)


Bytes = NDArray[np.uint8]


def _planes(flat: Bytes, width: int, height: int) -> tuple[Bytes, Bytes, Bytes]:
    blue, red = flat[width * height :].reshape(2, height // 2, width // 2)
    return flat[: width * height].reshape(height, width), blue, red


def _to_picture(frame: Frame) -> av.VideoFrame:
    rows = np.frombuffer(frame.planes, np.uint8).reshape(frame.head.height * 3 // 2, frame.head.width)
    return av.VideoFrame.from_ndarray(rows, format="yuv420p")


def _flat(picture: av.VideoFrame) -> Bytes:
    return np.asarray(picture.to_ndarray(), np.uint8).reshape(-1)


def _reformatted(picture: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """As I420 of that size in video range; webcams and phones often write full range."""
    full = picture.color_range == ColorRange.JPEG or picture.format.name.startswith("yuvj")
    ranges = {"src_color_range": ColorRange.JPEG, "dst_color_range": ColorRange.MPEG} if full else {}
    return picture.reformat(width, height, "yuv420p", interpolation=Interpolation.AREA, **ranges)


def _even(length: float, least: int = 2) -> int:
    return max(least, 2 * int(length / 2))


def _encoder_options(settings: Recording) -> dict[str, str]:
    # A second's worth of slack: a file of two seconds cannot make good later what it spends now.
    limit = str(settings.bit_rate)
    return {"preset": PRESET, "tune": "zerolatency", "maxrate": limit, "bufsize": limit}


@contextmanager
def _as_os_error() -> Iterator[None]:
    """What FFmpeg could not write, as the operating system's error that it is."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise OSError(error.errno, error.strerror, str(error.filename)) from error


def _trouble(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"There is no video {path}. Check the path and try again."
    why = "it has no video in it" if isinstance(error, IndexError) else getattr(error, "strerror", None) or error
    return f"The video {path} cannot be used: {why}. Give a video file that plays, for instance MP4 with H.264."
