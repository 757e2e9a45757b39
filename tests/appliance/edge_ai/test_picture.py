import numpy as np
import pytest

from appliance.edge_ai.picture import (
    PictureBroken,
    Region,
    array,
    from_i420,
    from_rgb,
    letterbox,
    put_into,
    square_around,
)


def with_patch(width, height, region, colour):
    rgb = np.full((height, width, 3), 30, np.uint8)
    left, top, right, bottom = region
    rgb[int(top * height) : int(bottom * height), int(left * width) : int(right * width)] = colour
    return from_rgb(rgb)


def in_a_square(picture, region):
    square = np.empty((192, 192, 3), np.uint8)
    return square, put_into(square, picture, region)


def test_colours_survive_the_way_through_i420():
    rgb = with_patch(640, 360, (0, 0, 1, 1), (200, 80, 40)).rgb(64, 36)
    assert np.abs(rgb.astype(int) - (200, 80, 40)).max() <= 4


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 480), (480, 640)])
def test_a_point_in_the_square_is_found_again_in_the_picture(width, height):
    picture = with_patch(width, height, (0.25, 0.5, 0.5, 0.75), (255, 255, 255))
    square, placement = letterbox(picture, 416)
    rows, columns = np.nonzero(square[:, :, 0] > 140)
    corners = array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]])
    assert placement.to_picture(corners).ravel() == pytest.approx([0.25, 0.5, 0.5, 0.75], abs=0.006)


def test_a_point_in_a_cut_square_is_found_again_in_the_whole_picture():
    picture = with_patch(1280, 720, (0.5, 0.5, 0.55, 0.6), (255, 255, 255))
    square, placement = in_a_square(picture, Region(0.4, 0.3, 0.8, 0.9))
    rows, columns = np.nonzero(square[:, :, 0] > 140)
    corners = array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]])
    assert placement.to_picture(corners).ravel() == pytest.approx([0.5, 0.5, 0.55, 0.6], abs=0.006)


def test_the_bars_beside_the_picture_are_black():
    square, placement = letterbox(with_patch(1280, 720, (0, 0, 1, 1), (255, 255, 255)), 416)
    assert placement.top_px == 91
    assert square[:91].max() == 0
    assert square[91 + placement.height_px :].max() == 0


def test_a_frame_is_viewed_and_not_copied():
    data = bytearray(64 * 32 * 3 // 2)
    picture = from_i420(memoryview(data), 64, 32)
    data[0] = 99
    assert picture.luma[0, 0] == 99
    assert picture.cut(Region(0, 0, 0.5, 0.5)).luma.base is not None


@pytest.mark.parametrize(("data", "width", "height"), [(b"123", 64, 32), (bytes(96), 8, 7), (b"", 0, 0)])
def test_bytes_that_are_no_picture_are_refused(data, width, height):
    with pytest.raises(PictureBroken, match=f"{width}x{height}"):
        from_i420(data, width, height)


def test_a_square_is_moved_into_the_picture_and_keeps_its_shape():
    region = square_around(0.99, 0.02, 0.5, 16 / 9)
    assert region.right == pytest.approx(1.0)
    assert region.top == 0.0
    assert (region.right - region.left) * 16 / 9 == pytest.approx(region.bottom - region.top)


def test_a_square_larger_than_the_picture_is_cut_to_it():
    assert square_around(0.5, 0.5, 3.0, 16 / 9) == Region(0, 0, 1, 1)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1278, 718), (100, 60), (360, 640), (2, 2)])
@pytest.mark.parametrize("place", [(0, 0), (0.5, 0.5), (1, 1), (0.9999, 0.0001)])
def test_a_region_without_a_size_is_a_place_that_can_be_looked_at(width, height, place):
    picture = with_patch(width, height, (0, 0, 1, 1), (200, 200, 200))
    square, placement = in_a_square(picture, Region(*place, *place))
    assert square.max() > 190
    assert placement.to_picture(array([[0, 0], [192, 192]])).tolist() == [pytest.approx(place, abs=1e-6)] * 2
