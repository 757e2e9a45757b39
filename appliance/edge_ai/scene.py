"""What the picture as a whole does: whether the camera still looks where it did, and whether the picture lives.

The background of the start view is kept as ORB features (Rublee et al. 2011) and looked for again once a second
where anything has changed; people are left out on both sides, for they move and the camera does not. What shows
another place altogether has no shift that could be measured and says nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.edge_ai.objects import PERSON
from appliance.edge_ai.pacer import Pacer
from appliance.edge_ai.picture import Bytes, Floats, Picture, array
from proctoring.observation import Box, Face, Item, Point, Scene

# Finding the background again costs some 2 ms, and a camera that was moved stays moved. A frozen picture stays so
# too, and its rule votes over five seconds.
SHIFT_EVERY_MS: Final = 1000
STILL_EVERY_MS: Final = 500

# Motion says how soon things are looked for again, and that is four times a second at the most.
MOTION_EVERY_MS: Final = 250

BACKGROUND_PX: Final = 400
FEATURES: Final = 300

# A moved camera sees its background at the same size, or nearly: four levels reach a factor of 1.7.
LEVELS: Final = 4

# A background is the one that was compared last while no more of it than this share has changed by more than a step
# of MOTION_STEP: a camera that moved by a tenth changes all edges. Hands and papers change some parts of it and leave
# the others: it is also the same while most of the parts that have upright edges are, and most of those that have
# level ones, for a camera that moves takes all of the one or all of the other along.
UNCHANGED: Final = 0.01
PARTS: Final = (16, 9)
EDGED: Final = 0.05
ENOUGH_PARTS: Final = 8
MOST_PARTS: Final = 0.6

# It must have shown at least this share of what is seen now: who sits back from the camera uncovers all the rest.
KNOWN: Final = 0.5

# Descriptors of 256 bits; unrelated ones differ in half of them.
SAME_FEATURE: Final = 50

# A shift counts when this many features moved alike to within three pixels, and half of those found again did.
ENOUGH: Final = 12
AGREEMENT: Final = 0.5
ALIKE_PX: Final = 3.0

# What moved: a picture this narrow has no sensor noise left, and a step of twelve shows on a screen.
MOTION_PX: Final = 160
MOTION_STEP: Final = 12

# Every fourth row is enough to tell two pictures of a live sensor apart, and mostly the one in the middle.
ROWS: Final = np.s_[::4]


Flags = NDArray[np.bool_]
"""What holds for each pixel, or each part, of a view."""


class SceneWatch:
    """Follows one camera through a session; starts anew when time goes back, for that is a new session.

    Nothing here is measured in each frame: the halves of a picture are made for whoever asks first, and where a face
    is followed, mostly nobody else asks.
    """

    def __init__(self) -> None:
        self._at_ms = 0
        self._persons: tuple[Box, ...] = ()
        self._begin()

    def measure(
        self, picture: Picture, at_ms: int, faces: tuple[Face, ...] | None, items: tuple[Item, ...] | None
    ) -> Scene:
        """What this frame says; `faces` and `items` are what was found in it, None where nobody looked.

        Where things were looked for, the small picture that motion is seen in is half made already.
        """
        if at_ms < self._at_ms:
            self._begin()
        self._at_ms = at_ms
        if items is not None:
            self._persons = tuple(item.box for item in items if item.label == PERSON)
        return Scene(
            shift=self._shift(picture, (*self._persons, *(face.box for face in faces or ()))),
            still_ms=self._still_ms(picture),
            motion=self._share(picture, MOTION_EVERY_MS if items is None else 0),
        )

    def _begin(self) -> None:
        self._background, self._stillness, self._motion = Background(), Stillness(), Motion()
        self._shifts, self._stills, self._motions = Pacer(), Pacer(), Pacer()
        self._persons = ()

    def _shift(self, picture: Picture, people: Sequence[Box]) -> float | None:
        is_due = self._shifts.takes(self._at_ms, SHIFT_EVERY_MS)
        return self._background.shift(picture.grey(BACKGROUND_PX), people) if is_due else None

    def _still_ms(self, picture: Picture) -> int | None:
        is_due = self._stills.takes(self._at_ms, STILL_EVERY_MS)
        return self._stillness.lasts_ms(picture.luma, self._at_ms) if is_due else None

    def _share(self, picture: Picture, pause_ms: int) -> float | None:
        if not self._motions.is_due(self._at_ms, pause_ms):
            return None
        share = self._motion.share(picture.grey(MOTION_PX))
        if share is not None:
            self._motions.took(self._at_ms)
        return share


class Stillness:
    """Tells for how long a picture has been the same in every value. It keeps the frame that differed last."""

    def __init__(self) -> None:
        self._rows: Bytes | None = None
        self._since_ms = 0

    def lasts_ms(self, luma: Bytes, at_ms: int) -> int:
        """Since when nothing has changed, as of now: 0 for a picture that differs from the one before."""
        rows = luma[ROWS]
        if self._rows is None or not _is_same(rows, self._rows):
            self._rows, self._since_ms = rows, at_ms
        return at_ms - self._since_ms


def _is_same(rows: Bytes, others: Bytes) -> bool:
    middle = len(rows) // 2
    is_likely = rows.shape == others.shape and bytes(rows[middle]) == bytes(others[middle])
    return is_likely and not cv2.norm(rows, others, cv2.NORM_INF)


class Motion:
    """Tells how much of a picture differs from the one before."""

    def __init__(self) -> None:
        self._last: Bytes | None = None

    def share(self, small: Bytes) -> float | None:
        """0..1, or None for the first picture."""
        last, self._last = self._last, small
        if last is None or last.shape != small.shape:
            return None
        _, changed = cv2.threshold(cv2.absdiff(small, last), MOTION_STEP, 1, cv2.THRESH_BINARY)
        return round(cv2.countNonZero(changed) / small.size, 4)


class Features(NamedTuple):
    """Where something stands out in a picture (n, 2), in pixels, and what it looks like there (n, 32)."""

    points: Floats
    descriptors: NDArray[np.uint8]


class Compared(NamedTuple):
    """A view that was compared with the start: its luma, where no people were, and how far it had moved.

    `edged` are the parts with upright edges, and those with level ones.
    """

    grey: Bytes
    mask: Bytes
    shift: float | None
    edged: tuple[Flags, Flags]


class Background:
    """The first view with enough in it, people left out, and how far it has moved since."""

    def __init__(self) -> None:
        self._orb = cv2.ORB.create(FEATURES, nlevels=LEVELS, edgeThreshold=12, patchSize=24, fastThreshold=8)
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
        self._start: Features | None = None
        self._last: Compared | None = None

    def shift(self, grey: Bytes, people: Sequence[Box]) -> float | None:
        """How far the view's middle has moved, in widths of the picture; None where too little is known again."""
        mask = without(people, grey)
        if self._last is None or not is_unchanged(self._last, grey, mask):
            self._last = Compared(grey, mask, self._compared(grey, mask), edged(grey))
        return self._last.shift

    def _compared(self, grey: Bytes, mask: Bytes) -> float | None:
        seen = self._features(grey, mask)
        if seen is None:
            return None
        if self._start is None:
            self._start = seen
        way = displacement(*self._known_again(self._start, seen), middle_of(grey))
        return None if way is None else round(way / grey.shape[1], 4)

    def _features(self, grey: Bytes, mask: Bytes) -> Features | None:
        points, descriptors = self._orb.detectAndCompute(grey, mask)
        if len(points) < ENOUGH:
            return None
        return Features(array([point.pt for point in points]), np.asarray(descriptors, np.uint8))

    def _known_again(self, start: Features, seen: Features) -> tuple[Floats, Floats]:
        pairs = self._matcher.match(start.descriptors, seen.descriptors)
        same = [pair for pair in pairs if pair.distance <= SAME_FEATURE]
        return start.points[[pair.queryIdx for pair in same]], seen.points[[pair.trainIdx for pair in same]]


def is_unchanged(last: Compared, grey: Bytes, mask: Bytes) -> bool:
    """Whether a view is the one that was compared, but for people on either."""
    if grey.shape != last.grey.shape:
        return False
    background = cv2.bitwise_and(mask, last.mask)
    if cv2.countNonZero(background) < KNOWN * cv2.countNonZero(mask):
        return False
    changed = cv2.bitwise_and(cv2.absdiff(grey, last.grey), background) > MOTION_STEP
    if np.count_nonzero(changed) <= UNCHANGED * changed.size:
        return True
    calm, seen = in_parts(changed) <= UNCHANGED, in_parts(background > 0) > 1 / 2
    return all(_mostly(calm[parts & seen]) for parts in last.edged)


def edged(grey: Bytes) -> tuple[Flags, Flags]:
    """Which parts of a view have upright edges, and which level ones: something to see a move by."""
    steps = (cv2.absdiff(grey[:, 2:], grey[:, :-2]), cv2.absdiff(grey[2:], grey[:-2]))
    upright, level = (in_parts(step > MOTION_STEP) >= EDGED for step in steps)
    return upright, level


def in_parts(flags: Flags) -> Floats:
    """The share of each part of a view, (9, 16), for which something holds."""
    return array(cv2.resize(flags.astype(np.float32), PARTS, interpolation=cv2.INTER_AREA))


def _mostly(calm: Flags) -> bool:
    return len(calm) >= ENOUGH_PARTS and bool(calm.mean() >= MOST_PARTS)


def displacement(before: Floats, after: Floats, of: Point) -> float | None:
    """How far a point moves where most points (n, 2) went together from `before` to `after`, else None.

    They may have been turned and scaled as well; RANSAC finds which of them agree.
    """
    if len(before) < ENOUGH:
        return None
    turned, agree = cv2.estimateAffinePartial2D(before, after, ransacReprojThreshold=ALIKE_PX)
    if turned is None or np.count_nonzero(agree) < max(ENOUGH, AGREEMENT * len(before)):
        return None
    return float(np.linalg.norm(turned @ (*of, 1.0) - np.asarray(of)))


def middle_of(plane: Bytes) -> Point:
    """The middle of a plane, in pixels."""
    return plane.shape[1] / 2, plane.shape[0] / 2


def without(people: Sequence[Box], plane: Bytes) -> Bytes:
    """A mask of the plane's size: 0 where people are, 255 elsewhere."""
    mask = np.full(plane.shape, 255, np.uint8)
    rows, columns = plane.shape
    for left, top, right, bottom in people:
        mask[int(top * rows) : int(bottom * rows) + 1, int(left * columns) : int(right * columns) + 1] = 0
    return mask
