"""Finds faces with MediaPipe's full-range detector: 48x48 places, each with a face's box, six points and score."""

from __future__ import annotations

import numpy as np

from appliance.edge_ai.boxes import contains, groups, middle
from appliance.edge_ai.picture import (
    WHOLE,
    Bytes,
    Floats,
    Picture,
    Placement,
    Region,
    array,
    letterbox,
    square_around,
)
from appliance.edge_ai.ports import Model
from proctoring.observation import Face, height

SIDE_PX = 192
STRIDE_PX = 4
POINTS = 6

# MediaPipe's own graph for this model clips raw scores to +-100, merges above an overlap of 0.3.
SCORE_LIMIT = 100.0
SAME_FACE = 0.3


# Below every policy's thresholds, above the noise.
FLOOR = 0.2

# A face lower than this share of the picture has fewer than 30 pixels in the network's square. At that size the back
# of a head scores as high as a face that looks down; looked at again inside a square of this many times its height,
# faces rise and backs of heads fall.
SMALL = 1 / 6
CLOSER_SIDE = 6.0
CLOSER_LOOKS = 2


class FullRangeFaces:
    """The detector. Faces below `floor`, 0..1, are not reported."""

    def __init__(self, model: Model, floor: float = FLOOR) -> None:
        self._model = model
        self._floor = floor

    def find(self, picture: Picture) -> tuple[Face, ...]:
        """Every face, the most certain first. The largest small ones get a closer look, which then decides."""
        found = self._look(picture, WHOLE)
        small = sorted((face for face in found if height(face.box) < SMALL), key=lambda face: -height(face.box))
        doubted = small[:CLOSER_LOOKS]
        seen_again = [self._closer(picture, face) for face in doubted]
        sure = [face for face in found if face not in doubted]
        return _distinct([*sure, *(face for face in seen_again if face)])

    def _look(self, picture: Picture, region: Region) -> tuple[Face, ...]:
        square, placement = letterbox(picture, SIDE_PX, region)
        outputs = {output.shape[-1]: output[0] for output in self._model.run(scaled(square)[None])}
        boxes, points, scores = decoded(outputs[4 + 2 * POINTS], outputs[1][:, 0], self._floor)
        return merged(boxes, points, scores, placement)

    def _closer(self, picture: Picture, face: Face) -> Face | None:
        x, y = middle(face.box)
        region = square_around(x, y, CLOSER_SIDE * height(face.box), picture.shape)
        seen = [again for again in self._look(picture, region) if contains(again.box, x, y)]
        return seen[0] if seen else None


def scaled(square: Bytes) -> Floats:
    """Bytes to -1..1, as the network was trained."""
    return square.astype(np.float32) * np.float32(1 / 127.5) - np.float32(1)


def decoded(regressions: Floats, logits: Floats, floor: float) -> tuple[Floats, Floats, Floats]:
    """Boxes (n, 4) and points (n, 6, 2) in pixels of the square, and scores (n,), of places at or above `floor`.

    `regressions` has a row per place: the box's centre and size, then x and y of each point, all in pixels; the
    centre and the points count from the place's own middle.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits, -SCORE_LIMIT, SCORE_LIMIT)))
    places = np.flatnonzero(scores >= floor)
    middles = CENTRES[places]
    found = regressions[places]
    centre, half = found[:, :2] + middles, found[:, 2:4] / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    points = found[:, 4:].reshape(-1, POINTS, 2) + middles[:, None]
    return boxes, points, scores[places].astype(np.float32)


def merged(boxes: Floats, points: Floats, scores: Floats, placement: Placement) -> tuple[Face, ...]:
    """One face for each group of overlapping boxes: their mean, weighted by score."""
    found = []
    for group in groups(boxes, scores, SAME_FACE):
        weights = scores[group] / scores[group].sum()
        corners = placement.to_picture((weights @ boxes[group]).reshape(2, 2)).clip(0, 1)
        middle = placement.to_picture(np.tensordot(weights, points[group], axes=1))
        found.append(_face(float(scores[group[0]]), corners, middle))
    return tuple(found)


def _distinct(faces: list[Face]) -> tuple[Face, ...]:
    boxes = array([face.box for face in faces]).reshape(-1, 4)
    scores = array([face.score for face in faces])
    return tuple(faces[group[0]] for group in groups(boxes, scores, SAME_FACE))


def _face(score: float, corners: Floats, points: Floats) -> Face:
    left, top, right, bottom = corners.ravel().tolist()
    return Face(round(score, 4), (left, top, right, bottom), tuple((x, y) for x, y in points.tolist()))


def _centres() -> Floats:
    across = np.arange(STRIDE_PX / 2, SIDE_PX, STRIDE_PX, dtype=np.float32)
    x, y = np.meshgrid(across, across)
    return np.stack([x.ravel(), y.ravel()], axis=1)


CENTRES = _centres()
