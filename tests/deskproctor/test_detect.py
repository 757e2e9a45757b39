from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from appliance.capture.video import VideoReader
from deskproctor.command import Plainly
from deskproctor.detect import Detectors, detect
from deskproctor.photo import read_photo


def run(*arguments: object) -> Result:
    group = Plainly()
    group.add_command(detect)
    return CliRunner().invoke(group, ["detect", *map(str, arguments)])


@pytest.fixture(scope="module")
def photo(demo_clip, tmp_path_factory) -> Path:
    """The demo clip's first picture, which shows one face."""
    reader = VideoReader(demo_clip)
    still = reader.next()
    reader.close()
    path = tmp_path_factory.mktemp("photos") / "one_face.png"
    cv2.imwrite(str(path), still.picture.to_ndarray(format="bgr24"))
    return path


def test_each_photo_becomes_a_line_with_boxes_in_pixels(photo) -> None:
    result = run("--jsonl", photo)
    assert result.exit_code == 0, result.output
    seen = json.loads(result.stdout)
    assert list(seen) == ["file", "width", "height", "faces", "objects"]
    (face,) = seen["faces"]
    assert list(face) == ["box", "score", "yaw_deg", "pitch_deg"]
    left, top, right, bottom = face["box"]
    assert 0 <= left < right <= seen["width"] and 0 <= top < bottom <= seen["height"] and right > 10


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_done(photo, tmp_path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    result = run("--jsonl", bad, photo)
    assert result.exit_code == 1
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == [str(photo)]
    assert [line for line in result.stderr.splitlines() if line.startswith("Error:")] == [
        f"Error: The photo {bad} is empty. Copy it again from where it came from."
    ]


def test_without_jsonl_it_speaks_to_people(photo) -> None:
    assert f"{photo}: 1 faces" in run(photo).stdout


def test_a_higher_threshold_leaves_less(photo) -> None:
    assert json.loads(run("--jsonl", "--faces-from", "1.0", photo).stdout)["faces"] == []


def test_a_grey_copy_still_shows_its_face(photo, tmp_path) -> None:
    grey = tmp_path / "grey.jpg"
    cv2.imwrite(str(grey), cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE))
    assert len(json.loads(run("--jsonl", grey).stdout)["faces"]) == 1


def test_what_was_seen_in_one_photo_has_no_effect_on_the_next(photo, tmp_path) -> None:
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), np.random.default_rng(2).integers(0, 255, (480, 640, 3), np.uint8))
    detectors = Detectors()
    first = detectors.see(read_photo(photo))
    before = detectors.see(read_photo(empty))
    assert (detectors.see(read_photo(photo)), Detectors().see(read_photo(empty))) == (first, before)


def test_a_face_that_fills_the_photo_is_counted(media) -> None:
    photos = sorted((media / "faces").glob("*.jpg"))[:6]
    seen = [json.loads(line) for line in run("--jsonl", *photos).stdout.splitlines()]
    assert [len(line["faces"]) for line in seen] == [1] * len(photos)
