"""A square cut from a picture at a slope, so that a face or an eye lies level in it."""

from __future__ import annotations

from math import cos, sin
from typing import NamedTuple

import cv2
import numpy as np

from appliance.edge_ai.picture import Bytes, Floats, Picture, array, planes_for


class TurnedSquare(NamedTuple):
    """A square of a picture: its middle and side in the picture's pixels, its slope in radians, clockwise."""

    x: float
    y: float
    side: float
    slope: float

    def rgb(self, picture: Picture, side_px: int) -> Bytes:
        """What lies in the square, RGB (side_px, side_px, 3), even; beyond the frame its edge goes on."""
        stacked, (luma, blue, red) = planes_for(side_px, side_px)
        _cut(picture.luma, luma, self._matrix(side_px, 1.0))
        matrix = self._matrix(side_px // 2, 0.5)
        _cut(picture.blue, blue, matrix)
        _cut(picture.red, red, matrix)
        return np.asarray(cv2.cvtColor(stacked, cv2.COLOR_YUV2RGB_I420), np.uint8)

    def part(self, rgb: Bytes, side_px: int) -> Bytes:
        """The same for a picture that is RGB already, (height, width, 3)."""
        part = np.empty((side_px, side_px, 3), np.uint8)
        _cut(rgb, part, self._matrix(side_px, 1.0))
        return part

    def to_pixels(self, points: Floats, side_px: int) -> Floats:
        """Points (n, 3) in pixels of a cut of `side_px`, as pixels of the picture; z keeps pace with x and y."""
        scale = self.side / side_px
        across, down = cos(self.slope) * scale, sin(self.slope) * scale
        turn = array([[across, down, 0], [-down, across, 0], [0, 0, scale]])
        middle = side_px / 2
        start = (self.x - middle * (across - down), self.y - middle * (down + across), 0)
        placed: Floats = points @ turn + array(start)
        return placed

    def _matrix(self, side_px: int, resolution: float) -> Floats:
        """From pixels of a cut to those of a plane that has `resolution` times the picture's."""
        scale = self.side * resolution / side_px
        across, down = cos(self.slope) * scale, sin(self.slope) * scale
        half = (side_px - 1) / 2
        # Pixel (0, 0) has its middle at half a pixel: a plane of half the size is shifted by a quarter otherwise.
        left = self.x * resolution - 0.5 - across * half + down * half
        top = self.y * resolution - 0.5 - down * half - across * half
        return array([[across, -down, left], [down, across, top]])


def _cut(plane: Bytes, into: Bytes, matrix: Floats) -> None:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cv2.warpAffine(plane, matrix, into.shape[1::-1], dst=into, flags=flags, borderMode=cv2.BORDER_REPLICATE)
