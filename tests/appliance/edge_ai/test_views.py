import numpy as np
import pytest

from appliance.edge_ai.picture import from_rgb
from appliance.edge_ai.views import AS_IT_IS, DARKER, brightened, squares, turned_back, turned_round, views
from deskproctor.evaluation.conditions import darkened


def test_squares_cover_a_wide_picture_from_end_to_end():
    left, middle, right = squares(16 / 9)
    assert (left.left, right.right) == (0, pytest.approx(1))
    assert all((square.right - square.left) * 16 / 9 == pytest.approx(1) for square in (left, middle, right))
    assert left.right > middle.left
    assert middle.right > right.left
    assert [square.top for square in squares(9 / 16)] == [0, pytest.approx(7 / 32), pytest.approx(7 / 16)]


def test_a_picture_that_is_almost_a_square_is_looked_at_whole_alone():
    assert squares(1.0) == ()
    assert views(1.05) == ((0, 0, 1, 1),)
    assert len(views(4 / 3)) == 4


def test_the_darker_tone_keeps_black_and_white_and_the_order_and_pulls_the_highlights_apart():
    assert (DARKER[0], DARKER[255]) == (0, 255)
    assert (np.diff(DARKER.astype(int)) >= 0).all()
    assert int(DARKER[250]) - int(DARKER[230]) > 1.8 * (250 - 230)
    assert AS_IT_IS.tolist() == list(range(256))


def test_what_was_found_upside_down_lies_where_it_is():
    square = np.zeros((100, 100, 3), np.uint8)
    square[10:20, 30:60] = 255
    rows, columns = np.nonzero(turned_round(square)[..., 0])
    found = np.float32([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]) / 100
    assert turned_back(found)[0].tolist() == pytest.approx([0.3, 0.1, 0.6, 0.2])


def test_a_dim_picture_is_looked_at_as_if_there_were_light_enough():
    bright = from_rgb(np.random.default_rng(3).integers(40, 220, (90, 160, 3)).astype(np.uint8))
    assert brightened(bright) is bright
    dim = darkened(bright)
    shown = brightened(dim)
    assert abs(float(shown.luma.mean()) - float(bright.luma.mean())) < 25
    assert abs(float(shown.red.std()) - float(bright.red.std())) < 0.3 * float(bright.red.std())


def test_a_black_picture_stays_nearly_black():
    black = from_rgb(np.full((90, 160, 3), 3, np.uint8))
    assert brightened(black).luma.max() < 40
