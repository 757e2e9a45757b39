"""Time as a port, so that no test waits for it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from proctoring.ledger import Stamp


class Clock(Protocol):
    """Where time comes from."""

    def mono_ms(self) -> int:
        """Milliseconds since an arbitrary point; never goes back within a boot; the same for all processes."""

    def utc_ms(self) -> int:
        """Milliseconds since 1970 by the wall clock, which may be wrong and may jump."""

    def boot(self) -> str:
        """Names the boot that `mono_ms` belongs to."""

    def wait(self, seconds: float) -> None:
        """Lets that much time pass."""


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self._boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def mono_ms(self) -> int:
        """CLOCK_MONOTONIC, which all processes of a machine share."""
        return time.monotonic_ns() // 1_000_000

    def utc_ms(self) -> int:
        """The system's real-time clock."""
        return time.time_ns() // 1_000_000

    def boot(self) -> str:
        """The kernel's boot id."""
        return self._boot

    def wait(self, seconds: float) -> None:
        """Sleeps."""
        time.sleep(seconds)


class SimulatedClock:
    """A clock that a test moves."""

    def __init__(self, mono_ms: int = 1_000_000, utc_ms: int = 1_800_000_000_000, boot: str = "boot-1") -> None:
        self._mono_ms = mono_ms
        self._utc_ms = utc_ms
        self._boot = boot

    def mono_ms(self) -> int:
        """The simulated monotonic time."""
        return self._mono_ms

    def utc_ms(self) -> int:
        """The simulated wall time."""
        return self._utc_ms

    def boot(self) -> str:
        """The simulated boot."""
        return self._boot

    def wait(self, seconds: float) -> None:
        """Moves the clock on at once."""
        self.pass_ms(round(seconds * 1000))

    def pass_ms(self, ms: int) -> None:
        """Lets time pass on both clocks."""
        self._mono_ms += ms
        self._utc_ms += ms

    def reboot(self, away_ms: int = 60_000) -> None:
        """The machine was off for a while: the monotonic clock starts anew."""
        self._utc_ms += away_ms
        self._mono_ms = 5_000
        self._boot += "+"


def stamp(clock: Clock) -> Stamp:
    """Now, by both clocks."""
    return Stamp(at_utc_ms=clock.utc_ms(), mono_ms=clock.mono_ms(), boot=clock.boot())
