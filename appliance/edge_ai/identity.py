"""Tells whether two pictures show one person: a face becomes 128 numbers, and two such rows lie near or far."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from appliance.edge_ai.alignment import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, cut_out, points_px
from appliance.edge_ai.picture import Bytes, Floats, Picture, from_rgb, mean_and_deviation
from appliance.edge_ai.ports import FaceFinder, Model
from proctoring.errors import DeskproctorError
from proctoring.observation import Face, height

IDENTITY = "dlib_face_resnet_int8"
"""The network's name in the manifest."""

SAME_PERSON = 0.62
"""Two photos show one person from this likeness on.

Half-way between the median of strangers (0.32) and that of one person on several days (0.91); of 1,735 pairs of
strangers 4 in 1,000 reach it.
"""

# What follows keeps faces out whose numbers would say more about the picture than about the person. The limits were
# chosen by looking at photos and clips made worse on purpose: small, blurred, dark, noisy; the card has figures.

# Distance of the eyes. Smaller faces were blown up from too few pixels.
SMALLEST_EYES_PX = 9.0
# How far the nose's tip stands beside the eyes' middle, and the mouth below it, in distances of the eyes: 0.6 aside
# is a head turned by some 35 degrees, and beyond these heights the points do not lie on one face.
TURNED_ASIDE = 0.6
MOUTH_BELOW = (0.6, 1.6)
# Detail left at a quarter of the cut's size: the variance of its Laplacian over its own. A face of 55 pixels between
# the eyes blurred by 4 pixels has 0.1, by 8 0.04; the softest of five recorded cameras has 0.4.
LEAST_DETAIL = 0.13
DETAIL_SIDE_PX = 36
# Standard deviation of the face's luma, of 255: in ordinary light 15 and more, at a quarter of it 4 to 7.
LEAST_CONTRAST = 5.5
# Mean of the face's luma, of 255. At a tenth of ordinary light it is 8 to 15, and noise passes for detail.
LEAST_LIGHT = 18.0
# Hair and background at the cut's edge are no part of the face.
INSIDE = np.s_[21:129, 21:129]

SURE_FACE = 0.5

# A photo that is all face leaves the detector nothing to see it against: it is looked at again with this much room
# on each side, as a share of its own size.
ROOM = 0.5


class NoReference(DeskproctorError, ValueError):
    """A photo that cannot serve to recognise somebody."""


class Identity:
    """The network."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def embed(self, picture: Picture, face: Face) -> Floats | None:
        """The face as 128 numbers of length 1; None where too little of it is seen to tell people apart."""
        if not is_well_placed(picture, face):
            return None
        cut = cut_out(picture, face)
        return self._numbers(cut) if is_clear(cut) else None

    def reference(self, photo: Picture, faces: FaceFinder) -> Floats:
        """The one person on a photo, as `embed` gives them. Raises `NoReference` with what to do about it."""
        picture, face = _only_face(photo, faces)
        numbers = self.embed(picture, face)
        if numbers is None:
            raise NoReference(
                "The face on this photo is too small, too blurred, too dark or turned too far away to recognise "
                "somebody by. Take one from the front, in good light, with the face filling a third of it."
            )
        return numbers

    def _numbers(self, cut: Bytes) -> Floats:
        self._model.room()[0] = cut
        numbers: Floats = self._model.run()[0][0]
        return numbers


def likeness(a: Floats, b: Floats) -> float:
    """The cosine of two embeddings, -1 to 1: how alike two faces are."""
    return round(float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))), 4)


def mean_of(embeddings: list[Floats]) -> Floats:
    """What several looks at one person have in common, of length 1; one look's chance evens out."""
    mean = np.mean(embeddings, axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def eyes_px(picture: Picture, face: Face) -> float:
    """Distance of the eyes in pixels."""
    points = points_px(picture, face)
    return float(np.hypot(*(points[LEFT_EYE] - points[RIGHT_EYE])))


def is_well_placed(picture: Picture, face: Face) -> bool:
    """Whether a face is large enough and turned little enough to tell people apart."""
    if len(face.points) <= MOUTH:
        return False
    points = points_px(picture, face)
    between = points[LEFT_EYE] - points[RIGHT_EYE]
    apart = float(np.hypot(*between))
    if apart < SMALLEST_EYES_PX:
        return False
    level, eyes = between / apart, (points[LEFT_EYE] + points[RIGHT_EYE]) / 2
    aside = abs(float((points[NOSE] - eyes) @ level)) / apart
    below = float(np.hypot(*(points[MOUTH] - eyes))) / apart
    return aside <= TURNED_ASIDE and MOUTH_BELOW[0] <= below <= MOUTH_BELOW[1]


class Clearness(NamedTuple):
    """How much of a face can be seen; see the limits above for units and usual values."""

    light: float
    contrast: float
    detail: float


def clearness(cut: Bytes) -> Clearness:
    """Light, contrast and detail of a cut-out face."""
    luma = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY)[INSIDE]
    small = cv2.resize(luma, (DETAIL_SIDE_PX,) * 2, interpolation=cv2.INTER_AREA)
    light, contrast = mean_and_deviation(small)
    _, edges = mean_and_deviation(cv2.Laplacian(small, cv2.CV_32F))
    return Clearness(light, contrast, (edges / contrast) ** 2 if contrast else 0.0)


def is_lit(clear: Clearness) -> bool:
    """Whether a face has light and contrast enough."""
    return clear.contrast >= LEAST_CONTRAST and clear.light >= LEAST_LIGHT


def is_clear(cut: Bytes) -> bool:
    """Whether a cut-out face has light, contrast and detail enough."""
    clear = clearness(cut)
    return is_lit(clear) and clear.detail >= LEAST_DETAIL


def nearest(faces: tuple[Face, ...]) -> tuple[Face, ...]:
    """The faces that may be the candidate's: of those that surely are one, the tallest, and any half as tall."""
    sure = [face for face in faces if face.score >= SURE_FACE]
    tallest = max((height(face.box) for face in sure), default=0.0)
    return tuple(face for face in sure if height(face.box) >= tallest / 2)


def _only_face(photo: Picture, faces: FaceFinder) -> tuple[Picture, Face]:
    for picture in (photo, _with_room(photo)):
        found = nearest(faces.find(picture))
        if len(found) > 1:
            raise NoReference(f"There are {len(found)} faces on this photo. Take one that shows one person only.")
        if found:
            return picture, found[0]
    raise NoReference("There is no face on this photo. Take one that shows one person, from the front.")


def _with_room(photo: Picture) -> Picture:
    rgb = photo.rgb(photo.width, photo.height)
    down, across = (round(ROOM * side) for side in rgb.shape[:2])
    return from_rgb(np.asarray(cv2.copyMakeBorder(rgb, down, down, across, across, cv2.BORDER_CONSTANT), np.uint8))
