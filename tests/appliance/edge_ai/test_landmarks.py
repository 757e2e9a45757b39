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
    OVER_BOX,
    FaceLandmarks,
    mouth_open,
    moved,
    nearest_of,
    outline_about,
    outline_of,
    pose_of,
)
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.picture import array, from_rgb
from appliance.edge_ai.turned import TurnedSquare
from proctoring.observation import Face

EYES_LEVEL = ((0.45, 0.45), (0.55, 0.45))


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


def test_a_face_fills_its_square_with_the_eyes_level():
    face = Face(0.9, (0.4, 0.3, 0.6, 0.7), ((0.45, 0.45), (0.55, 0.45 + 0.1 * 1280 / 720)))
    square = outline_of(face, 1280, 720)
    assert (square.x, square.y, square.side) == pytest.approx((640, 360, 0.4 * 720), rel=1e-5)
    assert math.degrees(square.slope) == pytest.approx(45, abs=0.01)


@pytest.mark.parametrize("degrees", [-40, 0, 25])
def test_a_head_that_leans_is_outlined_no_larger(degrees):
    mesh = head()
    upright, leaning = (outline_about(turned_mesh) for turned_mesh in (mesh, rotated(mesh, "z", degrees)))
    assert leaning.side == pytest.approx(upright.side, rel=1e-5)
    assert leaning.side == pytest.approx(120 / OVER_BOX)
    assert math.degrees(leaning.slope) == pytest.approx(degrees, abs=0.01)
    assert math.hypot(leaning.x, leaning.y) == pytest.approx(math.hypot(upright.x, upright.y), abs=0.01)


def test_a_face_that_has_moved_is_reported_where_its_mesh_lies():
    mesh = head() + np.float32([640, 360, 0])
    face = moved(Face(0.9, (0.0, 0.0, 0.1, 0.1), likeness=None), mesh, TurnedSquare(640, 360, 144, 0.0), 1280, 720)
    assert face.score == 0.9
    assert face.box == pytest.approx(((640 - 72) / 1280, (360 - 72) / 720, (640 + 72) / 1280, (360 + 72) / 720))
    right_eye, left_eye = array(face.points[:2]) * array([1280, 720])
    assert right_eye[0] < 640 < left_eye[0]
    edge = moved(face, mesh, TurnedSquare(0, 710, 144, 0.0), 1280, 720)
    assert (edge.box[0], edge.box[3]) == (0, 1)


def test_the_nearest_certain_face_is_the_one_to_measure():
    near = Face(0.9, (0.1, 0.1, 0.4, 0.6), EYES_LEVEL)
    far = Face(0.95, (0.6, 0.4, 0.7, 0.5), EYES_LEVEL)
    ghost = Face(0.3, (0.0, 0.0, 0.9, 0.9), EYES_LEVEL)
    assert nearest_of((far, near, ghost)) is near
    assert nearest_of((ghost,)) is None
    assert nearest_of(()) is None


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
    mesh, sureness, *_ = landmarks.mesh(picture, outline_of(face, picture.width, picture.height))
    assert sureness > 10
    size = array([picture.width, picture.height])
    found = array(face.points)[3] * size
    box_height = (face.box[3] - face.box[1]) * picture.height
    assert np.linalg.norm(mesh[list(MOUTH_CORNERS), :2].mean(axis=0) - found) < 0.1 * box_height


@pytest.mark.media
def test_a_picture_in_a_mirror_turns_and_looks_the_other_way(landmarks, faces, media, read_picture):
    picture = photo(media, read_picture)
    mirrored = from_rgb(picture.rgb(picture.width, picture.height)[:, ::-1])
    here, there = (landmarks.measured(shown, faces.find(shown)[0]) for shown in (picture, mirrored))
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
    upright, leant = (landmarks.measured(shown, faces.find(shown)[0]) for shown in (picture, leaning))
    assert leant.pose.roll_deg - upright.pose.roll_deg == pytest.approx(lean_deg, abs=5)
    assert leant.pose.yaw_deg == pytest.approx(upright.pose.yaw_deg, abs=10)
