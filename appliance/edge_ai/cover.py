"""Tells whether something has come to cover a face: a mask, a scarf, paper, a hand over the mouth, dark glasses.

Nobody is held against a norm. A look is compared with the same person's own views of this session, held alike, so
that a beard or glasses that were there from the start are nothing new; who begins with a veil or a mask is not
measured.

That the mouth is covered takes two signs which fail for different reasons. The mesh is less sure of a face than it
was: a hand over the mouth takes two thirds of its logit, but so does a lens out of focus. And the pattern of light
and of redness about the mouth is another one: under a cover it is gone, but it changes with a laugh as well. That the
eyes are covered takes one: they are much darker against the face than before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import sqrt
from statistics import median
from typing import Final, NamedTuple

import cv2
import numpy as np

from appliance.edge_ai.landmarks import Mesh
from appliance.edge_ai.pacer import Pacer
from appliance.edge_ai.picture import Floats, Picture, array
from proctoring.observation import Pose

# Points of the mesh: lips, what surrounds them with the chin, the folds beside them, the nose's tip. Left and right
# in turn.
MOUTH: Final = np.array(
    [
        *(0, 17, 13, 14, 61, 291, 37, 267, 40, 270, 84, 314, 91, 321, 87, 317, 82, 312),
        *(164, 18, 200, 199, 165, 391, 92, 322, 167, 393, 83, 313, 201, 421, 182, 406, 208, 428, 204, 424, 202, 422),
        *(206, 426, 207, 427, 216, 436, 212, 432, 214, 434, 210, 430, 211, 431),
        *(1, 4, 2, 5, 98, 327),
    ]
)
EYES: Final = np.array(
    [
        *(33, 263, 133, 362, 159, 386, 145, 374, 157, 384, 154, 381, 161, 388, 163, 390),
        *(27, 257, 28, 258, 23, 253, 22, 252, 230, 450, 229, 449, 231, 451),
    ]
)
"""Lids and sockets: dark glasses cover both."""
FACE: Final = np.array([151, 9, 108, 337, 50, 280, 36, 266, 205, 425, 4, 5, 195])
"""Forehead, cheeks and the nose's ridge: what the eyes are dark or light against."""
POINTS: Final = np.concatenate([MOUTH, EYES, FACE])
PARTS: Final = (len(MOUTH), len(MOUTH) + len(EYES))

LOOK_MS: Final = 500
"""Two looks a second give a dwell of 5 s ten votes."""

# From the side half of a mouth cannot be seen, and bent low over the paper it goes out of sight: the mesh is less
# sure by itself. Between views that are alike it is as sure, and the pattern is the same.
FRONTAL_YAW_DEG: Final = 20.0
BENT_PITCH_DEG: Final = -30.0
ALIKE_YAW_DEG: Final = 10.0
ALIKE_PITCH_DEG: Final = 12.0

SURE: Final = 12.0
"""A logit. 64 photos of open faces have 18 and more, of 1,231 with the mouth covered 84 in 100 have less than this.
Where a face usually has less, bent low or out of focus, it is not measured: little is left to lose."""

LOST: Final = 0.33
UNLIKE: Final = 0.44
"""Share of the usual logit that is gone, and 1 minus the correlation of the patterns. Where both are reached the
score is 0.5. Of looks at open faces one in a hundred has both: on clips, in changed light, on photos of other
days."""
DARKER: Final = 0.45
"""Natural logarithm: the eyes have two thirds of the light that they had against the face. No look of 2,300 at open
eyes on clips lost more than 0.25; dark glasses cost 0.6 to 1.3."""

REDNESS: Final = 4.0
"""How much the redness counts beside the light: about a mouth it varies a third as much, and a cover takes all."""

GRAIN_PX: Final = 5
BLACK: Final = 8.0
"""Added to values of 0..255 before the logarithm: below it lies the noise of a dark picture."""

# A session's first looks are taken as they are and stay; after that only looks which are surely open are learned.
FIRST: Final = 6
OPEN: Final = 0.25
ENOUGH_ALIKE: Final = 3
STALE_MS: Final = 60_000
KEPT: Final = 24


class View(NamedTuple):
    """How a face looked once."""

    at_ms: int
    pose: Pose
    sureness: float
    """The mesh's logit, see `Mesh`."""
    mouth: Floats
    """Light and redness about the mouth, each about its mean, together of length 1."""
    eyes: float
    """Natural logarithm of the light of the eyes over that of the face."""


class CoverWatch:
    """Follows one face through one session."""

    def __init__(self) -> None:
        self._pacer = Pacer()
        self._first: list[View] = []
        self._later: deque[View] = deque(maxlen=KEPT)

    def measure(self, picture: Picture, mesh: Mesh, pose: Pose, at_ms: int) -> float | None:
        """How sure it is that the face is covered, 0 to 1; None where that is not looked at or cannot be told."""
        if not is_open_to_view(pose) or not self._pacer.takes(at_ms, LOOK_MS):
            return None
        return self._compared(view_of(mesh, pose, at_ms)) if is_within(picture, mesh) else None

    def _compared(self, view: View) -> float | None:
        if len(self._first) < FIRST:
            self._first.append(view)
            return None
        if usual_of(self._first) < SURE:
            # Who came with a mask may take it off to drink, and put it on again.
            return None
        alike = [other for other in (*self._first, *self._later) if is_alike(view, other)]
        score = covered(view, alike)
        if teaches(view, alike, score):
            self._later.append(view)
        return score


def view_of(mesh: Mesh, pose: Pose, at_ms: int) -> View:
    """What a look at a mesh leaves behind."""
    smooth = cv2.blur(mesh.shown, (GRAIN_PX, GRAIN_PX))
    last = len(mesh.shown) - 1
    across, down = np.clip(np.rint(mesh.in_shown[POINTS, :2]).astype(np.intp), 0, last).T
    red, green = np.log(smooth[down, across, :2].astype(np.float32) + np.float32(BLACK)).T
    mouth, eyes, face = np.split(green, PARTS)
    redness = (red - green)[: len(mouth)]
    pattern = np.concatenate([mouth - mouth.mean(), REDNESS * (redness - redness.mean())])
    length = max(sqrt(pattern @ pattern), 1e-6)
    return View(at_ms, pose, mesh.sureness, array(pattern / length), median(eyes.tolist()) - median(face.tolist()))


def is_open_to_view(pose: Pose) -> bool:
    """Whether a head is held so that the whole mouth can be seen."""
    return abs(pose.yaw_deg) <= FRONTAL_YAW_DEG and pose.pitch_deg >= BENT_PITCH_DEG


def is_within(picture: Picture, mesh: Mesh) -> bool:
    """Whether all that is compared lies in the picture: beyond its edge the edge's own colour goes on."""
    places = mesh.points[POINTS, :2]
    return bool((places >= 0).all() and (places < (picture.width, picture.height)).all())


def is_alike(view: View, other: View) -> bool:
    """Whether a head is held so alike that the views can be compared."""
    yaw, pitch = view.pose.yaw_deg - other.pose.yaw_deg, view.pose.pitch_deg - other.pose.pitch_deg
    return abs(yaw) <= ALIKE_YAW_DEG and abs(pitch) <= ALIKE_PITCH_DEG


def usual_of(views: Sequence[View]) -> float:
    """How sure the mesh is of a face in the middle of its views; 0 without any."""
    return median(view.sureness for view in views) if views else 0.0


def teaches(view: View, alike: Sequence[View], score: float | None) -> bool:
    """Whether a view is worth keeping: of an open face, in a pose or a light that is little known."""
    if score is None:
        return view.sureness >= SURE
    is_new = len(alike) < ENOUGH_ALIKE or view.at_ms - max(other.at_ms for other in alike) >= STALE_MS
    return is_new and score < OPEN


def covered(view: View, alike: Sequence[View]) -> float | None:
    """How sure it is that a face is covered, 0 to 1, by views of it held alike; None where they do not suffice."""
    usual = usual_of(alike)
    if usual < SURE:
        return None
    lost = (usual - view.sureness) / usual
    unlike = 1 - max(float(view.mouth @ other.mouth) for other in alike)
    darker = min((other.eyes - view.eyes for other in alike), key=abs)
    sign = max(min(lost / LOST, unlike / UNLIKE), darker / DARKER)
    return round(min(1.0, max(0.0, sign / 2)), 3)
