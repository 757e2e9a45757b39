"""A USB camera by V4L2, through OpenCV. The only file here that imports OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from appliance.capture.ports import NoCamera
from appliance.runtime.clock import Clock
from appliance.runtime.frames import Frame
from proctoring.policy import Recording
from proctoring.wire import FrameHead

READ_TIMEOUT_MS: Final = 1000
STALE_MS: Final = 1000
"""A driver's time further back than this is not on our clock; the time of reading is taken instead."""


class UsbCamera:
    """See Source. `device` is an index or a path such as /dev/video0.

    OpenCV does not pass on the driver's count of pictures: what the driver lost shows only where it is a pause.
    """

    ended: Final = None

    def __init__(
        self, device: int | str, clock: Clock, settings: Recording | None = None, backend: int = cv2.CAP_V4L2
    ) -> None:
        self._device = device
        self._clock = clock
        self._settings = settings or Recording()
        self._backend = backend
        self._number = 0
        self._last_ms = 0
        self._capture: cv2.VideoCapture | None = None

    def open(self) -> None:
        """Opens the device. Raises NoCamera."""
        if not self._opened():
            raise NoCamera(
                f"There is no camera at {self._device!r}. Plug it in, or name another with `device` in its table; "
                "`ls /dev/video*` shows what there is."
            )

    def begin(self, zero_mono_ms: int | None) -> None:
        """A camera does not mind."""

    def next(self, patience_s: float) -> Frame | None:
        """The next picture; the driver itself waits for it, for a second at the most."""
        del patience_s
        assert self._capture is not None, "open() comes first"
        got, picture = self._capture.read()
        if not got:
            raise NoCamera(self._what_happened())
        return self._frame(np.asarray(picture, np.uint8), self._taken_ms(self._capture))

    def close(self) -> None:
        """Gives the device back."""
        if self._capture:
            self._capture.release()
        self._capture = None

    def _what_happened(self) -> str:
        path = Path(f"/dev/video{self._device}" if isinstance(self._device, int) else self._device)
        return "the camera could not be read" if path.exists() else "the camera was unplugged"

    def _opened(self) -> bool:
        capture = cv2.VideoCapture(self._device, self._backend, _wishes(self._backend))
        if not capture.isOpened():
            return False
        # Motion JPEG, because raw 720p does not fit through USB 2 at 15 pictures a second.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._settings.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._settings.height)
        capture.set(cv2.CAP_PROP_FPS, self._settings.frames_per_s)
        self._capture = capture
        return True

    def _taken_ms(self, capture: cv2.VideoCapture) -> int:
        """V4L2 stamps a picture on CLOCK_MONOTONIC; some drivers do not, and time must not go back."""
        now_ms, stamped_ms = self._clock.mono_ms(), round(capture.get(cv2.CAP_PROP_POS_MSEC))
        taken_ms = stamped_ms if now_ms - STALE_MS <= stamped_ms <= now_ms else now_ms
        self._last_ms = max(self._last_ms, taken_ms)
        return self._last_ms

    def _frame(self, picture: np.ndarray, mono_ms: int) -> Frame:
        height, width = (side - side % 2 for side in picture.shape[:2])
        planes = cv2.cvtColor(np.ascontiguousarray(picture[:height, :width]), cv2.COLOR_BGR2YUV_I420)
        self._number += 1
        head = FrameHead(number=self._number, mono_ms=mono_ms, width=width, height=height)
        return Frame(head, planes.tobytes())


def _wishes(backend: int) -> list[int]:
    return [cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS] if backend == cv2.CAP_V4L2 else []
