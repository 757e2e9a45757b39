"""Which encoder makes the segments: the board's own where it has one, else libx264.

A Raspberry Pi 4 encodes H.264 in hardware, through the kernel's memory-to-memory devices (V4L2 M2M); a Pi 5 and
laptops do not. An encoder that fails in a session is not tried again in it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

from appliance.capture.ports import Writer
from appliance.capture.video import HARDWARE, SOFTWARE, VideoWriter, knows_encoder
from proctoring.policy import Recording

log = logging.getLogger(__name__)

DEVICES: Final = Path("/sys/class/video4linux")
ENCODES: Final = "codec-encode"
"""How the driver of the Pi's encoder ends its device's name: `bcm2835-codec-encode`."""


class Choice(StrEnum):
    """What the desk's settings ask for."""

    AUTO = "auto"
    HARDWARE = "hardware"
    SOFTWARE = "software"


Tell = Callable[[str, str], None]
"""Told the encoder's name, and why it is that one."""


def board_encodes(devices: Path = DEVICES) -> bool:
    """Whether this board has an H.264 encoder that this FFmpeg can use."""
    names = (path.read_text().strip() for path in devices.glob("*/name"))
    return knows_encoder(HARDWARE) and any(name.endswith(ENCODES) for name in names)


def chosen(choice: Choice, board: bool) -> tuple[str, str]:
    """The encoder's name, and why. One that was asked for and is not there costs no recording."""
    if choice is Choice.SOFTWARE:
        return SOFTWARE, "the settings ask for it"
    if board:
        return HARDWARE, "this board has it"
    asked = "; the settings ask for one" if choice is Choice.HARDWARE else ""
    return SOFTWARE, f"this board has no H.264 encoder of its own{asked}"


class Encoders:
    """See Writers: of one session."""

    def __init__(self, encoder: str = SOFTWARE, why: str = "", tell: Tell | None = None) -> None:
        self.encoder = encoder
        self._tell = tell
        self._say(why)

    def __call__(self, path: Path, settings: Recording) -> Writer:
        """See Writers."""
        return VideoWriter(path, settings, self.encoder)

    def fail(self, why: str) -> None:
        """See Writers."""
        if self.encoder == SOFTWARE:
            return
        failed, self.encoder = self.encoder, SOFTWARE
        log.error("%s failed: %s. %s takes over.", failed, why, SOFTWARE)
        self._say(f"{failed} failed: {why}")

    def _say(self, why: str) -> None:
        if self._tell:
            self._tell(self.encoder, why)
