import json

import numpy as np
import pytest

from appliance.edge_ai.laptops import SSDLaptops
from appliance.edge_ai.objects import LABELS, NanoDet
from appliance.edge_ai.ports import Stored
from appliance.edge_ai.stills import StillItems, shown_from, shows
from proctoring.observation import Item

PHONE, PERSON, LAPTOP = (LABELS.index(label) for label in ("cell phone", "person", "laptop"))
BOX = (0.1, 0.1, 0.5, 0.5)


class ScriptedItems:
    """NanoDet's place: it says one thing after the other."""

    def __init__(self, *looks):
        self.looks = list(looks)
        self.brightness = []
        self.batch = np.zeros((1, 416, 416, 3), np.uint8)

    def room(self):
        return self.batch

    def stored(self):
        self.brightness.append(float(self.batch.mean()))
        return [Stored(output[None], 0.0, 0) for output in (self.looks.pop(0) if self.looks else maps())]


class NoLaptops:
    """The other network's place: it sees nothing."""

    def run(self, batch):
        return [np.zeros((1, 1917, 4), np.float32), np.full((1, 1917, 24), -20, np.float32)]


def maps(*seen):
    """NanoDet's maps with things in the middle: label and score."""
    grids = (52, 26, 13)
    empty = [np.zeros((n, n, 80), np.float32) for n in grids] + [np.zeros((n, n, 44), np.float32) for n in grids]
    for label, score in seen:
        empty[1][13, 13, label] = score
        empty[4][13, 13].reshape(4, 11)[:, 2] = 50.0
    return empty


def found(plain, *looks, **size):
    return StillItems(NanoDet(ScriptedItems(*looks)), SSDLaptops(NoLaptops())).find(plain(90, **size))


SQUARE = {"width": 600, "height": 600}


def test_a_score_is_the_mean_of_both_tones(plain):
    (phone,) = found(plain, maps((PHONE, 0.5)), maps((PHONE, 0.3)), **SQUARE)
    assert (phone.label, phone.score) == ("cell phone", pytest.approx(0.4))


def test_what_one_tone_alone_shows_counts_half(plain):
    (phone,) = found(plain, maps((PHONE, 0.7)), maps(), **SQUARE)
    assert phone.score == pytest.approx(0.35)
    assert found(plain, maps((PHONE, 0.4)), maps(), **SQUARE) == ()


def test_the_second_tone_is_darker(plain):
    model = ScriptedItems()
    StillItems(NanoDet(model), SSDLaptops(NoLaptops())).find(plain(90, **SQUARE))
    as_it_is, darker = model.brightness
    assert darker < as_it_is


def test_a_laptop_is_what_the_other_network_says_not_what_this_one_says(plain):
    assert found(plain, maps((LAPTOP, 0.9)), maps((LAPTOP, 0.9)), **SQUARE) == ()


def test_squares_are_looked_at_as_well_but_persons_come_from_the_whole_alone(plain):
    nothing, better = maps(), maps((PHONE, 0.5), (PERSON, 0.9))
    (phone,) = found(plain, nothing, nothing, better, nothing, nothing, nothing, better, nothing)
    assert (phone.label, phone.score) == ("cell phone", pytest.approx(0.5))


def test_a_laptop_is_shown_from_a_lower_score_for_its_network_is_another():
    assert shown_from("laptop") < shown_from("cell phone") == shown_from("book")
    assert shows(Item("laptop", 0.3, BOX))
    assert not shows(Item("cell phone", 0.3, BOX))
    assert shows(Item("cell phone", 0.37, BOX))


@pytest.fixture
def stills(items_model):
    """The real NanoDet; laptops have tests of their own."""
    return StillItems(NanoDet(items_model), SSDLaptops(NoLaptops()))


def photos(media):
    return [item for item in json.loads((media / "labels.json").read_text())["items"] if item["type"] == "image"]


@pytest.mark.media
def test_no_photo_without_a_phone_shows_one(stills, media, read_picture):
    without = [item["file"] for item in photos(media) if item["labels"].get("cell_phone") is False]
    assert len(without) > 50
    # Every third will do here; `deskproctor evaluate` looks at them all.
    seen = {file: stills.find(read_picture(media / file)) for file in without[::3]}
    assert [
        file for file, items in seen.items() for item in items if item.label == "cell phone" and shows(item)
    ] == []


@pytest.mark.media
def test_phones_on_labelled_desks_are_found_and_nothing_else_is_one(stills, media, read_picture):
    desks = {item["file"]: item["labels"] for item in photos(media) if item["file"].startswith("images/desk/")}
    for file, labels in desks.items():
        seen = stills.find(read_picture(media / file))
        assert any(shows(item) for item in seen if item.label == "cell phone") is labels["cell_phone"], file
