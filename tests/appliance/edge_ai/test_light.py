import cv2
import numpy as np
import pytest

from appliance.edge_ai.light import LightWatch, measure
from appliance.edge_ai.picture import from_rgb


@pytest.mark.parametrize(("shade", "mean"), [(0, 0.0), (128, 0.5), (255, 1.0)])
def test_a_plain_picture_has_its_shade_and_no_spread(plain, shade, mean):
    light = measure(plain(shade))
    assert light.mean == pytest.approx(mean, abs=0.01)
    assert light.spread == 0


def test_half_black_half_white_has_the_widest_spread():
    halves = np.zeros((360, 640, 3), np.uint8)
    halves[:, 320:] = 255
    light = measure(from_rgb(halves))
    assert (light.mean, light.spread) == pytest.approx((0.5, 0.5), abs=0.01)


def test_the_noise_of_a_sensor_is_no_spread():
    noise = np.random.default_rng(2).normal(40, 12, (720, 1280, 1)).clip(0, 255).astype(np.uint8)
    assert measure(from_rgb(np.repeat(noise, 3, axis=2))).spread < 0.01


def test_burnt_out_parts_are_glare():
    third = np.full((360, 640, 3), 120, np.uint8)
    third[:120] = 255
    assert measure(from_rgb(third)).glare == pytest.approx(1 / 3, abs=0.03)


def test_blur_takes_the_sharpness_away_whatever_is_shown():
    detailed = cv2.resize(np.random.default_rng(1).integers(0, 255, (45, 80, 3)).astype(np.uint8), (1280, 720))
    sharp, soft, lost = (
        measure(from_rgb(cv2.GaussianBlur(detailed, (0, 0), sigma))).sharpness for sigma in (0.1, 6, 16)
    )
    assert sharp > soft > 1.5 * lost


def test_shaking_along_one_direction_is_blur_too():
    cards = cv2.resize(
        np.random.default_rng(1).integers(0, 255, (45, 80, 3)).astype(np.uint8), (1280, 720), interpolation=0
    )
    assert measure(from_rgb(cv2.blur(cards, (61, 1)))).sharpness < 0.6 * measure(from_rgb(cards)).sharpness


def test_light_is_measured_twice_a_second_and_is_in_between_what_it_was(plain):
    watch, dark, bright = LightWatch(), plain(40), plain(200)
    seen = [watch.measure(dark if n == 0 else bright, 125 * n).mean for n in range(6)]
    assert [mean > 0.5 for mean in seen] == [False, False, False, False, True, True]
    assert watch.measure(dark, 0).mean < 0.5


def test_sharpness_is_measured_once_a_second_and_is_in_between_what_it_was(plain):
    watch = LightWatch()
    detailed = from_rgb(np.random.default_rng(1).integers(0, 255, (720, 1280, 3)).astype(np.uint8))
    seen = [watch.measure(detailed if n == 0 else plain(128), 125 * n) for n in range(10)]
    assert [light.sharpness == seen[0].sharpness for light in seen] == [True] * 8 + [False] * 2
    assert seen[4].mean == pytest.approx(0.5, abs=0.01)
