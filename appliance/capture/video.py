"""Video files, read and written, and pictures brought to size. The only file here that imports PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
import msgspec
import numpy as np
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from appliance.capture.ports import EncoderFault
from appliance.runtime.frames import Frame
from appliance.runtime.sounds import BLOCK, RATE, Sound
from proctoring.errors import DeskproctorError
from proctoring.policy import SOUND_BIT_RATE, Recording
from proctoring.wire import FrameHead

# Every picture becomes a fragment of its own and goes to the file at once: after a crash the file plays up to the
# last picture but one or two.
FRAGMENTED: Final = {"movflags": "frag_every_frame+empty_moov+default_base_moof", "flush_packets": "1"}

# With sound a fragment goes to the file with the next picture: FFmpeg gives pictures wrong times where each block of
# sound ends one. Where sound is late or away, pictures wait for it for a tenth of a second and no longer.
FRAGMENTED_SOUND: Final = {
    "movflags": "empty_moov+default_base_moof",
    "frag_duration": "1",
    "flush_packets": "1",
    "max_interleave_delta": "100000",
}

MOST_SILENCE: Final = 500
"""Frames; in a longer hole nothing is written, for encoding it would hold up the pictures."""
OPUS_EARLY: Final = 104
"""Samples that the encoder puts in front."""
OPUS_FRAME: Final = 320
"""Samples in 20 ms, the encoder's usual frame."""

SOFTWARE: Final = "libx264"
HARDWARE: Final = "h264_v4l2m2m"
"""FFmpeg's names."""

PRESET: Final = "superfast"
"""On a 720p webcam picture 2 dB better than ultrafast for 1.4 times its time; veryfast adds 0.1 dB for 2.2 times."""

MOST_PIXELS: Final = 50_000_000
"""A picture of 50 megapixels takes some 75 MB once decoded, and decoders hold several; 8K has 33."""

MILLISECOND: Final = Fraction(1, 1000)
BLACK_LUMA: Final = 16
NO_COLOUR: Final = 128


class VideoUnusable(DeskproctorError, ValueError):
    """A video file that is missing or cannot be decoded."""


class SoundUnusable(DeskproctorError, ValueError):
    """A sound file or device that is missing or cannot be read."""


class Still(msgspec.Struct, frozen=True):
    """One decoded picture, `at_ms` after the video's beginning."""

    at_ms: int
    picture: av.VideoFrame

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture, in pixels."""
        width, height = self.picture.width, self.picture.height
        return (height, width) if self._quarters % 2 else (width, height)

    def frame(self, number: int, mono_ms: int) -> Frame:
        """The picture upright, as I420 with even sides; an odd last row or column is squeezed in."""
        width, height = _even(self.picture.width), _even(self.picture.height)
        flat = _flat(_reformatted(self.picture, width, height))
        if self._quarters:
            planes = [np.rot90(plane, self._quarters) for plane in _planes(flat, width, height)]
            height, width = planes[0].shape
            flat = np.concatenate([plane.ravel() for plane in planes])
        head = FrameHead(number=number, mono_ms=mono_ms, width=width, height=height)
        return Frame(head, flat.data)

    @property
    def _quarters(self) -> int:
        """Quarters of a turn, counterclockwise, that bring it upright: telephones held upright film lying down."""
        return round(self.picture.rotation / 90) % 4


class VideoReader:
    """A video file's pictures, in order."""

    def __init__(self, path: Path, lenient: bool = False) -> None:
        """Where it is `lenient`, what cannot be decoded in the midst of the file is left out, its times kept."""
        self._path = path
        self._lenient = lenient
        self.broken_ms: list[int] = []
        self._open()

    def _open(self) -> None:
        try:
            self._file = av.open(str(self._path))
            self._stream = self._file.streams.video[0]
        except (av.error.FFmpegError, OSError, IndexError) as error:
            raise VideoUnusable(_trouble(self._path, error)) from error
        width, height = self._stream.width, self._stream.height
        if width * height > MOST_PIXELS:
            self._file.close()
            raise VideoUnusable(
                f"The video {self._path} has {width}x{height} pixels, more than {MOST_PIXELS // 10**6} million. "
                "Make it smaller."
            )
        self._stream.thread_count = 1
        self._zero = self._stream.start_time or 0
        self.start_ms = _start_ms(self._stream)
        """When its first picture is shown, on the file's own clock; all other times count from there."""
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
        for packet in self._file.demux(self._stream):
            for picture in self._pictures(packet):
                if picture.pts is not None:
                    yield Still(self._ms(picture.pts - self._zero), picture)

    def _pictures(self, packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
        try:
            return packet.decode()
        except av.error.InvalidDataError:
            if not self._lenient:
                raise
            if packet.pts is not None:
                self.broken_ms.append(self._ms(packet.pts - self._zero))
            return []

    def _length_ms(self) -> int:
        if self._stream.duration:
            return self._ms(self._stream.duration)
        return round(self._file.duration / 1000) if self._file.duration else 0

    def _ms(self, ticks: int) -> int:
        return round(ticks * self._base * 1000)


class SoundReader:
    """The first sound track of a file, or an ALSA device, in blocks of `BLOCK` samples as `Sound` has them."""

    def __init__(self, name: str, container: str | None = None) -> None:
        """`container` is FFmpeg's format where the name alone does not tell. Raises SoundUnusable."""
        try:
            self._file = av.open(name, format=container)
            self._stream = self._file.streams.audio[0]
        except (av.error.FFmpegError, OSError, IndexError) as error:
            why = "there is no sound in it" if isinstance(error, IndexError) else getattr(error, "strerror", error)
            raise SoundUnusable(f"The sound of {name} cannot be used: {why}.") from error
        self._blocks = self._read()
        self.start_ms = _start_ms(self._stream)
        """When its first sample is heard, on the file's own clock."""

    def next(self) -> bytes | None:
        """The next block, the last one filled up with silence; None at the end. Raises SoundUnusable."""
        try:
            return next(self._blocks, None)
        except av.error.FFmpegError as error:
            raise SoundUnusable(f"The sound cannot be read: {error.strerror}.") from error

    def close(self) -> None:
        """Gives it back."""
        self._file.close()

    def _read(self) -> Iterator[bytes]:
        even = av.AudioResampler("s16", "mono", RATE, frame_size=BLOCK)
        for decoded in self._file.decode(self._stream):
            yield from (bytes(piece.planes[0])[: 2 * piece.samples] for piece in even.resample(decoded))
        for rest in even.resample(None):
            yield bytes(rest.planes[0])[: 2 * rest.samples].ljust(2 * BLOCK, b"\0")


class VideoWriter:
    """See Writer. An H.264 file that is playable at any moment, made by the encoder that FFmpeg calls so."""

    def __init__(self, path: Path, settings: Recording, encoder: str = SOFTWARE) -> None:
        self._frame_ms = round(1000 / settings.frames_per_s)
        self._bytes = _Sink(path)
        self._file = av.open(self._bytes, "w", format="mp4", options=_muxer_options(settings, encoder))
        options = _encoder_options(settings, encoder)
        stream = self._file.add_stream(encoder, rate=settings.frames_per_s, options=options)
        assert isinstance(stream, av.VideoStream), "the encoder is one of those above"
        stream.width, stream.height, stream.pix_fmt = settings.width, settings.height, "yuv420p"
        stream.bit_rate = settings.bit_rate
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        stream.thread_count = 1
        self._stream = stream
        self._sound = _SoundTrack(self._file) if settings.microphone else None
        if self._sound and encoder != SOFTWARE:
            # Its head is only written once there is something of every track, and a crash may come before any sound.
            self._mux_sound(self._sound.packets(Sound(0, bytes(2 * OPUS_FRAME)), 0))

    def add(self, frame: Frame, at_ms: int) -> None:
        """Writes a picture of the right size, `at_ms` after the file's beginning."""
        picture = _to_picture(frame)
        picture.pts, picture.time_base = at_ms, MILLISECOND
        self._mux(picture)

    def hear(self, sound: Sound, at_ms: int) -> None:
        """See Writer."""
        if self._sound:
            self._mux_sound(self._sound.packets(sound, at_ms))

    def close(self) -> None:
        """Writes what is left and closes the file."""
        try:
            with suppress(EncoderFault):
                self._mux_sound(self._sound.rest() if self._sound else [])
            self._mux(None)
            with _as_os_error():
                self._file.close()
        finally:
            self._bytes.close()

    def _mux_sound(self, packets: list[av.Packet[av.AudioStream]]) -> None:
        with _as_os_error():
            for packet in packets:
                self._file.mux(packet)

    def _mux(self, picture: av.VideoFrame | None) -> None:
        with _as_encoder_fault():
            packets = self._stream.encode(picture)
        with _as_os_error():
            for packet in packets:
                packet.duration = self._frame_ms
                self._file.mux(packet)


class _SoundTrack:
    """Opus, one channel: free to use, and every browser plays it."""

    def __init__(self, file: av.container.OutputContainer) -> None:
        stream = file.add_stream("libopus", rate=RATE, options={"application": "voip"})
        stream.layout, stream.codec_context.format = "mono", "s16"
        stream.bit_rate = SOUND_BIT_RATE
        self._stream = stream
        self._next = 0

    def packets(self, sound: Sound, at_ms: int) -> list[av.Packet[av.AudioStream]]:
        """A block of sound, encoded. What would lie before the sound already written is moved behind it."""
        first = max(self._next, at_ms * RATE // 1000)
        silent = self._silence(first)
        return silent + self._all(np.frombuffer(sound.pcm, np.int16), first)

    def rest(self) -> list[av.Packet[av.AudioStream]]:
        """What the encoder still holds."""
        with _as_encoder_fault():
            return [self._in_time(packet) for packet in self._stream.encode(None)] if self._next else []

    def _silence(self, until: int) -> list[av.Packet[av.AudioStream]]:
        """Fills a hole: Chromium plays packets one after the other, whatever their times."""
        frames = (until - self._next) // OPUS_FRAME
        # A block may lie astride a cut: the part after it is in the segment before.
        if not BLOCK // OPUS_FRAME < frames <= MOST_SILENCE:
            return []
        return self._all(np.zeros(frames * OPUS_FRAME, np.int16), until - frames * OPUS_FRAME)

    def _all(self, samples: NDArray[np.int16], first: int) -> list[av.Packet[av.AudioStream]]:
        packets = []
        for offset in range(0, len(samples), OPUS_FRAME):
            packets += self._encoded(samples[offset : offset + OPUS_FRAME], first + offset)
        self._next = first + len(samples)
        return packets

    def _encoded(self, samples: NDArray[np.int16], pts: int) -> list[av.Packet[av.AudioStream]]:
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, pts, Fraction(1, RATE)
        with _as_encoder_fault():
            return [self._in_time(packet) for packet in self._stream.encode(frame)]

    @staticmethod
    def _in_time(packet: av.Packet[av.AudioStream]) -> av.Packet[av.AudioStream]:
        # The encoder begins 6.5 ms before zero; the muxer would move the pictures for that.
        if packet.pts is not None and packet.dts is not None:
            packet.pts, packet.dts = packet.pts + OPUS_EARLY, packet.dts + OPUS_EARLY
        return packet


class _Sink:
    """The file that FFmpeg writes through us: it would leave one open for ever that it could not write to its end."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close

    def write(self, data: bytes) -> int:
        """Writes all of it to the system. Raises OSError where not all of it has room."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        return len(data)


def _start_ms(stream: av.VideoStream | av.AudioStream) -> int:
    return round((stream.start_time or 0) * (stream.time_base or MILLISECOND) * 1000)


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


def knows_encoder(name: str) -> bool:
    """Whether this FFmpeg can use the encoder, if the machine has it."""
    return name in av.codecs_available


def _muxer_options(settings: Recording, encoder: str) -> dict[str, str]:
    options = dict(FRAGMENTED_SOUND if settings.microphone else FRAGMENTED)
    if encoder != SOFTWARE:
        # The board's encoder tells how to decode its pictures in the first of them, not before.
        options["movflags"] += "+delay_moov"
    return options


def _encoder_options(settings: Recording, encoder: str) -> dict[str, str]:
    if encoder != SOFTWARE:
        return {}
    # A second's worth of slack: a file of two seconds cannot make good later what it spends now.
    limit = str(settings.bit_rate)
    return {"preset": PRESET, "tune": "zerolatency", "maxrate": limit, "bufsize": limit}


@contextmanager
def _as_encoder_fault() -> Iterator[None]:
    try:
        yield
    except av.error.FFmpegError as error:
        raise EncoderFault(error.strerror) from error


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
