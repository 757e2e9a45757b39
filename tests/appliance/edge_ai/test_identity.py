"""Who is who: the gate, the network itself, and photos of people who are known."""

import json
from itertools import combinations

import cv2
import numpy as np
import pytest

from appliance.edge_ai.identity import (
    IDENTITY,
    SAME_PERSON,
    Identity,
    NoReference,
    is_clear,
    is_well_placed,
    likeness,
    mean_of,
    nearest,
)
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.picture import array, from_rgb
from proctoring.errors import DeskproctorError
from proctoring.observation import Face


@pytest.fixture(scope="module")
def identity(runtime):
    return Identity(runtime.load(Catalogue().path(IDENTITY)))


@pytest.fixture(scope="module")
def room():
    noise = np.random.default_rng(0).integers(0, 255, (90, 160, 3)).astype(np.uint8)
    return from_rgb(cv2.resize(noise, (1280, 720), interpolation=cv2.INTER_CUBIC))


def frontal(eyes_px=60, nose_aside=0.0, mouth_below=1.1, score=0.9):
    """A face in the middle of a 1280x720 picture, upright; the nose and the mouth in distances of the eyes."""
    x, y = 640, 300
    nose, mouth = (x + nose_aside * eyes_px, y + 0.6 * eyes_px), (x, y + mouth_below * eyes_px)
    points = ((x - eyes_px / 2, y), (x + eyes_px / 2, y), nose, mouth)
    return Face(score, (0.4, 0.2, 0.6, 0.6), tuple((px / 1280, py / 720) for px, py in points))


class OneFace:
    def __init__(self, *faces):
        self.faces = faces

    def find(self, picture):
        del picture
        return self.faces


def test_an_embedding_is_128_numbers_of_length_one(identity, room):
    numbers = identity.embed(room, frontal())
    assert numbers.shape == (128,)
    assert np.linalg.norm(numbers) == pytest.approx(1, abs=1e-4)
    assert likeness(numbers, numbers) == 1


@pytest.mark.parametrize(
    "face",
    [
        frontal(eyes_px=7),
        frontal(nose_aside=0.8),
        frontal(nose_aside=-0.8),
        frontal(mouth_below=2.2),
        frontal(mouth_below=0.4),
        Face(0.9, (0.4, 0.2, 0.6, 0.6)),
    ],
    ids=["small", "turned right", "turned left", "points apart", "points together", "without points"],
)
def test_a_face_that_shows_too_little_is_not_compared(identity, room, face):
    assert is_well_placed(room, frontal())
    assert identity.embed(room, face) is None


def test_a_blurred_or_dark_cut_is_not_compared(room):
    cut = room.rgb(1280, 720)[200:350, 500:650]
    assert is_clear(cut)
    assert not is_clear(cv2.GaussianBlur(cut, (0, 0), 9))
    assert not is_clear((cut * 0.05).astype(np.uint8))
    assert not is_clear(np.full((150, 150, 3), 128, np.uint8))


def test_the_mean_of_several_looks_lies_between_them_with_length_one():
    mean = mean_of([array([1, 0]), array([0, 1])])
    assert mean.tolist() == pytest.approx([0.7071, 0.7071], abs=1e-4)


def test_faces_in_the_background_and_doubtful_ones_are_not_the_candidates():
    tall, half, small = (Face(0.9, (0, 0, 0.2, height)) for height in (0.4, 0.25, 0.1))
    doubtful = Face(0.3, (0, 0, 0.5, 0.9))
    assert nearest((small, tall, doubtful, half)) == (tall, half)
    assert nearest(()) == ()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((), "no face on this photo"),
        ((frontal(), frontal()), "2 faces on this photo"),
        ((frontal(eyes_px=5),), "too small"),
    ],
)
def test_a_photo_that_cannot_be_a_reference_is_refused_with_what_to_do(identity, room, found, said):
    with pytest.raises(NoReference, match=rf"{said}.*Take one") as refused:
        identity.reference(room, OneFace(*found))
    assert isinstance(refused.value, DeskproctorError)


@pytest.fixture(scope="module")
def people(media, identity, faces_model):
    """Embeddings of the labelled photos, by their file, with who they show."""
    from appliance.edge_ai.faces import FullRangeFaces

    finder = FullRangeFaces(faces_model)
    labels = json.loads((media / "labels.json").read_text())
    photos = {item["file"]: item["labels"]["identity"] for item in labels["items"] if item["type"] == "face"}
    embedded = {}
    for file in photos:
        photo = from_rgb(cv2.imread(str(media / file), cv2.IMREAD_COLOR_RGB))
        embedded[file] = identity.reference(photo, finder)
    return photos, embedded, labels["face_pairs"]


@pytest.mark.media
def test_people_are_told_apart_at_one_false_acceptance_in_a_hundred(people):
    who, embedded, _ = people
    pairs = [(who[a] == who[b], likeness(embedded[a], embedded[b])) for a, b in combinations(embedded, 2)]
    strangers = sorted((alike for same, alike in pairs if not same), reverse=True)
    limit = strangers[len(strangers) // 100]
    own = [alike for same, alike in pairs if same]
    assert np.mean([alike > limit for alike in own]) >= 0.98
    assert np.mean([alike >= SAME_PERSON for alike in own]) >= 0.98
    assert limit < SAME_PERSON


@pytest.mark.media
def test_nearly_every_labelled_pair_is_judged_right(people):
    _, embedded, pairs = people
    judged = [(likeness(embedded[pair["a"]], embedded[pair["b"]]) >= SAME_PERSON) == pair["same"] for pair in pairs]
    assert np.mean(judged) >= 0.97
