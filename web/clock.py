"""Time as a port: the clocks of the machine that serves a face, and ones that a test moves."""

from __future__ import annotations

import time
from typing import Protocol

import msgspec


class Instant(msgspec.Struct, frozen=True):
    """A moment by the wall clock and by the monotonic clock."""

    utc_ms: int
    mono_ms: int


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> Instant:
        """This moment."""

    def utc_ms(self) -> int:
        """Milliseconds since 1970."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """This moment."""
        return Instant(self.utc_ms(), time.monotonic_ns() // 1_000_000)

    def utc_ms(self) -> int:
        """The system's real-time clock."""
        return time.time_ns() // 1_000_000


class SimulatedClock:
    """Clocks that stand still until a test moves them."""

    def __init__(self, utc_ms: int = 1_800_000_000_000, mono_ms: int = 1_000_000) -> None:
        self._now = Instant(utc_ms, mono_ms)

    def now(self) -> Instant:
        """The simulated moment."""
        return self._now

    def utc_ms(self) -> int:
        """The simulated time of day."""
        return self._now.utc_ms

    def pass_ms(self, ms: int) -> None:
        """Lets time pass on both clocks."""
        self._now = Instant(self._now.utc_ms + ms, self._now.mono_ms + ms)
