"""What the recorder of the camera needs from outside itself."""

from __future__ import annotations

from typing import Protocol

from appliance.runtime.frames import Frame
from proctoring.errors import DeskproctorError


class NoCamera(DeskproctorError, OSError):
    """The camera that the settings name is not there or cannot be used."""


class Source(Protocol):
    """Where pictures come from. One thread only."""

    def open(self) -> None:
        """Makes it ready. Raises NoCamera, or for a file VideoUnusable, with what to do."""

    def begin(self, zero_mono_ms: int | None) -> None:
        """Tells the session's zero, None where none is running. A camera does not mind; a recording plays from it."""

    def next(self, patience_s: float) -> Frame | None:
        """The next picture, with even sides; None where none came within about `patience_s`.

        `mono_ms` is when it was taken and never goes back; `number` counts up.
        """

    @property
    def ended(self) -> str | None:
        """Why there will be no more pictures; None while there may be."""

    def close(self) -> None:
        """Gives it back. Closing twice is fine."""


class Window(Protocol):
    """Where readers see the newest picture."""

    def offer(self, frame: Frame) -> None:
        """Offers the newest picture; never waits."""
