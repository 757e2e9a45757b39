"""What the review server needs of the world besides its broker (messaging.ports) and its clock (web.clock)."""

from __future__ import annotations

from typing import Protocol


class Stop(Protocol):
    """Told when the program is to end; threading.Event is one."""

    def wait(self, timeout: float | None = None) -> bool:
        """Waits that many seconds or until told to stop, and says which."""
