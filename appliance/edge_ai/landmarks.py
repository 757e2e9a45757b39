"""Lays MediaPipe's face mesh over a face: 468 points in three dimensions, and from them how the head is held.

The mesh looks at a square of 1.5 times the face's box, turned until the eyes are level (as in MediaPipe's graph
`face_detection_front_detection_to_roi`). Its z is in the unit of x and y and grows away from the camera.
"""

from __future__ import annotations

from math import atan2, degrees, hypot

import msgspec
import numpy as np

from appliance.edge_ai.gaze import IrisGaze
from appliance.edge_ai.picture import Floats, Picture, array
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
MIRRORED_RIGHT = (33, 133, 61, 234, 127)
MIRRORED_LEFT = (263, 362, 291, 454, 356)

# A face less certain than this is not there for any rule, and a mesh fits itself to whatever it is shown.
MEASURED_FROM = 0.5

# Where the irises stand says nothing once an eye is seen from the side: beyond about 25 degrees it is noise.
FRONTAL_YAW_DEG = 20.0
FRONTAL_PITCH_DEG = 20.0


class FaceLandmarks:
    """Measures the nearest face: pose, mouth and gaze. The others are people in the background."""

    def __init__(self, mesh: Model, gaze: IrisGaze | None = None) -> None:
        self._mesh = mesh
        self._gaze = gaze

    def measure(self, picture: Picture, faces: tuple[Face, ...]) -> tuple[Face, ...]:
        """The same faces in the same order, the tallest of them with what the mesh tells."""
        certain = [face for face in faces if face.score >= MEASURED_FROM]
        if not certain:
            return faces
        nearest = max(certain, key=lambda face: height(face.box))
        measured = self.measured(picture, nearest)
        return tuple(measured if face is nearest else face for face in faces)

    def measured(self, picture: Picture, face: Face) -> Face:
        """The face with pose and mouth, and gaze where it is frontal; as it was where its box has no size."""
        if height(face.box) <= 0 or len(face.points) < 2:
            return face
        mesh = self.mesh(picture, face)
        pose = pose_of(mesh)
        gaze = self._gaze.of(picture, mesh) if self._gaze and is_frontal(pose) else None
        return msgspec.structs.replace(face, pose=pose, mouth_open=mouth_open(mesh), gaze=gaze)

    def mesh(self, picture: Picture, face: Face) -> Floats:
        """The face's 468 points (n, 3) in the picture's pixels."""
        square = region_of(face, picture.width, picture.height)
        cut = square.rgb(picture, SIDE_PX).astype(np.float32) * np.float32(1 / 255)
        points = next(output for output in self._mesh.run(cut[None]) if output.size == 3 * MESH_POINTS)
        return square.to_pixels(points.reshape(MESH_POINTS, 3), SIDE_PX)


def region_of(face: Face, width: int, height_px: int) -> TurnedSquare:
    """Where the mesh looks, for a picture of this size."""
    size = array([width, height_px])
    corner, opposite = array(face.box).reshape(2, 2) * size
    right_eye, left_eye = array(face.points[:2]) * size
    (x, y), (across, down) = ((corner + opposite) / 2).tolist(), (left_eye - right_eye).tolist()
    return TurnedSquare(x, y, REGION * float((opposite - corner).max()), atan2(down, across))


def pose_of(mesh: Floats) -> Pose:
    """How the head is held, from the line through the mirrored points and the line from chin to forehead."""
    x, y, z = (mesh[list(MIRRORED_LEFT)] - mesh[list(MIRRORED_RIGHT)]).mean(axis=0).tolist()
    across, down, away = (mesh[FOREHEAD] - mesh[CHIN]).tolist()
    angles = atan2(z, hypot(x, y)), atan2(away, hypot(across, down)), atan2(y, x)
    return Pose(*(round(degrees(angle), 1) for angle in angles))


def is_frontal(pose: Pose) -> bool:
    """Whether the face is turned so little that gaze can be read."""
    return abs(pose.yaw_deg) <= FRONTAL_YAW_DEG and abs(pose.pitch_deg) <= FRONTAL_PITCH_DEG


def mouth_open(mesh: Floats) -> float:
    """Distance of the inner lips over the mouth's width: 0.05 and less when shut, 0.5 in a shout."""
    gap, width = (float(np.linalg.norm(mesh[a] - mesh[b])) for a, b in (INNER_LIPS, MOUTH_CORNERS))
    return round(gap / width, 3) if width else 0.0
