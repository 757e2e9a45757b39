import math

import numpy as np
import pytest

from appliance.edge_ai.gaze import IrisGaze
from appliance.edge_ai.landmarks import (
    CHIN,
    FOREHEAD,
    INNER_LIPS,
    MESH_POINTS,
    MIRRORED_LEFT,
    MIRRORED_RIGHT,
    MOUTH_CORNERS,
    FaceLandmarks,
    mouth_open,
    pose_of,
    region_of,
)
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.picture import array, from_rgb
from proctoring.observation import Face

EYES_LEVEL = ((0.45, 0.45), (0.55, 0.45))


@pytest.fixture(scope="session")
def mesh_model(runtime):
    return runtime.load(Catalogue().path("face_landmark"))


@pytest.fixture(scope="session")
def iris_model(runtime):
    return runtime.load(Catalogue().path("iris_landmark"))


@pytest.fixture
def landmarks(mesh_model, iris_model):
    return FaceLandmarks(mesh_model, IrisGaze(iris_model))


def head():
    """A mesh that looks straight into the camera: y grows downwards, z away from the camera."""
    mesh = np.zeros((MESH_POINTS, 3), np.float32)
    for step, (right, left) in enumerate(zip(MIRRORED_RIGHT, MIRRORED_LEFT, strict=True), start=1):
        mesh[right], mesh[left] = (-10 * step, step, 3 * step), (10 * step, step, 3 * step)
    mesh[FOREHEAD], mesh[CHIN] = (0, -60, 0), (0, 60, 0)
    return mesh


def rotated(mesh, axis, degrees):
    """Turned about an axis: x to raise the chin, y to turn to the picture's right, z to lean clockwise."""
    across, down, away = {"x": (1, 2, 0), "y": (0, 2, 1), "z": (0, 1, 2)}[axis]
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    matrix = np.zeros((3, 3), np.float32)
    matrix[away, away] = 1
    matrix[across, across] = matrix[down, down] = cosine
    matrix[across, down], matrix[down, across] = -sine, sine
    return mesh @ matrix.T


def angles(pose):
    return pose.yaw_deg, pose.pitch_deg, pose.roll_deg


@pytest.mark.parametrize("degrees", [-50, -20, 0, 20, 50])
@pytest.mark.parametrize(("axis", "place", "sign"), [("y", 0, 1), ("x", 1, -1), ("z", 2, 1)])
def test_a_turn_about_one_axis_shows_in_one_angle(degrees, axis, place, sign):
    expected = [0.0, 0.0, 0.0]
    expected[place] = degrees
    assert angles(pose_of(rotated(head(), axis, sign * degrees))) == pytest.approx(expected, abs=0.1)


def test_a_mouth_is_as_open_as_its_lips_are_apart_by_its_width():
    mesh = head()
    mesh[list(MOUTH_CORNERS)] = [(-20, 30, 0), (20, 30, 0)]
    mesh[list(INNER_LIPS)] = [(0, 25, 0), (0, 35, 0)]
    assert mouth_open(mesh) == pytest.approx(0.25)
    assert mouth_open(np.zeros_like(mesh)) == 0.0


def test_the_mesh_looks_at_one_and_a_half_boxes_with_the_eyes_level():
    face = Face(0.9, (0.4, 0.3, 0.6, 0.7), ((0.45, 0.45), (0.55, 0.45 + 0.1 * 1280 / 720)))
    square = region_of(face, 1280, 720)
    assert (square.x, square.y, square.side) == pytest.approx((640, 360, 1.5 * 0.4 * 720), rel=1e-5)
    assert math.degrees(square.slope) == pytest.approx(45, abs=0.01)


def test_only_the_nearest_certain_face_is_measured(landmarks, plain):
    near = Face(0.9, (0.1, 0.1, 0.4, 0.6), EYES_LEVEL)
    far = Face(0.95, (0.6, 0.4, 0.7, 0.5), EYES_LEVEL)
    ghost = Face(0.3, (0.0, 0.0, 0.9, 0.9), EYES_LEVEL)
    measured = landmarks.measure(plain(128), (far, near, ghost))
    assert [face.pose is not None for face in measured] == [False, True, False]
    assert [face.box for face in measured] == [far.box, near.box, ghost.box]
    assert landmarks.measure(plain(128), (ghost,)) == (ghost,)
    assert landmarks.measure(plain(128), ()) == ()


@pytest.mark.parametrize(("box", "points"), [((0.5, 0.5, 0.5, 0.5), EYES_LEVEL), ((0.1, 0.1, 0.4, 0.6), ())])
def test_a_face_without_size_or_points_stays_as_it_was(landmarks, plain, box, points):
    face = Face(0.9, box, points)
    assert landmarks.measured(plain(128), face) == face


def photo(media, read_picture):
    return read_picture(media / "faces" / "obama_obama.jpg")


@pytest.mark.media
def test_the_mesh_lies_on_the_face_that_was_found(landmarks, faces, media, read_picture):
    picture = photo(media, read_picture)
    face = faces.find(picture)[0]
    mesh = landmarks.mesh(picture, face)
    size = array([picture.width, picture.height])
    found = array(face.points)[3] * size
    box_height = (face.box[3] - face.box[1]) * picture.height
    assert np.linalg.norm(mesh[list(MOUTH_CORNERS), :2].mean(axis=0) - found) < 0.1 * box_height


@pytest.mark.media
def test_a_picture_in_a_mirror_turns_and_looks_the_other_way(landmarks, faces, media, read_picture):
    picture = photo(media, read_picture)
    mirrored = from_rgb(picture.rgb(picture.width, picture.height)[:, ::-1])
    (here,), (there,) = (landmarks.measure(shown, faces.find(shown)[:1]) for shown in (picture, mirrored))
    assert here.pose.yaw_deg == pytest.approx(-there.pose.yaw_deg, abs=5)
    assert here.pose.pitch_deg == pytest.approx(there.pose.pitch_deg, abs=5)
    assert here.gaze == pytest.approx(-there.gaze, abs=0.15)


@pytest.mark.media
@pytest.mark.parametrize("lean_deg", [-30, 30])
def test_a_head_that_leans_is_measured_as_leaning_and_not_as_turned(landmarks, faces, media, read_picture, lean_deg):
    import cv2

    picture = photo(media, read_picture)
    middle = (picture.width / 2, picture.height / 2)
    matrix = cv2.getRotationMatrix2D(middle, -lean_deg, 0.8)
    leaning = from_rgb(
        cv2.warpAffine(picture.rgb(picture.width, picture.height), matrix, (picture.width, picture.height))
    )
    (upright,), (leant,) = (landmarks.measure(shown, faces.find(shown)[:1]) for shown in (picture, leaning))
    assert leant.pose.roll_deg - upright.pose.roll_deg == pytest.approx(lean_deg, abs=5)
    assert leant.pose.yaw_deg == pytest.approx(upright.pose.yaw_deg, abs=10)
