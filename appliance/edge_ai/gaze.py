"""Reads where the eyes look with MediaPipe's iris model, for a face seen from the front."""

from __future__ import annotations

from math import atan2

import numpy as np

from appliance.edge_ai.picture import Floats, Picture
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

    def of(self, picture: Picture, mesh: Floats) -> float:
        """Mean of both eyes, -1 (the irises at the picture's left) to 1, for a mesh (468, 3) in pixels."""
        right, left = (self._eye(picture, mesh[a], mesh[b], mirrored=n == 1) for n, (a, b) in enumerate(EYES))
        return round(float(np.clip((right + left) / 2, -1, 1)), 3)

    def _eye(self, picture: Picture, start: Floats, end: Floats, mirrored: bool) -> float:
        """The model knows the person's right eye; the other is shown to it in a mirror."""
        (x, y, _), (width, rise, _) = ((start + end) / 2).tolist(), (end - start).tolist()
        square = TurnedSquare(x, y, REGION * float(np.hypot(width, rise)), atan2(rise, width))
        cut = square.rgb(picture, SIDE_PX).astype(np.float32) * np.float32(1 / 255)
        outputs = {
            output.size: output.ravel() for output in self._iris.run((cut[:, ::-1] if mirrored else cut)[None])
        }
        place = _place(outputs[IRIS_VALUES][0], outputs[CONTOUR_VALUES].reshape(-1, 3)[[OUTER, INNER], 0])
        return -place if mirrored else place


def _place(iris: float, corners: Floats) -> float:
    """-1 at the first corner, 1 at the second."""
    outer, inner = corners.tolist()
    return 2 * (float(iris) - outer) / (inner - outer) - 1 if inner > outer else 0.0
