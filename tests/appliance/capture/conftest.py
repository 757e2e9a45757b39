"""Pictures that say their own number, and small real videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.capture.ports import NoMicrophone
from appliance.capture.segments import Incoming
from appliance.capture.simulated import BLOCK_MS, SimulatedMicrophone
from appliance.capture.video import VideoReader
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.frames import Frame
from appliance.runtime.sounds import Sound
from proctoring.policy import Recording
from proctoring.wire import FrameHead

SMALL = Recording(width=160, height=90, frames_per_s=15, bit_rate=200_000, segment_ms=2000)

MakeFrame = Callable[..., Frame]
MakeVideo = Callable[..., Path]
Read = Callable[[Path], list[tuple[int, int]]]


def shade(number: int) -> int:
    """A luma for a number up to 19 that survives encoding."""
    return 30 + 10 * (number % 20)


@pytest.fixture
def settings() -> Recording:
    return SMALL


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def incoming(tmp_path: Path) -> Incoming:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return Incoming(folder)


@pytest.fixture
def make_frame() -> MakeFrame:
    def make(number: int, mono_ms: int, width: int = 160, height: int = 90) -> Frame:
        luma = np.full(width * height, shade(number), np.uint8)
        colour = np.full(width * height // 2, 128, np.uint8)
        head = FrameHead(number=number, mono_ms=mono_ms, width=width, height=height)
        return Frame(head, luma.tobytes() + colour.tobytes())

    return make


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    def make(
        frames: int = 30,
        per_s: int = 15,
        size: tuple[int, int] = (160, 90),
        name: str = "video.mp4",
        pix_fmt: str = "yuv420p",
        luma: int | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as file:
            codec = "mjpeg" if pix_fmt == "yuvj420p" else "libx264"
            stream = file.add_stream(codec, rate=per_s, options={} if codec == "mjpeg" else {"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
            for number in range(frames):
                rows = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
                rows[: size[1]] = shade(number) if luma is None else luma
                picture = av.VideoFrame.from_ndarray(rows, format=pix_fmt)
                picture.pts, picture.time_base = number, Fraction(1, per_s)
                file.mux(stream.encode(picture))
            file.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def read() -> Read:
    """Every picture of a video as (time in ms, mean luma)."""

    def pictures(path: Path) -> Iterator[tuple[int, int]]:
        reader = VideoReader(path)
        while still := reader.next():
            frame = still.frame(1, 0)
            luma = np.frombuffer(frame.planes, np.uint8)[: frame.head.width * frame.head.height]
            yield still.at_ms, round(float(luma.mean()))
        reader.close()

    return lambda path: list(pictures(path))


class SteppedEar:
    """An Ear without a thread: hears what a microphone has by the clock's time."""

    def __init__(self, microphone: SimulatedMicrophone, clock: SimulatedClock) -> None:
        self.microphone = microphone
        self._clock = clock
        self._listens = self._is_open = False

    def begin(self, zero_mono_ms: int | None) -> None:
        self._listens, self._is_open = zero_mono_ms is not None, False
        if zero_mono_ms is not None:
            self.microphone.begin(zero_mono_ms)

    def heard(self) -> list[Sound | NoMicrophone]:
        heard: list[Sound | NoMicrophone] = []
        try:
            while self._listens and self._has_more():
                heard.append(self.microphone.next(0))
        except NoMicrophone as error:
            self._is_open = False
            heard.append(error)
        return heard

    def _has_more(self) -> bool:
        if not self._is_open:
            self.microphone.open()
            self._is_open = True
        return self.microphone.due_ms + BLOCK_MS <= self._clock.mono_ms()


@pytest.fixture
def ear(clock: SimulatedClock) -> SteppedEar:
    return SteppedEar(SimulatedMicrophone(clock), clock)


@pytest.fixture
def listen() -> Callable[[Path], list[tuple[int, bool]]]:
    """The sound of a file as (time in ms, whether it is loud), one for each decoded piece."""

    def pieces(path: Path) -> Iterator[tuple[int, bool]]:
        with av.open(str(path)) as file:
            for piece in file.decode(audio=0):
                yield round(1000 * piece.time), bool(np.abs(piece.to_ndarray()).max() > 0.05)

    return lambda path: list(pieces(path))
