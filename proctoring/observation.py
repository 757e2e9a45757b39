"""What the detectors saw in one frame."""

from __future__ import annotations

import msgspec

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 as shares of the frame's width and height, origin at the top left."""

Point = tuple[float, float]
"""x, y as shares of the frame's width and height."""


class Pose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a head is held, in degrees: yaw grows to the picture's right, pitch upwards, roll clockwise."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


class Face(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A face, with the detector's six points: right eye, left eye, nose, mouth, right ear, left ear.

    What was not measured on this frame is None.
    """

    score: float
    box: Box
    points: tuple[Point, ...] = ()
    pose: Pose | None = None
    gaze: float | None = None
    """Where the irises stand between the eyes' corners, -1 (picture's left) to 1; None unless the face is frontal."""
    mouth_open: float | None = None
    """Distance of the lips over the mouth's width."""
    hidden: float | None = None
    """How sure it is that something covers the mouth or darkens the eyes that were open before, 0 to 1."""
    likeness: float | None = None
    """Cosine to the reference photo of the check-in, -1 to 1."""


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A thing or a person, named by its COCO label."""

    label: str
    score: float
    box: Box


class Light(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much there is to see: mean and standard deviation of the frame's luma, both 0 to 1."""

    mean: float
    spread: float
    glare: float | None = None
    """Share of the picture that is burnt out."""
    sharpness: float | None = None
    """How much fine detail there is, 0 to 1; what is sharp depends on the scene, see the rule."""


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the picture as a whole does."""

    shift: float | None = None
    """How far the background has moved against how it was at the start, as a share of the frame's width."""
    still_ms: int | None = None
    """For how long the picture has not changed by a single value: a live sensor always has noise."""
    motion: float | None = None
    """Share of the picture that changed since the last look at that."""


class Observation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One analysed frame. None where that detector did not look at this frame: no look is not "nothing there"."""

    at_ms: int
    """Since the session's zero, on the monotonic clock, when the frame was taken."""
    light: Light | None = None
    scene: Scene | None = None
    voice: float | None = None
    """Share of the last second in which somebody spoke, where there is a microphone."""
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
