"""Boxes: where they lie, and which say the same thing.

Many boxes are a float array of shape (n, 4): left, top, right, bottom, all in one unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.edge_ai.picture import Floats
from proctoring.observation import Box, area, overlap

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


def groups(boxes: Sequence[Box], scores: Sequence[float], limit: float) -> Iterator[list[int]]:
    """The places of boxes in groups: the best of those left, first, and all that overlap it by more than `limit`.

    There are few, mostly: by themselves they are compared sooner than as arrays.
    """
    left = sorted(range(len(boxes)), key=lambda place: -scores[place])
    while left:
        best, *others = left
        near = [place for place in others if overlap(boxes[place], boxes[best]) > limit]
        yield [best, *near]
        left = [place for place in others if place not in near]


def best_of_each_class(boxes: Floats, scores: Floats, classes: NDArray[Any], limit: float) -> Places:
    """Non-maximum suppression class by class: the places of the boxes to keep, best first."""
    sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    found = cv2.dnn.NMSBoxesBatched(sides.tolist(), scores.tolist(), classes.tolist(), 0.0, limit)
    kept = np.asarray(found, np.intp).ravel()
    return kept[np.argsort(-scores[kept], kind="stable")]
