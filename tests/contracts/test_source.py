"""The same behaviour asked of every picture source that can run here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from appliance.capture.ports import NoCamera, Source
from appliance.capture.simulated import SimulatedCamera
from appliance.capture.steady import Steady
from appliance.capture.usb_camera import UsbCamera
from appliance.capture.video_file import VideoFile
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.frames import Frame, size

Make = Callable[[SimulatedClock, Path], Source]


def film(folder: Path) -> Path:
    """Four seconds, ten pictures a second."""
    path = folder / "film.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(40):
            picture = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 6 * number, np.uint8), format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return path


SOURCES: dict[str, Make] = {
    "simulated": lambda clock, folder: SimulatedCamera(clock),
    "video": lambda clock, folder: VideoFile(film(folder), clock),
    "looping video": lambda clock, folder: VideoFile(film(folder), clock, loop=True),
    # There is no camera here; OpenCV reads a file through the same calls.
    # At the file's end the camera is gone, and is opened anew.
    "usb": lambda clock, folder: Steady(UsbCamera(str(film(folder)), clock, backend=cv2.CAP_FFMPEG), clock),
    "steady": lambda clock, folder: Steady(SimulatedCamera(clock), clock),
}


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, clock: SimulatedClock, tmp_path: Path) -> Iterator[Source]:
    made = SOURCES[request.param](clock, tmp_path)
    made.open()
    yield made
    made.close()


def next_of(source: Source, patience_s: float) -> Frame | None:
    try:
        return source.next(patience_s)
    except NoCamera:
        return None


def pictures(source: Source, clock: SimulatedClock, ms: int = 2000) -> list[Frame]:
    until_ms, found = clock.mono_ms() + ms, []
    for _ in range(30):
        if clock.mono_ms() >= until_ms:
            break
        found.append(next_of(source, 0.2))
    return [frame for frame in found if frame]


def test_there_are_pictures_before_and_after_zero(source: Source, clock: SimulatedClock) -> None:
    assert pictures(source, clock)
    source.begin(clock.mono_ms())
    assert pictures(source, clock)


def test_each_is_a_whole_i420_picture_with_even_sides(source: Source, clock: SimulatedClock) -> None:
    for frame in pictures(source, clock):
        assert frame.head.width % 2 == frame.head.height % 2 == 0
        assert len(frame.planes) == size(frame.head.width, frame.head.height)


def test_numbers_count_up_and_time_never_goes_back(source: Source, clock: SimulatedClock) -> None:
    heads = [frame.head for frame in pictures(source, clock)]
    source.begin(clock.mono_ms())
    heads += [frame.head for frame in pictures(source, clock)]
    assert all(before.number < after.number for before, after in itertools.pairwise(heads))
    assert all(before.mono_ms <= after.mono_ms for before, after in itertools.pairwise(heads))


def test_a_picture_is_of_now_and_not_of_the_future(source: Source, clock: SimulatedClock) -> None:
    source.begin(clock.mono_ms())
    for _ in range(20):
        frame = next_of(source, 0.2)
        if frame:
            assert clock.mono_ms() - 500 <= frame.head.mono_ms <= clock.mono_ms()


def test_it_waits_no_longer_than_its_caller_has_patience(source: Source, clock: SimulatedClock) -> None:
    source.begin(clock.mono_ms())
    for _ in range(60):
        before_ms = clock.mono_ms()
        next_of(source, 0.05)
        assert clock.mono_ms() - before_ms <= 50


def test_it_has_not_ended_while_it_gives_pictures(source: Source, clock: SimulatedClock) -> None:
    source.begin(clock.mono_ms())
    assert pictures(source, clock, 1000)
    assert source.ended is None


def test_closing_twice_is_fine(source: Source) -> None:
    source.close()
    source.close()
