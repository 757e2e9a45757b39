"""A clock that a test moves. The simulated broker is in messaging.simulated."""

from __future__ import annotations


class SimulatedClock:
    """Stands still until told otherwise."""

    def __init__(self, utc_ms: int = 1_800_000_000_000) -> None:
        self._utc_ms = utc_ms

    def utc_ms(self) -> int:
        """The simulated time."""
        return self._utc_ms

    def pass_ms(self, ms: int) -> None:
        """Lets time pass at once."""
        self._utc_ms += ms
