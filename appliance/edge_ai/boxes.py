"""Boxes: where they lie, how far many of them overlap, and which say the same thing.

Many boxes are a float array of shape (n, 4): left, top, right, bottom, all in one unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.edge_ai.picture import Floats
from proctoring.observation import Box, area

Places = NDArray[np.intp]


def middle(box: Box) -> tuple[float, float]:
    """The middle of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def contains(box: Box, x: float, y: float) -> bool:
    """Whether a point lies in a box."""
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def covered(box: Box, by: Box) -> float:
    """The share of `box` that lies under `by`, 0..1."""
    shared = area((max(box[0], by[0]), max(box[1], by[1]), min(box[2], by[2]), min(box[3], by[3])))
    return shared / area(box) if area(box) else 0.0


def overlaps(these: Floats, those: Floats) -> Floats:
    """Intersection over union, 0..1, of boxes (..., 4) with boxes of a shape that fits (as numpy broadcasts)."""
    shared = _areas(np.maximum(these[..., :2], those[..., :2]), np.minimum(these[..., 2:], those[..., 2:]))
    union = _areas(these[..., :2], these[..., 2:]) + _areas(those[..., :2], those[..., 2:]) - shared
    share: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return share


def groups(boxes: Floats, scores: Floats, limit: float) -> Iterator[Places]:
    """The boxes in groups: the best of those left, first, and all that overlap it by more than `limit`."""
    left = np.argsort(-scores, kind="stable")
    while len(left):
        near = overlaps(boxes[left[0]], boxes[left]) > limit
        near[0] = True
        yield left[near]
        left = left[~near]


def best_of_each_class(boxes: Floats, scores: Floats, classes: NDArray[Any], limit: float) -> Places:
    """Non-maximum suppression class by class: the places of the boxes to keep, best first."""
    sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    found = cv2.dnn.NMSBoxesBatched(sides.tolist(), scores.tolist(), classes.tolist(), 0.0, limit)
    kept = np.asarray(found, np.intp).ravel()
    return kept[np.argsort(-scores[kept], kind="stable")]


def _areas(top_left: Floats, bottom_right: Floats) -> Floats:
    sides = np.maximum(bottom_right - top_left, np.float32(0))
    areas: Floats = sides[..., 0] * sides[..., 1]
    return areas
