"""Lays MediaPipe's face mesh over a face: 468 points in three dimensions, and from them how the head is held.

The mesh looks at a square of 1.5 times the face's box, turned until the eyes are level (as in MediaPipe's graph
`face_detection_front_detection_to_roi`). Its z is in the unit of x and y and grows away from the camera.
"""

from __future__ import annotations

from math import atan2, cos, degrees, dist, hypot, sin
from typing import Final, NamedTuple

import msgspec
import numpy as np

from appliance.edge_ai.gaze import IrisGaze
from appliance.edge_ai.picture import Bytes, Floats, Picture, array
from appliance.edge_ai.ports import Model
from appliance.edge_ai.turned import TurnedSquare
from proctoring.observation import Face, Pose, height

SIDE_PX = 192
MESH_POINTS = 468
REGION = 1.5

# Numbers of points in the mesh. Right and left are the person's own: the right eye lies to the picture's left.
MOUTH_CORNERS = (61, 291)
INNER_LIPS = (13, 14)
FOREHEAD, CHIN = 10, 152

# Points that a face's own mirror plane maps onto each other: corners of the eyes and the mouth, cheeks, temples.
# A smile or a blink moves both of a pair, and the mean of several is steadier than any one.
MIRRORED_RIGHT = np.array([33, 133, 61, 234, 127])
MIRRORED_LEFT = np.array([263, 362, 291, 454, 356])

# The middles between these stand for the detector's six points: the corners of the right and the left eye, the tip of
# the nose, the lips, the ears. On 911 faces from six clips each lies, in the middle, within 0.04 of the box's height
# of the detector's.
DETECTED = np.array([33, 362, 1, 13, 234, 454]), np.array([133, 263, 1, 14, 234, 454])
OUTER_CORNERS = (33, 263)

# The mesh of a face is this much larger than the square that the detector draws: 1.02 to 1.05 on clips of people who
# look at their screen, 0.90 of those who look down.
OVER_BOX: Final = 1.03

# A face less certain than this is not there for any rule, and a mesh fits itself to whatever it is shown.
MEASURED_FROM = 0.5

# Where the irises stand says nothing once an eye is seen from the side: beyond about 25 degrees it is noise.
FRONTAL_YAW_DEG = 20.0
FRONTAL_PITCH_DEG = 20.0


class Mesh(NamedTuple):
    """A face's 468 points (n, 3) in the picture's pixels, and how sure the network is that they lie on a face.

    `sureness` is a logit: 0 is as likely as not, faces on clips have 2 to 30, backs of heads -5. `shown` is what the
    network was shown, RGB, and `in_shown` are the points in pixels of that. An eye has as many pixels there as the
    iris network takes.
    """

    points: Floats
    sureness: float
    shown: Bytes
    in_shown: Floats


class FaceLandmarks:
    """Measures a face: pose, mouth and gaze."""

    def __init__(self, mesh: Model, gaze: IrisGaze | None = None) -> None:
        self._mesh = mesh
        self._gaze = gaze

    def measured(self, picture: Picture, face: Face) -> Face:
        """The face with pose and mouth, and gaze where it is frontal; as it was where its box has no size."""
        outline = outline_of(face, picture.width, picture.height)
        return face if outline is None else self.read(face, self.mesh(picture, outline))

    def mesh(self, picture: Picture, outline: TurnedSquare) -> Mesh:
        """The mesh of the face in a square that just holds it."""
        square = outline._replace(side=REGION * outline.side).levelled()
        shown = square.rgb(picture, SIDE_PX)
        self._mesh.room()[0] = shown
        outputs = {output.values.size: output for output in self._mesh.stored()}
        found = outputs[3 * MESH_POINTS]
        points = found.numbers(found.values.reshape(MESH_POINTS, 3))
        return Mesh(square.to_pixels(points, SIDE_PX), outputs[1].number(0), shown, points)

    def read(self, face: Face, mesh: Mesh, gaze: bool = True) -> Face:
        """The face with what its mesh tells; without `gaze` nobody looks at the eyes."""
        pose = pose_of(mesh.points)
        eyes = self._gaze.of(mesh.shown, mesh.in_shown) if gaze and self._gaze and is_frontal(pose) else None
        return msgspec.structs.replace(face, pose=pose, mouth_open=mouth_open(mesh.points), gaze=eyes)


def nearest_of(faces: tuple[Face, ...]) -> Face | None:
    """The one to measure: of those that surely are a face the tallest. The others are people in the background."""
    certain = (face for face in faces if face.score >= MEASURED_FROM)
    return max(certain, key=lambda face: height(face.box), default=None)


def outline_of(face: Face, width: int, height_px: int) -> TurnedSquare | None:
    """The face's square in a picture of this size, level with its eyes; None where its box has no size."""
    if height(face.box) <= 0 or len(face.points) < 2:
        return None
    size = array([width, height_px])
    corner, opposite = array(face.box).reshape(2, 2) * size
    right_eye, left_eye = array(face.points[:2]) * size
    (x, y), (across, down) = ((corner + opposite) / 2).tolist(), (left_eye - right_eye).tolist()
    return TurnedSquare(x, y, float((opposite - corner).max()), atan2(down, across))


def outline_about(mesh: Floats) -> TurnedSquare:
    """The square that the detector would draw about a mesh: what it measures along the line of the eyes."""
    across, down = (mesh[OUTER_CORNERS[1], :2] - mesh[OUTER_CORNERS[0], :2]).tolist()
    slope = atan2(down, across)
    level = array([[cos(slope), sin(slope)], [-sin(slope), cos(slope)]])
    places = level @ mesh[:, :2].T
    lowest, highest = places.min(axis=1), places.max(axis=1)
    x, y = ((lowest + highest) / 2 @ level).tolist()
    return TurnedSquare(x, y, float((highest - lowest).max()) / OVER_BOX, slope)


def moved(face: Face, mesh: Floats, outline: TurnedSquare, width: int, height_px: int) -> Face:
    """The same face where its mesh now lies, as the detector would report it, for a picture of this size."""
    x, y, half = outline.x, outline.y, outline.side / 2
    left, right = (min(1.0, max(0.0, place / width)) for place in (x - half, x + half))
    top, bottom = (min(1.0, max(0.0, place / height_px)) for place in (y - half, y + half))
    points = (mesh[DETECTED[0], :2] + mesh[DETECTED[1], :2]).tolist()
    places = tuple((across / (2 * width), down / (2 * height_px)) for across, down in points)
    return msgspec.structs.replace(face, box=(left, top, right, bottom), points=places)


def pose_of(mesh: Floats) -> Pose:
    """How the head is held, from the line through the mirrored points and the line from chin to forehead."""
    # Their sum has the direction of their mean.
    x, y, z = (mesh[MIRRORED_LEFT] - mesh[MIRRORED_RIGHT]).sum(axis=0).tolist()
    across, down, away = (mesh[FOREHEAD] - mesh[CHIN]).tolist()
    angles = atan2(z, hypot(x, y)), atan2(away, hypot(across, down)), atan2(y, x)
    return Pose(*(round(degrees(angle), 1) for angle in angles))


def is_frontal(pose: Pose) -> bool:
    """Whether the face is turned so little that gaze can be read."""
    return abs(pose.yaw_deg) <= FRONTAL_YAW_DEG and abs(pose.pitch_deg) <= FRONTAL_PITCH_DEG


def mouth_open(mesh: Floats) -> float:
    """Distance of the inner lips over the mouth's width: 0.05 and less when shut, 0.5 in a shout."""
    gap, width = (dist(mesh[a].tolist(), mesh[b].tolist()) for a, b in (INNER_LIPS, MOUTH_CORNERS))
    return round(gap / width, 3) if width else 0.0
