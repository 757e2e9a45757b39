"""How much there is to see in a picture at all."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from appliance.edge_ai.picture import Bytes, Picture, mean_and_deviation
from proctoring.observation import Light

# A thumbnail this narrow has the picture's light and none of the sensor's noise.
THUMBNAIL_PX: Final = 128

# Fine detail is measured where a face at a desk is some 60 pixels high: less blur than that harms no detector.
DETAIL_PX: Final = 512
BLUR_PX: Final = 9

Slices = slice | tuple[slice, slice]

# Video range: luma runs from 16 (black) to 235 (white). What is burnt out has lost its last few steps.
BLACK, WHITE, BURNT = 16.0, 235.0, 231


# Light changes within seconds, and its rules vote over two and more: every fourth frame at the desk's pace. Sharpness
# costs most of it, and a lens that is out of focus stays so: its rule votes over three seconds.
REPEATED_MS: Final = 450
SHARPNESS_REPEATED_MS: Final = 950


class LightWatch:
    """Measures one camera's light twice a second, its sharpness once; in between they are what they were."""

    def __init__(self) -> None:
        self._light: Light | None = None
        self._measured_ms = self._sharpness_ms = 0

    def measure(self, picture: Picture, at_ms: int) -> Light:
        """The light at `at_ms`, or a moment before."""
        if self._light is None or at_ms < self._measured_ms or at_ms - self._sharpness_ms >= SHARPNESS_REPEATED_MS:
            self._light, self._measured_ms, self._sharpness_ms = measure(picture), at_ms, at_ms
        elif at_ms - self._measured_ms >= REPEATED_MS:
            self._light, self._measured_ms = measure(picture, self._light.sharpness), at_ms
        return self._light


def measure(picture: Picture, known_sharpness: float | None = None) -> Light:
    """Mean, spread and glare of the picture's luma, and its sharpness unless it is known, all in 0..1."""
    small = picture.grey(THUMBNAIL_PX)
    mean, deviation = mean_and_deviation(np.clip(small, BLACK, WHITE))
    return Light(
        mean=round((mean - BLACK) / (WHITE - BLACK), 4),
        spread=round(deviation / (WHITE - BLACK), 4),
        glare=round(np.count_nonzero(small >= BURNT) / small.size, 4),
        sharpness=round(sharpness(picture.grey(DETAIL_PX)), 4) if known_sharpness is None else known_sharpness,
    )


def sharpness(plane: Bytes) -> float:
    """The share of the steps between neighbours that a blur takes away, 0..1: little where all is blurred already.

    After Crete et al. 2007, "The blur effect", which holds for pictures of any content. The worse direction counts:
    what moves, or shakes, is blurred along one.
    """
    across = _lost(plane, cv2.blur(plane, (BLUR_PX, 1)), np.s_[:, 1:], np.s_[:, :-1])
    return min(across, _lost(plane, cv2.blur(plane, (1, BLUR_PX)), np.s_[1:], np.s_[:-1]))


def _lost(plane: Bytes, blurred: Bytes | cv2.typing.MatLike, after: Slices, before: Slices) -> float:
    steps = cv2.absdiff(plane[after], plane[before])
    lost = cv2.subtract(steps, cv2.absdiff(blurred[after], blurred[before]))
    return float(cv2.sumElems(lost)[0] / max(1.0, cv2.sumElems(steps)[0]))
