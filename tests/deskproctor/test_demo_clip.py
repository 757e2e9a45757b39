from __future__ import annotations

import zipfile
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.picture import from_rgb
from appliance.edge_ai.rules import FACES
from appliance.edge_ai.tflite import TFLiteRuntime
from deskproctor.demo_clip import (
    LENGTH_S,
    PORTRAITS,
    SCENES,
    SLIDE_S,
    STAYS,
    Cutout,
    NoPictures,
    Scene,
    describe,
    drawn,
    read_portrait,
    write,
)

WHEELS = Path(__file__).parents[2] / "build" / "pictures"


@pytest.fixture(scope="module")
def cutouts() -> dict[str, Cutout]:
    if not list(WHEELS.glob("*.whl")):
        pytest.skip(f"the wheels with the pictures are not in {WHEELS}; `make setup` fetches them")
    return {name: Cutout(portrait, read_portrait(WHEELS, portrait)) for name, portrait in PORTRAITS.items()}


@pytest.fixture(scope="module")
def finder() -> FullRangeFaces:
    return FullRangeFaces(TFLiteRuntime().load(Catalogue().path(FACES)))


def faces(finder: FullRangeFaces, picture: np.ndarray) -> int:
    return sum(face.score >= 0.6 for face in finder.find(from_rgb(picture[..., ::-1])))


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.from_s:g} s")
def test_the_detector_finds_the_faces_that_the_clip_says_it_has(cutouts, finder, scene: Scene) -> None:
    margin_s = SLIDE_S + 0.1
    for at_s in np.arange(scene.from_s + margin_s, scene.to_s - margin_s, 0.5):
        assert faces(finder, drawn(cutouts, at_s)) == scene.faces, f"at {at_s} s"


def test_it_is_never_frozen_while_somebody_is_there(cutouts) -> None:
    for at_s in (1.0, 9.0, 20.0):
        assert np.abs(drawn(cutouts, at_s).astype(int) - drawn(cutouts, at_s + 0.2)).max() > 20


def test_the_scenes_follow_each_other_and_agree_with_who_is_there() -> None:
    assert [scene.to_s for scene in SCENES] == [scene.from_s for scene in SCENES[1:]] + [LENGTH_S]
    for scene in SCENES:
        middle_s = (scene.from_s + scene.to_s) / 2
        assert sum(stay.from_s <= middle_s < stay.to_s for stay in STAYS) == scene.faces


def test_the_file_is_h264_of_the_right_size_and_pace(cutouts, tmp_path: Path) -> None:
    out = tmp_path / "clip.mp4"
    write((drawn(cutouts, number / 15) for number in range(30)), out)
    with av.open(str(out)) as file:
        stream = file.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 1280, 720)
        assert (stream.average_rate, stream.frames) == (15, 30)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_beside_the_clip_stands_what_is_in_it(tmp_path: Path) -> None:
    describe(tmp_path / "clip.mp4")
    said = msgspec.json.decode((tmp_path / "clip.json").read_bytes())
    assert said["length_s"] == LENGTH_S
    assert [scene["faces"] for scene in said["scenes"]] == [1, 2, 0, 1]


def test_a_missing_wheel_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoPictures, match="Run `make setup`"):
        read_portrait(tmp_path, PORTRAITS["visitor"])


@pytest.mark.parametrize(("name", "reason"), [("visitor", "is not the picture we know"), ("other", "holds no")])
def test_a_wheel_with_another_picture_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    portrait = PORTRAITS["visitor"]
    with zipfile.ZipFile(tmp_path / "matplotlib-1.whl", "w") as wheel:
        wheel.writestr(portrait.path if name == "visitor" else "other.jpg", b"something else")
    with pytest.raises(NoPictures, match=reason):
        read_portrait(tmp_path, portrait)


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "matplotlib-1.whl").write_bytes(b"not a zip")
    with pytest.raises(NoPictures, match="Delete it"):
        read_portrait(tmp_path, PORTRAITS["visitor"])
