"""A camera that is not there: grey, with a white mark that walks across once every four seconds."""

from __future__ import annotations

from typing import Final

import numpy as np

from appliance.runtime.clock import Clock
from appliance.runtime.frames import Frame
from proctoring.policy import Recording
from proctoring.wire import FrameHead

GREY: Final = 110
WHITE: Final = 235
NO_COLOUR: Final = 128
LAP_MS: Final = 4000


class SimulatedCamera:
    """See Source. Its pictures come at the clock's pace, so a simulated clock gives them at once."""

    ended: Final = None

    def __init__(self, clock: Clock, settings: Recording | None = None) -> None:
        self._clock = clock
        self._settings = settings or Recording()
        self._interval_ms = round(1000 / self._settings.frames_per_s)
        self._number = 0
        self._due_ms = 0

    def open(self) -> None:
        """Always there."""

    def begin(self, zero_mono_ms: int | None) -> None:
        """Does not mind, like any camera."""

    def next(self, patience_s: float) -> Frame | None:
        """The next picture. Pictures that nobody waited for are lost."""
        wait_s = max(0, self._due_ms - self._clock.mono_ms()) / 1000
        self._clock.wait(min(wait_s, patience_s))
        if wait_s > patience_s:
            return None
        now_ms = self._clock.mono_ms()
        self._due_ms = now_ms - now_ms % self._interval_ms + self._interval_ms
        self._number += 1
        return self._drawn(now_ms)

    def close(self) -> None:
        """Nothing to give back."""

    def _drawn(self, now_ms: int) -> Frame:
        width, height = self._settings.width, self._settings.height
        luma = np.full((height, width), GREY, np.uint8)
        side = height // 6
        left = (width - side) * (now_ms % LAP_MS) // LAP_MS
        luma[side : 2 * side, left : left + side] = WHITE
        colour = np.full(width * height // 2, NO_COLOUR, np.uint8)
        head = FrameHead(number=self._number, mono_ms=now_ms, width=width, height=height)
        return Frame(head, luma.tobytes() + colour.tobytes())
