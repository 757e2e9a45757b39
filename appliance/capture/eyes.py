"""Which of a desk's cameras a capture process films with: one process, and one that waits, for each camera."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import msgspec

from appliance.capture.settings import CaptureSettings
from appliance.runtime.arguments import with_settings
from appliance.runtime.frames import Frame
from appliance.runtime.settings import BadSettings, Desk, load
from proctoring.fact import Part


class Eye(msgspec.Struct, frozen=True):
    """A camera's place at the desk: the part of its process, its table, and what marks its files."""

    part: Part
    table: str
    mark: str


FIRST: Final = Eye(Part.CAPTURE, "capture", "")
"""Faces the candidate. The detectors see its pictures, and the desk's microphone goes with it."""

SECOND: Final = Eye(Part.CAPTURE_SECOND, "second_camera", "second~")
"""Is recorded and nothing else: no detector sees its pictures."""

DEVICES: Final = frozenset({"usb", "picamera2"})
"""Sources that are devices, which one process alone can open."""

EYES: Final = {"first": FIRST, "second": SECOND}


class NoWindow:
    """See Window: nobody looks."""

    def offer(self, frame: Frame) -> None:
        """Nothing to do."""


def asked_for(description: str) -> tuple[Path, Eye]:
    """The settings' path and the camera, as the command line names them."""
    parser = with_settings(argparse.ArgumentParser(description=description))
    parser.add_argument("--camera", choices=sorted(EYES), default="first", help="which of the desk's cameras films")
    given = parser.parse_args()
    return given.settings, EYES[given.camera]


def settings_of(eye: Eye, path: Path) -> tuple[Desk, CaptureSettings]:
    """The desk, and that camera's table. Raises BadSettings where the table cannot be used."""
    desk, settings = load(path, eye.table, CaptureSettings)
    if eye is SECOND:
        _check_second(desk, settings, path)
    return desk, settings


def _check_second(desk: Desk, settings: CaptureSettings, path: Path) -> None:
    if desk.second_camera is None:
        raise BadSettings(f"{path} has no table [second_camera]. Add it, or do not start --camera second.")
    if settings.microphone != "none":
        raise BadSettings("[second_camera] records no sound. Name the microphone in [capture].")
    _, first = load(path, FIRST.table, CaptureSettings)
    if settings.source in DEVICES and (settings.source, _device(settings)) == (first.source, _device(first)):
        raise BadSettings(
            f"In {path} both cameras are the device {settings.device!r}. "
            "Name the second one's `device` in [second_camera]."
        )


def _device(settings: CaptureSettings) -> str:
    return str(settings.device).removeprefix("/dev/video")
