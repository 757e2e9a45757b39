"""What the detectors saw in one frame."""

from __future__ import annotations

import msgspec

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 as shares of the frame's width and height, origin at the top left."""

Point = tuple[float, float]
"""x, y as shares of the frame's width and height."""


class Face(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A face, with the detector's six points: right eye, left eye, nose, mouth, right ear, left ear."""

    score: float
    box: Box
    points: tuple[Point, ...] = ()


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thing or a person, named by its COCO label."""

    label: str
    score: float
    box: Box


class Light(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much there is to see: mean and standard deviation of the frame's luma, both 0 to 1."""

    mean: float
    spread: float


class Observation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One analysed frame. None where that detector did not look at this frame: no look is not "nothing there"."""

    at_ms: int
    """Since the session's zero, on the monotonic clock, when the frame was taken."""
    light: Light | None = None
    faces: tuple[Face, ...] | None = None
    items: tuple[Item, ...] | None = None


def height(box: Box) -> float:
    """A box's height as a share of the frame's."""
    return max(0.0, box[3] - box[1])


def area(box: Box) -> float:
    """A box's area as a share of the frame's."""
    return max(0.0, box[2] - box[0]) * height(box)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    shared = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0
