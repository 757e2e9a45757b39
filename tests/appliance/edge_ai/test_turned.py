import math

import numpy as np
import pytest

from appliance.edge_ai.picture import Region, array, from_i420, from_rgb
from appliance.edge_ai.turned import TurnedSquare


def spotted(x, y):
    rgb = np.zeros((360, 640, 3), np.uint8)
    rgb[y - 4 : y + 4, x - 4 : x + 4] = 255
    return from_rgb(rgb)


@pytest.fixture
def noisy():
    return from_i420(np.random.default_rng(1).integers(16, 235, 640 * 540, np.uint8).data, 640, 360)


def across(left, top, right, bottom, picture):
    """Pixels as shares of the picture."""
    return left / picture.width, top / picture.height, right / picture.width, bottom / picture.height


@pytest.mark.parametrize("slope_deg", [0, 30, -75, 180])
@pytest.mark.parametrize("side", [96.0, 192.0, 288.0])
def test_what_lies_in_the_cut_is_found_again_in_the_picture(slope_deg, side):
    square = TurnedSquare(320, 180, side, math.radians(slope_deg))
    cut = square.rgb(spotted(340, 170), 96)[:, :, 1].astype(float)
    rows, columns = np.mgrid[0:96, 0:96] + 0.5
    place = array([[(columns * cut).sum() / cut.sum(), (rows * cut).sum() / cut.sum(), 1.0]])
    x, y, z = square.to_pixels(place, 96)[0].tolist()
    assert (x, y) == pytest.approx((340, 170), abs=0.75)
    assert z == pytest.approx(side / 96)


def test_beyond_the_frame_its_edge_goes_on(plain):
    cut = TurnedSquare(0, 0, 400, 0.5).rgb(plain(200), 64)
    assert cut.shape == (64, 64, 3)
    assert np.ptp(cut) == 0


@pytest.mark.parametrize("slope_deg", [-3.9, 0, 2])
def test_a_square_that_is_almost_level_is_cut_from_whole_pixels(slope_deg, noisy):
    square = TurnedSquare(200.7, 120.2, 97.3, math.radians(slope_deg)).levelled()
    assert square == (201, 121, 98, 0)
    part = noisy.cut(Region(*across(152, 72, 250, 170, noisy)))
    assert (square.rgb(noisy, 98) == part.rgb(98, 98)).all()


def test_a_square_that_lies_askew_stays_as_it_is():
    square = TurnedSquare(200.7, 120.2, 97.3, math.radians(4.1))
    assert square.levelled() == square


@pytest.mark.parametrize("place", [(40, 180), (320, 30), (610, 180), (320, 340)])
def test_an_upright_square_that_reaches_beyond_the_frame_shows_its_edge(place, noisy):
    inner = TurnedSquare(*place, 96, 0.0).rgb(noisy, 96)
    turned = TurnedSquare(*place, 96, 1e-9).rgb(noisy, 96)
    assert np.abs(inner.astype(int) - turned).max() <= 1
