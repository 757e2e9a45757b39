from __future__ import annotations

from pathlib import Path

import pytest

from appliance.capture.encoders import Choice, Encoders, board_encodes, chosen
from appliance.capture.tapes import Tapes
from appliance.capture.video import HARDWARE, SOFTWARE, knows_encoder
from proctoring.wire import ReportEncoder


def board(folder: Path, *names: str) -> Path:
    """A /sys/class/video4linux with devices of these names."""
    for number, name in enumerate(names):
        (folder / f"video{number}").mkdir()
        (folder / f"video{number}" / "name").write_text(f"{name}\n")
    return folder


def test_a_raspberry_pi_4_has_an_encoder(tmp_path: Path) -> None:
    pi_4 = board(tmp_path, "unicam-image", "bcm2835-codec-decode", "bcm2835-codec-encode", "bcm2835-isp-output0")
    assert board_encodes(pi_4) == knows_encoder(HARDWARE)
    assert knows_encoder(SOFTWARE)


@pytest.mark.parametrize(
    "names", [(), ("rp1-cfe-csi2_ch0", "pispbe-input", "rpi-hevc-dec"), ("HD Webcam: HD Webcam",)]
)
def test_a_raspberry_pi_5_and_a_laptop_have_none(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert not board_encodes(board(tmp_path, *names))


def test_without_any_video_device_there_is_none(tmp_path: Path) -> None:
    assert not board_encodes(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("choice", "has_one", "encoder", "why"),
    [
        (Choice.AUTO, True, HARDWARE, "this board has it"),
        (Choice.AUTO, False, SOFTWARE, "this board has no H.264 encoder of its own"),
        (Choice.HARDWARE, True, HARDWARE, "this board has it"),
        (Choice.HARDWARE, False, SOFTWARE, "no H.264 encoder of its own; the settings ask for one"),
        (Choice.SOFTWARE, True, SOFTWARE, "the settings ask for it"),
    ],
)
def test_the_board_and_the_settings_choose(choice: Choice, has_one: bool, encoder: str, why: str) -> None:
    name, reason = chosen(choice, has_one)
    assert name == encoder
    assert why in reason


def test_libx264_that_fails_is_made_anew_and_nothing_else_is_tried() -> None:
    told: list[tuple[str, str]] = []
    encoders = Encoders(SOFTWARE, "no other", lambda *said: told.append(said))
    encoders.fail("no memory")
    assert encoders.encoder == SOFTWARE
    assert told == [(SOFTWARE, "no other")]


def test_each_session_is_told_its_encoder(incoming, settings) -> None:
    told: list[object] = []
    tapes = Tapes(incoming, told.append, encoder=(SOFTWARE, "this board has no other"))
    tapes("a", settings, 0)
    tapes("b", settings, 0)
    assert told == [
        ReportEncoder(session=name, encoder=SOFTWARE, reason="this board has no other") for name in ("a", "b")
    ]
