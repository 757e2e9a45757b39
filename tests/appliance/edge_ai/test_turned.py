import math

import numpy as np
import pytest

from appliance.edge_ai.picture import array, from_rgb
from appliance.edge_ai.turned import TurnedSquare


def spotted(x, y):
    rgb = np.zeros((360, 640, 3), np.uint8)
    rgb[y - 4 : y + 4, x - 4 : x + 4] = 255
    return from_rgb(rgb)


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
