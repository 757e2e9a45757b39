"""The tables [capture] and [second_camera] of the desk's settings, and the source that each asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from appliance.capture.encoders import Choice
from appliance.capture.microphone import AbsentMicrophone, AlsaMicrophone, FileMicrophone
from appliance.capture.picamera import PiCamera
from appliance.capture.ports import Microphone, Source
from appliance.capture.simulated import SimulatedCamera, SimulatedMicrophone
from appliance.capture.steady import Steady
from appliance.capture.usb_camera import UsbCamera
from appliance.capture.video_file import VideoFile
from appliance.runtime.clock import Clock
from appliance.runtime.settings import BadSettings


class CaptureSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the pictures come from and who gets how many."""

    source: Literal["picamera2", "usb", "video", "simulated"] = "picamera2"
    video: Path | None = None
    """For "video": the file."""
    loop: bool = False
    """For "video": whether it starts again at its end."""
    device: int | str = 0
    """For "usb" a number or a path, for "picamera2" a number."""
    camera: str = "front"
    """The camera's name in the record."""
    microphone: Literal["none", "alsa", "video", "simulated"] = "none"
    """Where sound comes from where an exam's policy wants it. "video" is the sound of the file."""
    sound_device: str = "default"
    """For "alsa": the device's name, as `arecord -L` lists them."""
    encoder: Choice = Choice.AUTO
    """"auto" takes the board's own H.264 encoder where it has one, and libx264 elsewhere."""
    offer_per_s: Annotated[float, Meta(gt=0, le=60)] = 10
    """How many pictures a second the other processes are offered."""


def chosen(settings: CaptureSettings, clock: Clock, patient: bool = False) -> Source:
    """The source that the settings name; a `patient` one is looked for where it is not there at first (see Steady).

    Raises BadSettings where they do not say enough.
    """
    match settings.source:
        case "video":
            if settings.video is None:
                raise BadSettings('A camera\'s table has source = "video" but no `video`. Name the file there.')
            return VideoFile(settings.video, clock, loop=settings.loop)
        case "usb":
            return Steady(UsbCamera(settings.device, clock), clock, patient)
        case "picamera2":
            return Steady(PiCamera(_number(settings.device), clock), clock, patient)
        case "simulated":
            return SimulatedCamera(clock)


def chosen_microphone(settings: CaptureSettings, clock: Clock) -> Microphone:
    """The microphone that the settings name. Raises BadSettings where they do not say enough."""
    match settings.microphone:
        case "video":
            if settings.video is None:
                raise BadSettings('[capture] has microphone = "video" but no `video`. Name the file there.')
            return FileMicrophone(settings.video, clock, loop=settings.loop)
        case "alsa":
            return AlsaMicrophone(settings.sound_device, clock)
        case "simulated":
            return SimulatedMicrophone(clock)
        case "none":
            return AbsentMicrophone()


def _number(device: int | str) -> int:
    if isinstance(device, int):
        return device
    raise BadSettings(
        f"A camera's table has source = \"picamera2\" and device = {device!r}. Give the camera's number, or 0."
    )
