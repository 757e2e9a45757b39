"""The same asked of every encoder: the board's own where the machine has one, and libx264."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.capture.encoders import board_encodes
from appliance.capture.ports import Writer
from appliance.capture.simulated import SimulatedMicrophone
from appliance.capture.video import HARDWARE, SOFTWARE, SoundReader, VideoReader, VideoWriter
from appliance.runtime.frames import Frame
from appliance.runtime.sounds import Sound
from proctoring.policy import Recording
from proctoring.wire import FrameHead

SMALL = Recording(width=320, height=176, bit_rate=300_000)
RNG = np.random.default_rng(1)


@pytest.fixture(params=[SOFTWARE, HARDWARE])
def encoder(request: pytest.FixtureRequest) -> str:
    if request.param == HARDWARE and not board_encodes():
        pytest.skip("this machine has no H.264 encoder of its own (V4L2 M2M, as on a Raspberry Pi 4)")
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "written.mp4"


@pytest.fixture
def writer(encoder: str, path: Path) -> Writer:
    return VideoWriter(path, SMALL, encoder)


def frame(number: int) -> Frame:
    planes = RNG.integers(60, 180, 320 * 176 * 3 // 2, np.uint8)
    return Frame(FrameHead(number=number, mono_ms=0, width=320, height=176), planes.tobytes())


def times(path: Path) -> Iterator[int]:
    reader = VideoReader(path)
    while still := reader.next():
        assert still.size == (320, 176)
        yield still.at_ms
    reader.close()


def test_what_is_written_plays_from_zero_at_its_own_times(writer: Writer, path: Path) -> None:
    written = [0, 67, 133, 500, 533, 600]
    for number, at_ms in enumerate(written):
        writer.add(frame(number), at_ms)
    writer.close()
    assert list(times(path)) == written


def test_before_it_is_closed_all_but_the_last_pictures_play(writer: Writer, path: Path) -> None:
    for number in range(30):
        writer.add(frame(number), number * 67)
    assert len(list(times(path))) >= 27


def test_it_keeps_to_the_bit_rate(writer: Writer, path: Path) -> None:
    for number in range(60):
        writer.add(frame(number), number * 67)
    writer.close()
    assert path.stat().st_size * 8 / 4 <= 2 * SMALL.bit_rate


def test_sound_stands_beside_the_pictures(encoder: str, path: Path) -> None:
    writer = VideoWriter(path, Recording(width=320, height=176, microphone=True), encoder)
    heard_ms = 0
    for number in range(30):
        writer.add(frame(number), number * 67)
        while heard_ms + 40 <= number * 67:
            writer.hear(Sound(heard_ms, SimulatedMicrophone.drawn(heard_ms)), heard_ms)
            heard_ms += 40
    writer.close()
    assert list(times(path)) == [number * 67 for number in range(30)]
    reader = SoundReader(str(path))
    blocks = list(itertools.takewhile(bool, iter(reader.next, None)))
    loud = [np.abs(np.frombuffer(block, "<i2")).max() > 1000 for block in blocks]
    assert loud[2:11] == [True] * 9
    assert not any(loud[15:24])
