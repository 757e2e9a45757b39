"""The way from a picture to the faces in it, measured: who is there, and how the nearest head is held.

While one sure face is alone, its own mesh follows it from frame to frame, as in MediaPipe's graph
`face_landmark_front`, and the detector looks only every so often. A mesh costs a third of what the detector costs.
"""

from __future__ import annotations

from math import hypot
from typing import Final, NamedTuple

from msgspec.structs import replace

from appliance.edge_ai.cover import CoverWatch
from appliance.edge_ai.faces import DOUBTED, HOPELESS, TALL_ENOUGH
from appliance.edge_ai.landmarks import FaceLandmarks, Mesh, moved, nearest_of, outline_about, outline_of
from appliance.edge_ai.picture import Picture
from appliance.edge_ai.ports import FaceFinder
from appliance.edge_ai.turned import TurnedSquare
from proctoring.observation import Face, height

# How long nobody looks for further faces: at the desk's eight frames a second each fifth is searched. A second face
# is seen 0.6 s late at the worst; its rule wants 0.7 s, an invigilator an alert within 3 s.
LOOK_AGAIN_MS: Final = 600

# Who was there a moment ago is looked for in each frame: a face at the picture's edge comes and goes.
COMPANY_MS: Final = 1000

# A logit. MediaPipe lets go of a face below 0; here a doubt costs no more than a look. On clips 99 of 100 faces that
# were followed had 12 and more, heads from behind -5.
STILL_A_FACE: Final = 5.0

# From one frame to the next a face goes no further than this share of its size, and grows by no more than this. What
# does is another face, or none.
MOVED: Final = 0.3
GROWN: Final = 1.3


class _Trail(NamedTuple):
    """A face that is followed: its outline in the last frame, and what was reported then."""

    outline: TurnedSquare
    face: Face
    faces: tuple[Face, ...]


class FacePath:
    """Finds the faces of each frame of one camera and measures the nearest."""

    def __init__(self, finder: FaceFinder, landmarks: FaceLandmarks, covers: bool = True) -> None:
        """Without `covers` nobody looks whether something covers the face."""
        self._finder = finder
        self._landmarks = landmarks
        self._covers = covers
        self._cover = CoverWatch()
        self._trail: _Trail | None = None
        self._at_ms = self._searched_ms = 0
        self._company_ms: int | None = None

    def follow(self, picture: Picture, at_ms: int, gaze: bool = True) -> tuple[Face, ...]:
        """Every face, the most certain first; `at_ms` is when the frame was taken. Without `gaze` no eye is read.

        Until the detector looks again a followed face keeps the score that it gave, and the others keep their place.
        """
        if at_ms < self._at_ms:
            # A new session's time starts again from zero, and whoever comes in it is not held against the one before.
            self._trail = self._company_ms = None
            self._cover = CoverWatch()
        self._at_ms = at_ms
        if self._trail is None or at_ms - self._searched_ms >= LOOK_AGAIN_MS:
            return self._searched(picture, at_ms, gaze)
        return self._followed(picture, self._trail, gaze) or self._searched(picture, at_ms, gaze)

    def _followed(self, picture: Picture, trail: _Trail, gaze: bool) -> tuple[Face, ...] | None:
        mesh = self._landmarks.mesh(picture, trail.outline)
        outline = outline_about(mesh.points)
        if mesh.sureness < STILL_A_FACE or not is_near(trail.outline, outline):
            return None
        face = moved(trail.face, mesh.points, outline, picture.width, picture.height)
        face = self._watched(self._landmarks.read(face, mesh, gaze), picture, mesh)
        faces = tuple(face if other is trail.face else other for other in trail.faces)
        self._trail = _Trail(outline, face, faces)
        return faces

    def _searched(self, picture: Picture, at_ms: int, gaze: bool) -> tuple[Face, ...]:
        found = self._finder.find(picture)
        self._searched_ms, self._trail = at_ms, None
        nearest = nearest_of(found)
        outline = None if nearest is None else outline_of(nearest, picture.width, picture.height)
        if nearest is None or outline is None:
            return found
        mesh = self._landmarks.mesh(picture, outline)
        face = self._landmarks.read(nearest, mesh, gaze)
        is_alone = self._is_alone(nearest, found, at_ms)
        if is_alone:
            face = self._watched(face, picture, mesh)
        faces = tuple(face if other is nearest else other for other in found)
        if is_alone and is_sure(nearest, mesh):
            self._trail = _Trail(outline_about(mesh.points), face, faces)
        return faces

    def _watched(self, face: Face, picture: Picture, mesh: Mesh) -> Face:
        """The one face at the desk, with how sure it is that something covers it, where that is looked at."""
        if not self._covers:
            return face
        assert face.pose is not None
        return replace(face, hidden=self._cover.measure(picture, mesh, face.pose, self._at_ms))

    def _is_alone(self, nearest: Face, faces: tuple[Face, ...], at_ms: int) -> bool:
        if any(face is not nearest and is_company(face, nearest) for face in faces):
            self._company_ms = at_ms
        return self._company_ms is None or at_ms - self._company_ms >= COMPANY_MS


def is_sure(face: Face, mesh: Mesh) -> bool:
    """Whether both networks are sure enough of a face for one of them to go on alone."""
    return face.score >= DOUBTED and mesh.sureness >= STILL_A_FACE


def is_company(face: Face, nearest: Face) -> bool:
    """Whether a face besides the nearest may be somebody at this desk."""
    return face.score >= HOPELESS and height(face.box) >= TALL_ENOUGH * height(nearest.box)


def is_near(before: TurnedSquare, after: TurnedSquare) -> bool:
    """Whether one face can have gone from one place to the other between two frames."""
    if max(before.side, after.side) > GROWN * min(before.side, after.side):
        return False
    return hypot(after.x - before.x, after.y - before.y) <= MOVED * before.side
