"""What the review server needs of the world besides its broker (see messaging.ports)."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def utc_ms(self) -> int:
        """Milliseconds since 1970."""


class Stop(Protocol):
    """Told when the program is to end; threading.Event is one."""

    def wait(self, timeout: float | None = None) -> bool:
        """Waits that many seconds or until told to stop, and says which."""
