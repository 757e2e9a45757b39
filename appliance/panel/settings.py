"""The `[panel]` table of the desk's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec


class PanelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the panel reaches its pins."""

    pin_factory: Literal["auto", "lgpio", "mock"] = "auto"
    """gpiozero's way to the pins; `auto` is lgpio on a Raspberry Pi and gpiozero's mock pins elsewhere."""
    pin_map: Path | None = None
    """A pin map of one's own; None for the one that ships."""
