import cv2
import numpy as np

from appliance.edge_ai.picture import from_rgb
from appliance.edge_ai.thumbnail import LIMIT_BYTES, thumbnail


def decoded(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)


def test_even_the_noisiest_picture_fits():
    noise = np.random.default_rng(3).integers(0, 255, (720, 1280, 3), np.uint8)
    jpeg = thumbnail(from_rgb(noise), [(0.1, 0.1, 0.9, 0.9)])
    assert 0 < len(jpeg) <= LIMIT_BYTES
    assert decoded(jpeg).shape == (180, 320, 3)


def test_the_box_is_drawn_where_it_lies(plain):
    drawn = decoded(thumbnail(plain(128), [(0.25, 0.25, 0.75, 0.75)])).astype(int)
    untouched = decoded(thumbnail(plain(128), [])).astype(int)
    rows, columns = np.nonzero(np.abs(drawn - untouched).max(axis=2) > 60)
    assert abs(rows.min() - 45) <= 3 and abs(rows.max() - 134) <= 3
    assert abs(columns.min() - 80) <= 3 and abs(columns.max() - 239) <= 3


def test_a_box_that_reaches_over_the_edge_is_no_harm(plain):
    assert thumbnail(plain(128, 640, 480), [(-0.2, -0.2, 1.3, 1.1)])
