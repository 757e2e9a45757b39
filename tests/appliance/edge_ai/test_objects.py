import cv2
import numpy as np
import pytest

from appliance.edge_ai.objects import LABELS, NanoDet, NanoDetItems, decoded, hands_and_desk, pixel_for_pixel
from appliance.edge_ai.picture import WHOLE, Picture, put_into
from appliance.edge_ai.ports import Stored

PHONE, PERSON = LABELS.index("cell phone"), LABELS.index("person")


def empty_maps():
    grids = (52, 26, 13)
    return [np.zeros((n, n, 80), np.float32) for n in grids] + [np.zeros((n, n, 44), np.float32) for n in grids]


def put(maps, level, row, column, label, score, steps):
    """A thing on a map, `steps` strides to each side."""
    maps[level][row, column, label] = score
    sides = maps[3 + level][row, column].reshape(4, 11)
    for side, step in zip(sides, steps, strict=True):
        side[step] = 50.0


def as_stored(maps):
    return [Stored(output[None], 0.0, 0) for output in maps]


class ScriptedModel:
    """A network that says one thing after the other."""

    def __init__(self, *looks):
        self.looks = list(looks)
        self.batch = np.zeros((1, 416, 416, 3), np.uint8)

    def room(self):
        return self.batch

    def stored(self):
        return as_stored(self.looks.pop(0))


def test_there_are_eighty_labels():
    assert len(LABELS) == len(set(LABELS)) == 80
    assert (LABELS[0], LABELS[67], LABELS[79]) == ("person", "cell phone", "toothbrush")


def test_a_box_is_read_from_the_distributions_of_its_sides():
    maps = empty_maps()
    put(maps, 1, 10, 12, PHONE, 0.7, (1, 2, 3, 4))
    boxes, scores, classes = decoded(as_stored(maps), 0.3)
    assert boxes.tolist() == [[200 - 16, 168 - 32, 200 + 48, 168 + 64]]
    assert scores.tolist() == pytest.approx([0.7])
    assert classes.tolist() == [PHONE]


def test_an_undecided_side_lies_at_the_mean():
    maps = empty_maps()
    maps[2][6, 6, PHONE] = 0.9
    maps[5][6, 6].reshape(4, 11)[:, [2, 4]] = 50.0
    boxes, _, _ = decoded(as_stored(maps), 0.3)
    assert boxes[0].tolist() == pytest.approx([208 - 96, 208 - 96, 208 + 96, 208 + 96])


def test_what_no_rule_asks_for_is_left_out_and_persons_never_are(plain):
    whole, closer = empty_maps(), empty_maps()
    put(whole, 1, 5, 5, PERSON, 0.9, (2, 2, 2, 2))
    put(whole, 1, 10, 12, PHONE, 0.9, (2, 2, 2, 2))
    put(whole, 0, 20, 20, LABELS.index("chair"), 0.9, (2, 2, 2, 2))
    items = NanoDetItems(ScriptedModel(whole, closer, closer, whole, closer, closer))
    assert {item.label for item in items.find(plain(128))} == {"person", "chair"}
    items.watch_for(())
    assert {item.label for item in items.find(plain(128))} == {"person"}


def test_the_order_of_the_outputs_does_not_matter():
    maps = empty_maps()
    put(maps, 0, 5, 5, PERSON, 0.5, (1, 1, 1, 1))
    put(maps, 2, 5, 5, PHONE, 0.6, (1, 1, 1, 1))
    forward, backward = decoded(as_stored(maps), 0.3), decoded(as_stored(maps[::-1]), 0.3)
    assert sorted(forward[0].tolist()) == sorted(backward[0].tolist())


def test_empty_maps_give_nothing():
    boxes, scores, classes = decoded(as_stored(empty_maps()), 0.3)
    assert boxes.shape == (0, 4)
    assert scores.size == classes.size == 0


def test_a_suspected_phone_that_the_second_look_does_not_see_is_dropped(plain):
    suspected = empty_maps()
    put(suspected, 0, 25, 25, PHONE, 0.5, (2, 1, 2, 1))
    model = ScriptedModel(suspected, empty_maps(), empty_maps())
    assert NanoDetItems(model).find(plain(128)) == ()
    assert model.looks == []


def test_a_suspected_phone_has_the_mean_score_of_both_looks(plain):
    suspected, confirmed = empty_maps(), empty_maps()
    put(suspected, 0, 25, 25, PHONE, 0.5, (2, 1, 2, 1))
    put(confirmed, 1, 12, 12, PHONE, 0.8, (3, 2, 3, 2))
    (item,) = NanoDetItems(ScriptedModel(suspected, empty_maps(), confirmed)).find(plain(128))
    assert (item.label, item.score) == ("cell phone", pytest.approx(0.65))


def test_a_person_in_the_closer_look_is_no_second_person(plain):
    whole, closer = empty_maps(), empty_maps()
    put(whole, 2, 6, 6, PERSON, 0.8, (3, 4, 3, 4))
    put(closer, 2, 6, 6, PERSON, 0.7, (2, 2, 2, 2))
    found = NanoDetItems(ScriptedModel(whole, closer)).find(plain(128))
    assert [item.label for item in found] == ["person"]


@pytest.mark.parametrize("label", [PERSON, PHONE])
def test_a_thing_that_lies_beyond_the_pictures_edge_stops_nothing(plain, label):
    whole = empty_maps()
    put(whole, 0, 3, 25, label, 0.9, (2, 2, 2, 2))
    found = NanoDetItems(ScriptedModel(whole, empty_maps(), empty_maps())).find(plain(128))
    assert [item.box[1] == item.box[3] for item in found] == [True] * (label == PERSON)


def test_the_closer_look_goes_to_the_lower_part_of_the_candidate(plain):
    region = hands_and_desk((0.3, 0.1, 0.7, 0.9), plain(128))
    assert region.top > 0.3
    assert region.bottom > 0.9
    assert (region.left + region.right) / 2 == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("side_px", "taken"),
    [(0, 0), (208, 208), (340, 340), (350, 416), (490, 416), (510, 510), (700, 832), (990, 832), (1010, 1010)],
)
def test_a_square_of_almost_the_networks_own_size_is_taken_pixel_for_pixel(side_px, taken):
    assert pixel_for_pixel(side_px) == taken


def test_the_closer_look_shows_the_cameras_own_pixels():
    luma = np.random.default_rng(1).integers(16, 235, (720, 1280), np.uint8)
    grey = np.full((360, 640), 128, np.uint8)
    picture = Picture(luma, grey, grey)
    region = hands_and_desk((0.31, 0.17, 0.68, 0.92), picture)
    room = np.empty((416, 416, 3), np.uint8)
    put_into(room, picture, region)
    top, left = round(region.top * 720 / 2) * 2, round(region.left * 1280 / 2) * 2
    shown = cv2.cvtColor(
        np.concatenate([picture.cut(region).luma, np.full((208, 416), 128, np.uint8)]), cv2.COLOR_YUV2RGB_I420
    )
    assert (picture.cut(region).luma == luma[top : top + 416, left : left + 416]).all()
    assert (room == shown).all()


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_plain_picture_holds_nothing(items, plain, shade):
    assert [item for item in items.find(plain(shade)) if item.score >= 0.4] == []


@pytest.mark.media
def test_persons_and_laptops_are_found_where_they_are(items_model, media, read_picture):
    def seen(file):
        return {
            item.label for item in NanoDetItems(items_model).find(read_picture(media / file)) if item.score >= 0.4
        }

    assert "laptop" in seen("images/office/room_4.jpg")
    assert "person" in seen("images/negatives/asl_M_again_00.00.jpg")


def test_a_look_can_be_had_in_another_tone(plain):
    model = ScriptedModel(empty_maps())
    inverted = np.arange(255, -1, -1, dtype=np.uint8)
    assert NanoDet(model).look(plain(255, 600, 600), WHOLE, 0.3, inverted) == []
    assert model.batch.max() <= 2


def test_whole_numbers_are_compared_as_they_are_stored():
    maps = empty_maps()
    put(maps, 1, 10, 12, PHONE, 0.7, (1, 2, 3, 4))
    coarse = [Stored(np.round(output / 0.01 - 128).astype(np.int8)[None], 0.01, -128) for output in maps[:3]]
    sides = [Stored(np.round(output / 0.5).astype(np.int8)[None], 0.5, 0) for output in maps[3:]]
    boxes, scores, _ = decoded(coarse + sides, 0.7)
    assert boxes.tolist() == [[200 - 16, 168 - 32, 200 + 48, 168 + 64]]
    assert scores.tolist() == pytest.approx([0.7])
    assert decoded(coarse + sides, 0.705)[1].size == 0
