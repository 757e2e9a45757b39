"""Boxes: where they lie, how far many of them overlap, and which say the same thing.

Many boxes are a float array of shape (n, 4): left, top, right, bottom, all in one unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box with each of `boxes`, 0..1."""
    corner = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.prod(np.maximum(corner, 0.0), axis=1)
    union = _areas(box[None]) + _areas(boxes) - shared
    share: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return share


def groups(boxes: Floats, scores: Floats, limit: float) -> Iterator[Places]:
    """The boxes in groups: the best of those left, first, and all that overlap it by more than `limit`."""
    left = np.argsort(-scores, kind="stable")
    while left.size:
        near = overlaps(boxes[left[0]], boxes[left]) > limit
        near[0] = True
        yield left[near]
        left = left[~near]


def best_of_each_class(boxes: Floats, scores: Floats, classes: NDArray[Any], limit: float) -> Places:
    """Non-maximum suppression class by class: the places of the boxes to keep, best first."""
    # Boxes of different classes are moved apart, so that one pass serves all classes.
    apart = boxes + (classes[:, None] * (np.ptp(boxes) + 1.0 if boxes.size else 0.0)).astype(np.float32)
    return np.array([group[0] for group in groups(apart, scores, limit)], np.intp)


def _areas(boxes: Floats) -> Floats:
    areas: Floats = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
    return areas
