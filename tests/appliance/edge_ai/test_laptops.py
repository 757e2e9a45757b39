import json

import numpy as np
import pytest

from appliance.edge_ai.laptops import ANCHORS, COLUMN, SSDLaptops, in_picture, is_outlined, laptops_of
from appliance.edge_ai.picture import Placement, Region
from appliance.edge_ai.stills import shows

NOTHING = -20.0


def outputs(*laptops):
    """What the network says: (anchor, logit, four codes) for each laptop and nothing elsewhere."""
    codes, logits = np.zeros((1, 1917, 4), np.float32), np.full((1, 1917, 24), NOTHING, np.float32)
    for place, logit, code in laptops:
        logits[0, place, COLUMN], codes[0, place] = logit, code
    return [codes, logits]


class ScriptedModel:
    """A network that says one thing after the other, and nothing when it has no more to say."""

    def __init__(self, *looks):
        self.looks = list(looks)
        self.batches = []

    def run(self, batch):
        self.batches.append(batch)
        return self.looks.pop(0) if self.looks else outputs()


def anchor_of(x, y, side):
    """The anchor with about this middle and, twice as wide as high or a square, this width."""
    return int(np.abs(ANCHORS - [y, x, side, side]).sum(1).argmin())


def test_there_is_an_anchor_for_every_place_of_every_map():
    assert ANCHORS.shape == (19 * 19 * 3 + (10 * 10 + 5 * 5 + 3 * 3 + 2 * 2 + 1) * 6, 4)
    assert ANCHORS[0].tolist() == pytest.approx([0.5 / 19, 0.5 / 19, 0.1, 0.1])
    assert ANCHORS[1, 3] / ANCHORS[1, 2] == pytest.approx(2)
    assert ANCHORS[-1].tolist() == pytest.approx([0.5, 0.5, 0.95**0.5, 0.95**0.5])


def test_a_box_is_its_anchor_moved_by_tenths_of_its_sides_and_grown_by_fifths_of_a_power_of_e():
    place = anchor_of(0.5, 0.5, 0.35)
    down, across, tall, wide = ANCHORS[place]
    boxes, scores = laptops_of(outputs((place, 2.0, (1, -2, 5 * np.log(1.5), 0))), 0.3)
    assert scores.tolist() == pytest.approx([1 / (1 + np.exp(-2.0))])
    middle_y, middle_x = down + 0.1 * tall, across - 0.2 * wide
    expected = [middle_x - wide / 2, middle_y - 0.75 * tall, middle_x + wide / 2, middle_y + 0.75 * tall]
    assert boxes[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_the_order_of_the_outputs_does_not_matter_and_what_is_below_the_floor_is_left_out():
    said = outputs((anchor_of(0.5, 0.5, 0.35), 0.0, (0, 0, 0, 0)))
    assert laptops_of(said, 0.4)[0].tolist() == laptops_of(said[::-1], 0.4)[0].tolist()
    assert laptops_of(said, 0.6)[1].size == 0


def test_what_fills_a_look_is_no_thing_with_an_outline():
    boxes = np.float32([[0.2, 0.2, 0.8, 0.8], [0, 0.2, 0.8, 0.8], [0, 0.2, 1, 0.8], [0, 0, 1, 1]])
    assert is_outlined(boxes).tolist() == [True, True, False, False]


def test_a_box_in_a_region_lies_in_the_picture_and_not_beyond_its_edge():
    right_top = Placement(Region(0.5, 0.0, 1.0, 0.5), 0, 0, 300, 300)
    (box,) = in_picture(np.float32([[0.5, 0.5, 1.2, 1.0]]), right_top).tolist()
    assert box == pytest.approx([0.75, 0.25, 1.0, 0.5])


def test_a_still_is_looked_at_in_two_tones_and_from_both_sides_and_the_best_look_counts(plain):
    # Of four looks at a square picture: as it is, turned round, darker, darker and turned round.
    place = anchor_of(0.25, 0.25, 0.35)
    sure, unsure = outputs((place, 2.0, (0, 0, 0, 0))), outputs((place, 0.0, (0, 0, 0, 0)))
    model = ScriptedModel(unsure, outputs(), sure, unsure)
    upright, turned = SSDLaptops(model).find(plain(200, 600, 600))
    assert (upright.label, upright.score) == ("laptop", pytest.approx(0.8808, abs=1e-4))
    assert turned.score == 0.5
    assert [a + b for a, b in zip(upright.box[:2], turned.box[2:], strict=True)] == pytest.approx([1, 1], abs=1e-5)
    as_it_is, _, darker, _ = (float(batch.mean()) for batch in model.batches)
    assert darker < as_it_is


def test_a_wide_picture_is_looked_at_whole_in_squares_and_in_its_own_shape(plain):
    model = ScriptedModel()
    assert SSDLaptops(model).find(plain(90)) == ()
    assert [batch.shape for batch in model.batches] == [(1, 300, 300, 3)] * 20
    # Black above and below the picture, in both tones.
    assert [bool(batch[0, 0].max() == -1) for batch in model.batches] == [False] * 16 + [True] * 4
    assert all(-1 <= batch.min() <= batch.max() <= 1 for batch in model.batches)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_plain_picture_holds_no_laptop(laptops, plain, shade):
    assert [item for item in laptops.find(plain(shade)) if shows(item)] == []


@pytest.mark.media
def test_four_of_five_labelled_laptops_are_found_where_they_are(laptops, media, read_picture):
    labelled = [item for item in json.loads((media / "labels.json").read_text())["items"] if item["type"] == "image"]
    files = [item["file"] for item in labelled if item["labels"].get("laptop") is True]
    found = [file for file in files if any(map(shows, laptops.find(read_picture(media / file))))]
    assert len(files) > 8
    assert len(found) >= 0.8 * len(files), sorted(set(files) - set(found))
