import cv2
import numpy as np
import pytest

from appliance.edge_ai.alignment import PLACES, SIDE_PX, cut_out, similarity, square_of
from appliance.edge_ai.picture import array, from_rgb
from proctoring.observation import Face

GREEN = (0, 255, 0)


def marked(eyes_px, turned_deg, width=1280, height=720):
    """A picture with a dot at each eye and at the mouth of a face that is turned, and that face."""
    turn = np.deg2rad(turned_deg)
    level = np.array([np.cos(turn), np.sin(turn)]) * eyes_px / (PLACES[1, 0] - PLACES[0, 0])
    down = np.array([-level[1], level[0]])
    dots = np.array([[640, 360] + (x - 0.5) * level + (y - 0.5) * down for x, y in PLACES])
    rgb = np.full((height, width, 3), 60, np.uint8)
    for x, y in dots.round().astype(int).tolist():
        cv2.circle(rgb, (x, y), max(2, eyes_px // 12), GREEN, -1)
    right, left, mouth = (tuple(dot) for dot in (dots / [width, height]).tolist())
    return from_rgb(rgb), Face(0.9, (0.3, 0.3, 0.7, 0.7), (right, left, mouth, mouth))


@pytest.mark.parametrize("eyes_px", [24, 60, 160])
@pytest.mark.parametrize("turned_deg", [0, 25, -40])
def test_a_face_of_any_size_and_slope_lies_upright_at_its_place(eyes_px, turned_deg):
    cut = cut_out(*marked(eyes_px, turned_deg)).astype(int)
    assert cut.shape == (SIDE_PX, SIDE_PX, 3)
    greenness = cut[:, :, 1] - cut[:, :, 0]
    for x, y in (PLACES * SIDE_PX).round().astype(int).tolist():
        assert greenness[y - 1 : y + 2, x - 1 : x + 2].mean() > 60
    assert np.median(greenness) < 10


def test_a_face_at_the_edge_is_cut_with_what_the_picture_has():
    picture, face = marked(100, 0)
    aside = Face(0.9, face.box, tuple((x - 0.48, y) for x, y in face.points))
    assert cut_out(picture, aside).shape == (SIDE_PX, SIDE_PX, 3)


def test_the_square_turns_with_the_face():
    square = square_of(*marked(100, 30))
    assert (square.x, square.y) == pytest.approx((640, 360), abs=1)
    assert np.rad2deg(square.slope) == pytest.approx(30, abs=0.5)
    assert square.side == pytest.approx(100 / (PLACES[1, 0] - PLACES[0, 0]), rel=0.01)


def test_points_that_fit_no_turn_exactly_are_met_half_way():
    turn = similarity(array([[0, 0], [2, 0], [1, 1]]), array([[0, 0], [4, 0], [2, 4]]))
    met = array([[0, 0, 1], [2, 0, 1], [1, 1, 1]]) @ turn.T
    assert met.mean(axis=0) == pytest.approx([2, 4 / 3], abs=1e-5)
    assert turn[0, 1] == pytest.approx(0, abs=1e-6)
