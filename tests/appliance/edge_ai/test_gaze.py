import numpy as np
import pytest

from appliance.edge_ai.gaze import CONTOUR_VALUES, EYES, IRIS_VALUES, IrisGaze
from appliance.edge_ai.ports import Stored


class IrisAt:
    """A network that sees both corners of the eye, and the iris where it is told for each look."""

    def __init__(self, *places_px):
        self.places_px = list(places_px)

    def room(self):
        self.batch = np.full((1, 64, 64, 3), 77, np.uint8)
        return self.batch

    def stored(self):
        assert not (self.batch == 77).any()
        contour, iris = np.zeros((1, CONTOUR_VALUES), np.float32), np.zeros((1, IRIS_VALUES), np.float32)
        contour[0, 0], contour[0, 8 * 3] = 18, 46
        iris[0, 0] = self.places_px.pop(0)
        return [Stored(contour, 0.0, 0), Stored(iris, 0.0, 0)]


def level_mesh():
    mesh = np.zeros((468, 3), np.float32)
    for (start, end), x in zip(EYES, (100, 200), strict=True):
        mesh[start], mesh[end] = (x, 100, 0), (x + 50, 100, 0)
    return mesh


@pytest.mark.parametrize(
    ("right_eye_px", "mirrored_left_eye_px", "gaze"),
    [(32, 32, 0.0), (18, 46, -1.0), (46, 18, 1.0), (39, 25, 0.5), (18, 18, 0.0), (0, 64, -1.0)],
)
def test_the_mean_of_both_eyes_counts_and_the_left_one_is_seen_in_a_mirror(right_eye_px, mirrored_left_eye_px, gaze):
    grey = np.full((200, 400, 3), 128, np.uint8)
    seen = IrisGaze(IrisAt(right_eye_px, mirrored_left_eye_px)).of(grey, level_mesh())
    assert seen == pytest.approx(gaze)


def test_a_mirrored_picture_of_an_eye_is_what_the_model_is_given():
    """Left half dark, right half bright: the person's left eye comes with the halves swapped."""
    shown = []

    class Watching(IrisAt):
        def stored(self):
            shown.append(self.batch[0].mean(axis=(0, 2)))
            return super().stored()

    rgb = np.zeros((200, 400, 3), np.uint8)
    rgb[:, 125:200] = rgb[:, 225:] = 255
    IrisGaze(Watching(32, 32)).of(rgb, level_mesh())
    right, left = shown
    assert right[24] < 50 and right[40] > 200
    assert left[24] > 200 and left[40] < 50


def test_one_value_of_a_network_of_whole_numbers_is_what_it_stands_for():
    values = np.array([[-128, 7], [0, 127]], np.int8)
    stored = Stored(values, 0.5, 3)
    assert [stored.number(place) for place in range(4)] == stored.numbers(values).ravel().tolist()
    assert Stored(values.astype(np.float32), 0.0, 0).number(1) == 7
