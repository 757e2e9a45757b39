"""Finds faces with MediaPipe's full-range detector: 48x48 places, each with a face's box, six points and score."""

from __future__ import annotations

from math import log

import numpy as np
from msgspec.structs import replace

from appliance.edge_ai.boxes import contains, groups, middle
from appliance.edge_ai.picture import Bytes, Floats, Picture, Placement, Region, array, even, painted, put_into
from appliance.edge_ai.ports import Model, Stored
from proctoring.observation import Face, height

SIDE_PX = 192
STRIDE_PX = 4
POINTS = 6

# MediaPipe's own graph for this model merges above an overlap of 0.3.
SAME_FACE = 0.3


# Below every policy's thresholds, above the noise.
FLOOR = 0.2

# From here on a face counts as found: among labelled photos, real ones have 0.67 and more once they were looked at
# again, and the most face-like of all else 0.46.
CERTAIN = 0.6

# A face is looked at again, and that look decides, where the first look is least to be trusted. Lower than a sixth of
# the picture it has fewer than 30 pixels in the network's square, and the back of a head scores as high as a face
# that looks down. Where it fills the picture it scores 0.25 to 0.6, for the network never saw a face without a room
# around it. And a score in the middle is no answer.
SMALL, LARGE = 1 / 6, 0.6
DOUBTED = 0.7

# Sides of the squares for those looks, as multiples of the face's height; black where they reach beyond the picture.
# A small face is seen best with its surroundings, any other one nearer. Where the first of them is not sure either,
# the mean of both counts: what only looks like a face does so at one size. Below HOPELESS it is no face already.
WIDE, NARROW = 6.0, 3.0
HOPELESS = 0.35

# At a desk there is time for two faces in a frame, and none for those less than half as tall as the candidate's: no
# rule counts them. In a single photo each one counts.
LOOKS, PHOTO_LOOKS = 2, 8
TALL_ENOUGH = 0.5

# Where the first look finds nothing, the picture is shown at this part of the square's side, for a face too large.
FARTHER = 2.0


class FullRangeFaces:
    """The detector. Faces below `floor`, 0..1, are not reported; `looks` doubtful ones get a second look."""

    def __init__(
        self, model: Model, floor: float = FLOOR, looks: int = LOOKS, tall_enough: float = TALL_ENOUGH
    ) -> None:
        """Faces lower than `tall_enough` times the tallest sure one are taken as the first look has them."""
        self._model = model
        self._floor = floor
        self._looks = looks
        self._tall_enough = tall_enough

    @classmethod
    def for_photos(cls, model: Model) -> FullRangeFaces:
        """The detector for single photos: every face counts, and there is time to look."""
        return cls(model, looks=PHOTO_LOOKS, tall_enough=0.0)

    def find(self, picture: Picture) -> tuple[Face, ...]:
        """Every face, the most certain first."""
        found = self._seen(put_into(self._room(), picture)) or self._farther(picture)
        doubtful = self._doubtful(found)
        seen_again = [self._again(picture, face) for face in doubtful]
        sure = [face for face in found if face not in doubtful]
        return _distinct([*sure, *(face for face in seen_again if face)])

    def _doubtful(self, found: tuple[Face, ...]) -> list[Face]:
        sure = max((height(face.box) for face in found if not _is_doubtful(face)), default=0.0)
        doubtful = [face for face in found if _is_doubtful(face) and height(face.box) >= self._tall_enough * sure]
        return sorted(doubtful, key=lambda face: -height(face.box))[: self._looks]

    def _room(self) -> Bytes:
        """Where the network is shown a square, to be painted at once."""
        room: Bytes = self._model.room()[0]
        return room

    def _seen(self, placement: Placement) -> tuple[Face, ...]:
        """What is seen in the square that was painted."""
        outputs = {output.values.shape[-1]: output for output in self._model.stored()}
        return merged(*decoded(outputs[4 + 2 * POINTS], outputs[1], self._floor), placement)

    def _farther(self, picture: Picture) -> tuple[Face, ...]:
        found = self._seen(put_around(self._room(), picture, 0.5, 0.5, FARTHER * max(1.0, picture.shape)))
        return tuple(face for face in found if height(face.box) > LARGE)

    def _again(self, picture: Picture, face: Face) -> Face | None:
        """The face as a nearer look sees it, if it does."""
        sides = (WIDE, NARROW) if height(face.box) < SMALL else (NARROW, WIDE)
        first = self._seen_within(picture, face, sides[0])
        if first is None or not HOPELESS <= first.score < DOUBTED:
            return first
        second = self._seen_within(picture, face, sides[1])
        mean = (first.score + (second.score if second else 0.0)) / 2
        return replace(first, score=round(mean, 4)) if mean >= self._floor else None

    def _seen_within(self, picture: Picture, face: Face, heights: float) -> Face | None:
        x, y = middle(face.box)
        seen = self._seen(put_around(self._room(), picture, x, y, heights * height(face.box)))
        return next((again for again in seen if contains(again.box, x, y)), None)


def put_around(square: Bytes, picture: Picture, x: float, y: float, side: float) -> Placement:
    """Paints what lies around (x, y) into a square (192, 192, 3), black beyond the picture; where that lies there.

    `side` is a share of the picture's height; it is two pixels at least.
    """
    side = max(side, 2 / picture.height)
    across = side / picture.shape
    start_x, start_y = x - across / 2, y - side / 2
    inside = Region(*(min(1.0, max(0.0, at)) for at in (start_x, start_y, start_x + across, start_y + side)))
    shrunk = picture.shrunk(SIDE_PX / (side * picture.height))
    part, scale = shrunk.cut(inside), SIDE_PX / (side * shrunk.height)
    width, height_px = (min(SIDE_PX, max(2, even(length * scale))) for length in (part.width, part.height))
    left = min(round((inside.left - start_x) / across * SIDE_PX), SIDE_PX - width)
    top = min(round((inside.top - start_y) / side * SIDE_PX), SIDE_PX - height_px)
    return painted(square, part, Placement(inside, left, top, width, height_px))


def decoded(regressions: Stored, logits: Stored, floor: float) -> tuple[Floats, Floats]:
    """Places at or above `floor`: box and points as x and y, in pixels of the square, (n, 16), and scores (n,).

    `regressions` (1, places, 16) has the box's centre and size, then x and y of each point, all in pixels; the centre
    and the points count from the place's own middle. `logits` are (1, places, 1).
    """
    certain = logits.values.ravel()
    places = np.flatnonzero(certain >= logits.lowest(log(floor / (1 - floor))))
    if not len(places):
        return NOTHING
    scores = array(1 / (1 + np.exp(-logits.numbers(certain[places]))))
    rows = regressions.numbers(regressions.values[0][places]) + MIDDLES[places]
    half = rows[:, 2:4] / 2
    rows[:, 2:4] = rows[:, :2] + half
    rows[:, :2] -= half
    return rows, scores


def merged(rows: Floats, scores: Floats, placement: Placement) -> tuple[Face, ...]:
    """One face for each group of overlapping boxes: their mean, weighted by score."""
    found = []
    for group in groups(rows[:, :4].tolist(), scores.tolist(), SAME_FACE):
        certain = scores[group]
        mean = placement.to_picture((certain @ rows[group] / certain.sum()).reshape(-1, 2))
        found.append(_face(float(certain[0]), mean[:2].clip(0, 1), mean[2:]))
    return tuple(found)


def _is_doubtful(face: Face) -> bool:
    return face.score < DOUBTED or not SMALL <= height(face.box) <= LARGE


def _distinct(faces: list[Face]) -> tuple[Face, ...]:
    boxes, scores = [face.box for face in faces], [face.score for face in faces]
    return tuple(faces[group[0]] for group in groups(boxes, scores, SAME_FACE))


def _face(score: float, corners: Floats, points: Floats) -> Face:
    left, top, right, bottom = corners.ravel().tolist()
    return Face(round(score, 4), (left, top, right, bottom), tuple((x, y) for x, y in points.tolist()))


def _middles() -> Floats:
    across = np.arange(STRIDE_PX / 2, SIDE_PX, STRIDE_PX, dtype=np.float32)
    x, y = (line.ravel() for line in np.meshgrid(across, across))
    size = np.zeros_like(x)
    return np.stack([x, y, size, size, *(x, y) * POINTS], axis=1)


NOTHING = (array([]).reshape(0, 4 + 2 * POINTS), array([]))
"""No row and no score."""

MIDDLES = _middles()
"""What is to be added to a place's row: its own middle to all but the box's size, (2304, 16)."""
