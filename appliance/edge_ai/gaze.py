"""Reads where the eyes look with MediaPipe's iris model, for a face seen from the front."""

from __future__ import annotations

from math import atan2, hypot

import cv2

from appliance.edge_ai.picture import Bytes, Floats
from appliance.edge_ai.ports import Model
from appliance.edge_ai.turned import TurnedSquare

SIDE_PX = 64
REGION = 2.3

# Corners in the mesh, left to right in the picture: of the person's right eye, then of the left.
EYES = ((33, 133), (362, 263))

# In the model's answer the contour starts at the outer corner; its ninth point is the inner one.
OUTER, INNER = 0, 8
IRIS_VALUES, CONTOUR_VALUES = 15, 213


class IrisGaze:
    """The irises' place between the corners of the eyes."""

    def __init__(self, iris: Model) -> None:
        self._iris = iris

    def of(self, rgb: Bytes, mesh: Floats) -> float:
        """Mean of both eyes, -1 (the irises at the picture's left) to 1, for a mesh (468, 3) in pixels of `rgb`."""
        right, left = (self._eye(rgb, mesh[a], mesh[b], mirrored=n == 1) for n, (a, b) in enumerate(EYES))
        return round(min(1.0, max(-1.0, (right + left) / 2)), 3)

    def _eye(self, rgb: Bytes, start: Floats, end: Floats, mirrored: bool) -> float:
        """The model knows the person's right eye; the other is shown to it in a mirror."""
        (left, top, _), (right, bottom, _) = start.tolist(), end.tolist()
        width, rise = right - left, bottom - top
        side, slope = REGION * hypot(width, rise), atan2(rise, width)
        square = TurnedSquare((left + right) / 2, (top + bottom) / 2, side, slope).levelled()
        paint(self._iris.room()[0], square, rgb, mirrored)
        outputs = {output.values.size: output for output in self._iris.stored()}
        iris, contour = outputs[IRIS_VALUES], outputs[CONTOUR_VALUES]
        place = _place(iris.number(0), contour.number(3 * OUTER), contour.number(3 * INNER))
        return -place if mirrored else place


def paint(room: Bytes, square: TurnedSquare, rgb: Bytes, mirrored: bool) -> None:
    """What lies in the square, as it is or in a mirror."""
    square.paint(rgb, room)
    if mirrored:
        cv2.flip(room, 1, dst=room)


def _place(iris: float, outer: float, inner: float) -> float:
    """-1 at the outer corner, 1 at the inner one."""
    return 2 * (iris - outer) / (inner - outer) - 1 if inner > outer else 0.0
