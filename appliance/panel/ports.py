"""What the panel needs from the outside."""

from __future__ import annotations

from typing import Protocol

from appliance.panel.lamp import Colour
from proctoring.wire import MoveLid, PressCall

Happening = PressCall | MoveLid


class Board(Protocol):
    """Lamp, call button and lid switch."""

    def show(self, lights: frozenset[Colour]) -> None:
        """Lights exactly these."""

    def take(self) -> list[Happening]:
        """What happened since the last call, in order."""

    def lid_open(self) -> bool:
        """Whether the case is open now."""
