"""The same pictures under poor conditions: dark, blurred, of low resolution, in coloured light."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from appliance.edge_ai.picture import Bytes, Picture

BLACK, NO_COLOUR = 16, 128

DARKER: Final = 0.35
"""A room by evening light instead of by day: a third of the luma, with its colours as much weaker."""
BLUR: Final = 1 / 160
"""Standard deviation as a share of the width: 8 pixels of 1280, a lens that is a good deal out of focus."""
LOW_WIDTH: Final = 320
"""Pixels across: a quarter of the recorder's."""
WARMER: Final = (-14, 16)
"""What is added to blue and red: the light of a bulb with the white balance at daylight."""


def darkened(picture: Picture) -> Picture:
    """With a third of the light."""
    return Picture(
        _stretched(picture.luma, BLACK, DARKER),
        _stretched(picture.blue, NO_COLOUR, DARKER),
        _stretched(picture.red, NO_COLOUR, DARKER),
    )


def blurred(picture: Picture) -> Picture:
    """Out of focus."""
    sigma = max(0.6, BLUR * picture.width)
    return Picture(*(_bytes(cv2.GaussianBlur(plane, (0, 0), part * sigma)) for plane, part in _planes(picture)))


def low_resolution(picture: Picture) -> Picture:
    """As a camera of 320 pixels across would have seen it, at the size it had."""
    shrink = min(1.0, LOW_WIDTH / picture.width)
    return Picture(*(_coarse(plane, shrink) for plane, _ in _planes(picture)))


def colour_shifted(picture: Picture) -> Picture:
    """In the yellow light of a bulb."""
    blue, red = (
        _bytes(np.clip(plane.astype(np.int16) + step, 16, 240))
        for plane, step in zip((picture.blue, picture.red), WARMER, strict=True)
    )
    return Picture(picture.luma, blue, red)


CONDITIONS: Final[dict[str, Callable[[Picture], Picture]]] = {
    "as_they_are": lambda picture: picture,
    "darkened": darkened,
    "blurred": blurred,
    "low_resolution": low_resolution,
    "colour_shifted": colour_shifted,
}


def _planes(picture: Picture) -> tuple[tuple[Bytes, float], ...]:
    return (picture.luma, 1.0), (picture.blue, 0.5), (picture.red, 0.5)


def _stretched(plane: Bytes, zero: int, factor: float) -> Bytes:
    table = np.clip(np.round(zero + (np.arange(256) - zero) * factor), 0, 255).astype(np.uint8)
    return _bytes(cv2.LUT(plane, table))


def _coarse(plane: Bytes, shrink: float) -> Bytes:
    height, width = plane.shape
    small = cv2.resize(
        plane, (max(1, round(width * shrink)), max(1, round(height * shrink))), interpolation=cv2.INTER_AREA
    )
    return _bytes(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _bytes(plane: object) -> Bytes:
    return np.asarray(plane, np.uint8)
