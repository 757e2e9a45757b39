import json

import numpy as np
import pytest

from appliance.edge_ai.faces import CERTAIN, POINTS, SIDE_PX, FullRangeFaces, decoded, put_around
from appliance.edge_ai.picture import array
from appliance.edge_ai.ports import Stored
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
        self.shown = np.full((1, SIDE_PX, SIDE_PX, 3), 77, np.uint8)

    def room(self):
        return self.shown

    def stored(self):
        self.looks += 1
        return [Stored(self.regressions, 0.0, 0), Stored(self.logits, 0.0, 0)]


def test_a_box_and_its_points_are_read_where_they_lie():
    model, place = OneFaceModel(0, 0, 0, logit=-9.0), 10 * 48 + 20
    model.regressions[0, place] = [1, -2, 40, 30, *range(2 * POINTS)]
    model.logits[0, place] = 0.0
    rows, scores = decoded(*model.stored(), 0.5)
    assert rows.shape == (1, 4 + 2 * POINTS)
    assert rows[0, :4].tolist() == [63, 25, 103, 55]
    assert rows[0, 4:6].tolist() == [82, 43]
    assert rows[0, -2:].tolist() == [92, 53]
    assert scores.tolist() == [0.5]


def test_raw_scores_of_any_size_stay_between_0_and_1():
    _, scores = decoded(*OneFaceModel(24, 24, 60, logit=1e9).stored(), 0.5)
    assert scores.tolist() == [1]


def test_a_network_of_whole_numbers_is_read_alike():
    model, place = OneFaceModel(24, 24, 60), 24 * 48 + 24
    boxes = Stored((model.regressions / 0.5 + 3).astype(np.int8), 0.5, 3)
    logits = Stored((np.clip(model.logits, -12, 12) / 0.1 - 2).astype(np.int8), 0.1, -2)
    rows, scores = decoded(boxes, logits, 0.5)
    assert rows[0, :4].tolist() == decoded(*model.stored(), 0.5)[0][0, :4].tolist()
    assert logits.numbers(logits.values[0, place]) == pytest.approx(5, abs=0.05)
    assert scores == pytest.approx([1 / (1 + np.exp(-5))], abs=0.01)


def test_the_network_is_shown_the_picture_and_black_above_and_below(plain):
    model = OneFaceModel(24, 24, 60)
    FullRangeFaces(model).find(plain(255))
    assert model.shown[0, 42:150].min() > 250
    assert model.shown[0, :42].max() == model.shown[0, 150:].max() == 0


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


def test_a_face_that_fills_the_picture_is_looked_at_again_with_room_around_it(plain):
    model = OneFaceModel(24, 24, 160, logit=-0.5)
    FullRangeFaces(model).find(plain(128, 192, 192))
    assert model.looks == 3, "one look that is not sure, and one of each size"


def test_a_face_of_middling_score_gets_the_mean_of_two_further_looks(plain):
    model = OneFaceModel(24, 24, 60, logit=0.0)
    (face,) = FullRangeFaces(model).find(plain(128))
    assert model.looks == 3
    assert face.score == pytest.approx(0.5)


def test_a_face_that_lies_beyond_the_pictures_edge_stops_nothing(plain):
    model = OneFaceModel(24, 44, 12)
    assert FullRangeFaces(model).find(plain(128)) == ()
    assert model.looks == 2


def test_no_more_faces_are_looked_at_again_than_allowed(plain):
    model = OneFaceModel(24, 24, 60, logit=0.0)
    (face,) = FullRangeFaces(model, looks=0).find(plain(128))
    assert (model.looks, face.score) == (1, 0.5)


def test_where_nothing_is_found_the_picture_is_looked_at_from_farther_away(plain):
    model = OneFaceModel(24, 24, 60, logit=-50.0)
    assert FullRangeFaces(model).find(plain(128)) == ()
    assert model.looks == 2


def test_the_part_beyond_the_picture_is_black_and_points_keep_their_place(plain):
    square = np.full((SIDE_PX, SIDE_PX, 3), 77, np.uint8)
    placement = put_around(square, plain(255, 400, 200), 0.0, 0.5, 2.0)
    assert square[:, : SIDE_PX // 2].max() == 0
    assert square[: SIDE_PX // 4 - 1].max() == 0
    assert square[SIDE_PX // 2, SIDE_PX // 2 + 2 :].min() > 250
    corner = array([[SIDE_PX / 2, SIDE_PX / 4]])
    assert placement.to_picture(corner)[0].tolist() == pytest.approx([0, 0], abs=0.02)


@pytest.mark.parametrize("shade", [0, 16, 128, 255])
def test_a_plain_picture_has_no_face(faces, plain, shade):
    assert faces.find(plain(shade)) == ()


def test_noise_has_no_face(faces):
    from appliance.edge_ai.picture import from_rgb

    noise = np.random.default_rng(1).integers(0, 255, (360, 640, 3), np.uint8)
    assert [face for face in faces.find(from_rgb(noise)) if face.score >= 0.5] == []


def counted(media, wanted):
    for item in json.loads((media / "labels.json").read_text())["items"]:
        labels = item["labels"]
        if item["type"] not in ("image", "face"):
            continue
        count = 1 if item["type"] == "face" else labels.get("face_count")
        if count is None and (labels.get("person") is False or labels.get("person_count") == 0):
            count = 0
        if count is not None and wanted(count):
            yield media / item["file"], count


def off_by(faces_model, media, read_picture, wanted):
    """By how many the count of certain faces is wrong, photo by photo."""
    faces = FullRangeFaces.for_photos(faces_model)
    return [
        abs(sum(face.score >= CERTAIN for face in faces.find(read_picture(file))) - count)
        for file, count in counted(media, wanted)
    ]


@pytest.mark.media
def test_one_face_is_counted_as_one_in_nearly_every_photo_also_where_it_fills_it(faces_model, media, read_picture):
    off = off_by(faces_model, media, read_picture, lambda count: count == 1)
    assert len(off) > 70
    assert off.count(0) >= 0.95 * len(off)


@pytest.mark.media
def test_no_face_is_found_where_there_are_no_people(faces_model, media, read_picture):
    off = off_by(faces_model, media, read_picture, lambda count: count == 0)
    assert len(off) > 50
    assert set(off) == {0}


@pytest.mark.media
def test_groups_are_counted_within_one(faces_model, media, read_picture):
    off = off_by(faces_model, media, read_picture, lambda count: count > 1)
    assert len(off) > 10
    assert max(off) <= 1


@pytest.mark.media
def test_the_six_points_lie_as_in_a_face(faces, media, read_picture):
    face = faces.find(read_picture(media / "faces" / "obama_obama.jpg"))[0]
    right_eye, left_eye, nose, mouth, right_ear, left_ear = array(face.points)
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1] < face.box[3]
