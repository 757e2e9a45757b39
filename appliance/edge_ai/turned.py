"""A square cut from a picture at a slope, so that a face or an eye lies level in it."""

from __future__ import annotations

from math import cos, sin
from typing import NamedTuple

import cv2
import numpy as np

from appliance.edge_ai.picture import Bytes, Floats, Picture, array


class TurnedSquare(NamedTuple):
    """A square of a picture: its middle and side in the picture's pixels, its slope in radians, clockwise."""

    x: float
    y: float
    side: float
    slope: float

    def rgb(self, picture: Picture, side_px: int) -> Bytes:
        """What lies in the square, RGB (side_px, side_px, 3), even; beyond the frame its edge goes on."""
        luma = self._cut(picture.luma, side_px, 1.0)
        chroma = [self._cut(plane, side_px // 2, 0.5) for plane in (picture.blue, picture.red)]
        stacked = np.concatenate([plane.ravel() for plane in (luma, *chroma)]).reshape(side_px * 3 // 2, side_px)
        return np.asarray(cv2.cvtColor(stacked, cv2.COLOR_YUV2RGB_I420), np.uint8)

    def to_pixels(self, points: Floats, side_px: int) -> Floats:
        """Points (n, 3) in pixels of a cut of `side_px`, as pixels of the picture; z keeps pace with x and y."""
        scale = self.side / side_px
        across, down = cos(self.slope) * scale, sin(self.slope) * scale
        x, y = (points[:, :2] - side_px / 2).T
        return np.stack(
            [self.x + across * x - down * y, self.y + down * x + across * y, scale * points[:, 2]], axis=1
        ).astype(np.float32)

    def _cut(self, plane: Bytes, side_px: int, resolution: float) -> Bytes:
        scale = self.side * resolution / side_px
        across, down = cos(self.slope) * scale, sin(self.slope) * scale
        half = (side_px - 1) / 2
        # Pixel (0, 0) has its middle at half a pixel: a plane of half the size is shifted by a quarter otherwise.
        left = self.x * resolution - 0.5 - across * half + down * half
        top = self.y * resolution - 0.5 - down * half - across * half
        matrix = array([[across, -down, left], [down, across, top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cut = cv2.warpAffine(plane, matrix, (side_px, side_px), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cut, np.uint8)
