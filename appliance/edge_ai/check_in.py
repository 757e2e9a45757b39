"""Takes the check-in photo, and tells who is on it.

What is kept is the JPEG alone, never the numbers: they are made from it again whenever they are needed, so that a
detector which was started anew in the middle of an exam compares with the very same picture.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from appliance.edge_ai.alignment import cut_out
from appliance.edge_ai.identity import (
    Clearness,
    Identity,
    NoReference,
    clearness,
    eyes_px,
    is_lit,
    is_well_placed,
    nearest,
)
from appliance.edge_ai.landmarks import FaceLandmarks
from appliance.edge_ai.picture import Bytes, Floats, Picture, even, from_rgb, square_around
from appliance.edge_ai.ports import FaceFinder, Photographer
from appliance.runtime.clock import Clock
from proctoring.check_in import PHOTO_LIMIT, Photo, PhotoFault, PhotoQuality
from proctoring.observation import Face, Pose, height
from proctoring.wire import GivePhoto, MissPhoto, View

SIDE_PX: Final = 400
"""Of the photo, at the most: the eyes are then some 70 pixels apart, and the network's own cut has 52."""

AROUND: Final = 2.2
"""The photo's side in heights of the face: the detector was trained on faces with a room around them."""

QUALITIES: Final = (90, 80, 65, 50)

# Stricter than what the network needs: this one photo speaks for the whole exam. A candidate two metres from a camera
# of 1280 pixels has eyes 28 pixels apart, a face that is turned by 20 degrees still shows both eyes and ears. An
# upright head is seen at up to 32 degrees from a camera that stands low. The softest of five recorded cameras has a
# detail of 0.4. Light and contrast have the network's own limits: a dark face in ordinary light is far above them.
LEAST_EYES_PX: Final = 20.0
MOST_YAW_DEG: Final = 20.0
MOST_PITCH_DEG: Final = 35.0
LEAST_DETAIL: Final = 0.2

LOOK_MS: Final = 2000
"""Long enough to sit up and look; the candidate waits for it."""

# A face that reaches the picture's edge is not whole.
EDGE: Final = 0.005


class CheckIn:
    """The photo while a candidate checks in: looks until a frame is good, or until it has looked long enough."""

    def __init__(self, photographer: Photographer, clock: Clock) -> None:
        self._photographer = photographer
        self._clock = clock
        self._asked: tuple[str, int] | None = None
        self._until_ms = 0
        self._fault = PhotoFault.NO_PICTURE
        self.wanted = False
        """Whether a frame should be looked at now."""

    def follow(self, view: View) -> None:
        """Takes up what custody asks for; each attempt once."""
        asked = (view.session or "", view.photo.attempt)
        self.wanted = view.photo.wanted and (self.wanted or asked != self._asked)
        if self.wanted and asked != self._asked:
            self._asked, self._fault = asked, PhotoFault.NO_PICTURE
            self._until_ms = self._clock.mono_ms() + LOOK_MS

    def look(self, picture: Picture | None) -> GivePhoto | MissPhoto | None:
        """What there is to tell custody after this frame; None while it is worth while to look on."""
        assert self._asked is not None
        session, attempt = self._asked
        seen = self._photographer.take(picture) if picture is not None else self._fault
        if isinstance(seen, Photo):
            self.wanted = False
            return GivePhoto(session=session, attempt=attempt, photo=seen)
        self._fault = seen
        if self._clock.mono_ms() < self._until_ms:
            return None
        self.wanted = False
        return MissPhoto(session=session, attempt=attempt, fault=seen)

    def person_on(self, jpeg: bytes | None) -> Floats | None:
        """Who is on the photo of this session, if there is one."""
        return self._photographer.person_on(jpeg) if jpeg else None


class FacePhotographer:
    """Looks for one good face in a frame."""

    def __init__(
        self, faces: FaceFinder, landmarks: FaceLandmarks, identity: Identity, models: dict[str, str]
    ) -> None:
        """`models` is the SHA-256 of each network used here by its name."""
        self._faces = faces
        self._landmarks = landmarks
        self._identity = identity
        self._models = models

    def take(self, picture: Picture) -> Photo | PhotoFault:
        """The photo, or why this frame gives none."""
        found = nearest(self._faces.find(picture))
        if len(found) != 1:
            return PhotoFault.SEVERAL_FACES if found else PhotoFault.NO_FACE
        face = self._landmarks.measured(picture, found[0])
        fault = misplaced(picture, face)
        return fault or self._of(picture, face)

    def _of(self, picture: Picture, face: Face) -> Photo | PhotoFault:
        clear = clearness(cut_out(picture, face))
        if not is_lit(clear):
            return PhotoFault.TOO_DARK
        jpeg = b"" if clear.detail < LEAST_DETAIL else portrait(picture, face)
        # A photo that does not serve as what it is for is none.
        if not jpeg or self.person_on(jpeg) is None:
            return PhotoFault.UNCLEAR
        return Photo(jpeg=jpeg, quality=quality(picture, face, clear), models=self._models)

    def person_on(self, jpeg: bytes) -> Floats | None:
        """The person on a check-in photo, as numbers; None where the picture cannot be read or nobody is seen."""
        decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
        if decoded is None:
            return None
        try:
            return self._identity.reference(from_rgb(np.asarray(decoded[:, :, ::-1], np.uint8)), self._faces)
        except NoReference:
            return None


def misplaced(picture: Picture, face: Face) -> PhotoFault | None:
    """What is wrong with where a face is and how it is held, if anything."""
    left, top, right, bottom = face.box
    if min(left, top) < EDGE or max(right, bottom) > 1 - EDGE:
        return PhotoFault.NOT_WHOLE
    if eyes_px(picture, face) < LEAST_EYES_PX:
        return PhotoFault.TOO_SMALL
    if not is_well_placed(picture, face) or (face.pose is not None and not is_straight(face.pose)):
        return PhotoFault.TURNED_AWAY
    return None


def is_straight(pose: Pose) -> bool:
    """Whether a head is held towards the camera."""
    return abs(pose.yaw_deg) <= MOST_YAW_DEG and abs(pose.pitch_deg) <= MOST_PITCH_DEG


def quality(picture: Picture, face: Face, clear: Clearness) -> PhotoQuality:
    """The figures that go with the photo."""
    return PhotoQuality(
        score=face.score,
        eyes_px=round(eyes_px(picture, face), 1),
        light=round(clear.light, 1),
        contrast=round(clear.contrast, 1),
        detail=round(clear.detail, 3),
        yaw_deg=face.pose.yaw_deg if face.pose else None,
        pitch_deg=face.pose.pitch_deg if face.pose else None,
    )


def portrait(picture: Picture, face: Face) -> bytes:
    """A JPEG of the face with room around it, of at most PHOTO_LIMIT bytes; empty where even the coarsest is more."""
    left, top, right, bottom = face.box
    side = AROUND * height(face.box)
    part = picture.cut(square_around((left + right) / 2, (top + bottom) / 2, side, picture.shape))
    scale = min(1.0, SIDE_PX / max(part.width, part.height))
    rgb = part.rgb(*(max(2, even(length * scale)) for length in (part.width, part.height)))
    return jpeg_of(rgb)


def jpeg_of(rgb: Bytes) -> bytes:
    """As good as fits."""
    for level in QUALITIES:
        jpeg = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, level])[1].tobytes()
        if len(jpeg) <= PHOTO_LIMIT:
            return jpeg
    return b""
