import json

import numpy as np
import pytest

from appliance.edge_ai.faces import POINTS, SIDE_PX, FullRangeFaces, decoded, scaled
from appliance.edge_ai.picture import array
from proctoring.observation import height

PLACES = 48 * 48


class OneFaceModel:
    """A network that sees one face, at a place of its square, of a size in pixels."""

    def __init__(self, column, row, size_px, logit=5.0):
        self.regressions = np.zeros((1, PLACES, 16), np.float32)
        self.logits = np.full((1, PLACES, 1), -50, np.float32)
        place = row * 48 + column
        self.regressions[0, place, 2:4] = size_px
        self.logits[0, place] = logit
        self.looks = 0

    def run(self, batch):
        assert batch.shape == (1, SIDE_PX, SIDE_PX, 3)
        self.looks += 1
        return [self.regressions, self.logits]


def test_a_box_and_its_points_are_read_where_they_lie():
    regressions, logits = np.zeros((PLACES, 16), np.float32), np.full(PLACES, -9.0, np.float32)
    place = 10 * 48 + 20
    regressions[place] = [1, -2, 40, 30, *range(2 * POINTS)]
    logits[place] = 0.0
    boxes, points, scores = decoded(regressions, logits, 0.5)
    assert boxes.tolist() == [[63, 25, 103, 55]]
    assert points[0, 0].tolist() == [82, 43]
    assert points[0, 5].tolist() == [92, 53]
    assert scores.tolist() == [0.5]


def test_raw_scores_of_any_size_stay_between_0_and_1():
    _, _, scores = decoded(np.zeros((PLACES, 16), np.float32), np.full(PLACES, 1e9, np.float32), 0.5)
    assert scores.max() <= 1


def test_bytes_are_scaled_to_minus_one_to_one():
    assert scaled(np.array([0, 255], np.uint8)) == pytest.approx([-1, 1])


def test_a_large_face_needs_one_look_and_lies_where_the_network_says(plain):
    model = OneFaceModel(24, 24, 60)
    (face,) = FullRangeFaces(model).find(plain(128))
    assert model.looks == 1
    assert face.box == pytest.approx((68 / 192, (98 - 30 - 42) / 108, 128 / 192, (98 + 30 - 42) / 108))
    assert len(face.points) == POINTS


def test_a_small_face_is_looked_at_again_and_that_look_decides(plain):
    model = OneFaceModel(24, 24, 12)
    (face,) = FullRangeFaces(model).find(plain(128))
    assert model.looks == 2
    assert height(face.box) == pytest.approx(6 * 12 / 108 * 12 / 192, rel=0.05), "the closer look's box"


def test_a_small_face_that_the_closer_look_does_not_find_is_dropped(plain):
    model = OneFaceModel(40, 24, 12)
    assert FullRangeFaces(model).find(plain(128)) == ()


@pytest.mark.parametrize("shade", [0, 16, 128, 255])
def test_a_plain_picture_has_no_face(faces, plain, shade):
    assert faces.find(plain(shade)) == ()


def test_noise_has_no_face(faces):
    from appliance.edge_ai.picture import from_rgb

    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
    assert [face for face in faces.find(from_rgb(noise)) if face.score >= 0.5] == []


@pytest.mark.media
def test_faces_in_labelled_photos_are_counted_right_but_for_one_in_ten(faces, media, read_picture):
    labelled = [item for item in json.loads((media / "labels.json").read_text())["items"] if item["type"] == "image"]
    counted = [item for item in labelled if item["labels"].get("face_count") is not None]
    right = 0
    for item in counted:
        seen = [face for face in faces.find(read_picture(media / item["file"])) if face.score >= 0.5]
        right += len(seen) == item["labels"]["face_count"]
    assert len(counted) > 30
    assert right >= 0.9 * len(counted)


@pytest.mark.media
def test_the_six_points_lie_as_in_a_face(faces, media, read_picture):
    face = faces.find(read_picture(media / "faces" / "obama_obama.jpg"))[0]
    right_eye, left_eye, nose, mouth, right_ear, left_ear = array(face.points)
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1] < face.box[3]
