"""Time as a port: the console's two clocks, and one that a test moves."""

from __future__ import annotations

import time
from typing import Protocol

import msgspec


class Instant(msgspec.Struct, frozen=True):
    """A moment by the console's wall clock and by its monotonic clock."""

    utc_ms: int
    mono_ms: int


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> Instant:
        """This moment."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """This moment."""
        return Instant(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000)


class SimulatedClock:
    """A clock that a test moves."""

    def __init__(self, utc_ms: int = 1_800_000_000_000, mono_ms: int = 1_000_000) -> None:
        self._now = Instant(utc_ms, mono_ms)

    def now(self) -> Instant:
        """The simulated moment."""
        return self._now

    def pass_ms(self, ms: int) -> None:
        """Lets time pass on both clocks."""
        self._now = Instant(self._now.utc_ms + ms, self._now.mono_ms + ms)
