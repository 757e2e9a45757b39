"""The Raspberry Pi's camera through picamera2 (libcamera). The only file here that imports picamera2.

Written against picamera2 0.3.38. What has run is everything but the camera: no libcamera and no sensor yet.
"""

from __future__ import annotations

import importlib
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from appliance.capture.ports import NoCamera
from appliance.runtime.clock import Clock
from appliance.runtime.frames import Frame
from proctoring.policy import Recording
from proctoring.wire import FrameHead

BUFFERS: Final = 6
"""picamera2's own number for video: enough that a picture being encoded does not hold up the sensor."""


class PiCamera:
    """See Source. `index` counts the cameras as picamera2 lists them."""

    ended: Final = None

    def __init__(self, index: int, clock: Clock, settings: Recording | None = None) -> None:
        self._index = index
        self._clock = clock
        self._settings = settings or Recording()
        self._number = 0
        self._last_ms: int | None = None
        self._camera: Any = None
        self._job: Any = None
        self._stream: dict[str, Any] = {}

    def open(self) -> None:
        """Configures and starts the camera. Raises NoCamera."""
        driver = _driver()
        if self._index >= len(driver.global_camera_info()):
            raise NoCamera(
                f"The Raspberry Pi sees no camera {self._index}. Check the ribbon cable with the power off; "
                "`rpicam-hello --list-cameras` shows what there is."
            )
        try:
            self._start(driver(self._index))
        except (RuntimeError, OSError) as error:
            raise NoCamera(f"The camera cannot be started: {error}. See that no other program uses it.") from error

    def begin(self, zero_mono_ms: int | None) -> None:
        """A camera does not mind."""

    def next(self, patience_s: float) -> Frame | None:
        """The next picture. Raises NoCamera where libcamera fails."""
        try:
            return self._next(patience_s)
        except (RuntimeError, OSError) as error:
            raise NoCamera(f"the camera failed: {error}") from error

    def close(self) -> None:
        """Stops the camera."""
        if self._camera:
            self._camera.close()
        self._camera, self._job, self._last_ms = None, None, None

    def _next(self, patience_s: float) -> Frame | None:
        # A request that was not served in time stays asked for; a second one would take a picture to nowhere.
        self._job = self._job or self._camera.capture_request(wait=False)
        try:
            request = self._camera.wait(self._job, timeout=patience_s)
        except TimeoutError:
            return None
        self._job = None
        try:
            return self._frame(request.make_buffer("main"), request.get_metadata())
        finally:
            request.release()

    def _start(self, camera: Any) -> None:
        frame_us = round(1_000_000 / self._settings.frames_per_s)
        camera.configure(
            camera.create_video_configuration(
                main={"size": (self._settings.width, self._settings.height), "format": "YUV420"},
                controls={"FrameDurationLimits": (frame_us, frame_us)},
                buffer_count=BUFFERS,
            )
        )
        camera.start()
        self._stream = camera.camera_configuration()["main"]
        self._camera = camera

    def _frame(self, buffer: NDArray[np.uint8], metadata: dict[str, Any]) -> Frame:
        width, height = self._stream["size"]
        taken_ns = metadata.get("SensorTimestamp")
        mono_ms = self._clock.mono_ms() if taken_ns is None else _monotonic_ms(taken_ns)
        self._number += 1 + self._lost(mono_ms, metadata.get("FrameDuration"))
        self._last_ms = mono_ms
        head = FrameHead(number=self._number, mono_ms=mono_ms, width=width, height=height)
        return Frame(head, without_padding(buffer, width, height, self._stream["stride"]))

    def _lost(self, taken_ms: int, duration_us: int | None) -> int:
        """How many pictures the sensor took between the last one and this: nobody asked for them in time."""
        if self._last_ms is None or not duration_us:
            return 0
        return max(0, round((taken_ms - self._last_ms) * 1000 / duration_us) - 1)


def without_padding(buffer: NDArray[np.uint8], width: int, height: int, stride: int) -> bytes:
    """The planes of an I420 buffer whose luma rows take `stride` bytes and whose chroma rows take half of that."""
    luma = buffer[: stride * height].reshape(height, stride)[:, :width]
    chroma = buffer[stride * height : stride * height * 3 // 2].reshape(height, stride // 2)[:, : width // 2]
    return luma.tobytes() + chroma.tobytes()


def _monotonic_ms(boottime_ns: int) -> int:
    """libcamera stamps on CLOCK_BOOTTIME, which also counts suspended time."""
    ahead_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return (boottime_ns - ahead_ns) // 1_000_000


def _driver() -> Any:
    try:
        return importlib.import_module("picamera2").Picamera2
    except ImportError as error:
        raise NoCamera(
            "picamera2 is not installed, so there is no Raspberry Pi camera. Install python3-picamera2 on Raspberry "
            'Pi OS, or choose another `source` in its table: "usb", "video" or "simulated".'
        ) from error
