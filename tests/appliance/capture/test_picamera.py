"""PiCamera against an object that answers as picamera2 0.3.38 does. No camera is proven by this."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from appliance.capture.picamera import PiCamera, without_padding
from appliance.capture.ports import NoCamera
from appliance.runtime.clock import SystemClock
from proctoring.policy import Recording

STRIDE = 192
WIDTH, HEIGHT = 160, 90


class Request:
    def __init__(self) -> None:
        self.released = False
        self.taken_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 30_000_000

    def make_buffer(self, name: str) -> np.ndarray:
        assert name == "main"
        luma = np.full((HEIGHT, STRIDE), 255, np.uint8)
        luma[:, :WIDTH] = 100
        chroma = np.full((HEIGHT, STRIDE // 2), 255, np.uint8)
        chroma[:, : WIDTH // 2] = 128
        return np.concatenate([luma.ravel(), chroma.ravel()])

    def get_metadata(self) -> dict[str, int]:
        return {"SensorTimestamp": self.taken_ns, "ExposureTime": 10_000, "FrameDuration": 66_667}

    def release(self) -> None:
        self.released = True


class Driver:
    """Picamera2's calls that we use, with their names and defaults."""

    cameras = 1
    late = 0
    later_ns = 0
    made: list[Driver] = []  # noqa: RUF012

    def __init__(self, camera_num: int = 0) -> None:
        self.requests: list[Request] = []
        self.asked = 0
        self.closed = False
        self.made.append(self)

    @classmethod
    def global_camera_info(cls) -> list[dict[str, object]]:
        return [{"Model": "imx708", "Num": number} for number in range(cls.cameras)]

    def create_video_configuration(self, main, controls, buffer_count):
        return {"main": main, "controls": controls, "buffer_count": buffer_count}

    def configure(self, configuration) -> None:
        self.configuration = configuration

    def camera_configuration(self):
        return {"main": {**self.configuration["main"], "stride": STRIDE}}

    def start(self) -> None:
        self.started = True

    def capture_request(self, wait=None, signal_function=None, flush=None):
        assert wait is False
        self.asked += 1
        return object()

    def wait(self, job, timeout=None):
        if Driver.late:
            Driver.late -= 1
            raise TimeoutError
        self.requests.append(Request())
        if Driver.later_ns:
            self.requests[-1].taken_ns = self.requests[0].taken_ns + Driver.later_ns
        return self.requests[-1]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> type[Driver]:
    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=Driver))
    monkeypatch.setattr(Driver, "made", [])
    monkeypatch.setattr(Driver, "cameras", 1)
    monkeypatch.setattr(Driver, "late", 0)
    monkeypatch.setattr(Driver, "later_ns", 0)
    return Driver


@pytest.fixture
def camera(driver) -> PiCamera:
    camera = PiCamera(0, SystemClock(), Recording(width=WIDTH, height=HEIGHT))
    camera.open()
    return camera


def test_it_asks_for_i420_of_the_right_size_and_pace(camera: PiCamera, driver) -> None:
    configuration = driver.made[0].configuration
    assert configuration["main"] == {"size": (WIDTH, HEIGHT), "format": "YUV420"}
    assert configuration["controls"] == {"FrameDurationLimits": (66_667, 66_667)}


def test_the_padding_of_rows_is_taken_out(camera: PiCamera) -> None:
    frame = camera.next(1.0)
    assert frame
    assert bytes(frame.planes) == bytes([100]) * (WIDTH * HEIGHT) + bytes([128]) * (WIDTH * HEIGHT // 2)


def test_its_time_is_the_sensors_on_the_monotonic_clock(camera: PiCamera) -> None:
    before_ms = SystemClock().mono_ms()
    frame = camera.next(1.0)
    assert frame
    assert before_ms - 31 <= frame.head.mono_ms <= SystemClock().mono_ms() - 29


def test_pictures_that_nobody_asked_for_in_time_are_missing_in_its_numbers(camera: PiCamera, driver) -> None:
    frames = []
    for late_ms in (0, 66, 266):
        Driver.later_ns = late_ms * 1_000_000
        frames.append(camera.next(1.0))
    numbers = [frame.head.number for frame in frames if frame]
    assert numbers[1] - numbers[0] == 1
    assert numbers[2] - numbers[1] == 3


def test_every_request_is_given_back(camera: PiCamera, driver) -> None:
    for _ in range(3):
        camera.next(1.0)
    assert [request.released for request in driver.made[0].requests] == [True] * 3


def test_a_request_that_is_late_is_waited_for_and_not_asked_again(camera: PiCamera, driver) -> None:
    Driver.late = 2
    assert [camera.next(0.1), camera.next(0.1)] == [None, None]
    assert camera.next(0.1)
    assert driver.made[0].asked == 1


def test_closing_stops_the_camera(camera: PiCamera, driver) -> None:
    camera.close()
    camera.close()
    assert driver.made[0].closed


def test_no_camera_on_the_ribbon_is_said_with_what_to_do(driver) -> None:
    Driver.cameras = 0
    with pytest.raises(NoCamera, match="Check the ribbon cable"):
        PiCamera(0, SystemClock()).open()


def test_without_picamera2_the_sentence_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(NoCamera, match="Install python3-picamera2"):
        PiCamera(0, SystemClock()).open()


def test_rows_without_padding_stay_as_they_are() -> None:
    buffer = np.arange(8 * 4 * 3 // 2, dtype=np.uint8)
    assert without_padding(buffer, 8, 4, 8) == buffer.tobytes()
