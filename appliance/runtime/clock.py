"""Time as a port, so that no test waits for it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final, Protocol

from proctoring.ledger import Stamp


class Clock(Protocol):
    """Where time comes from."""

    def mono_ms(self) -> int:
        """Milliseconds since an arbitrary point; never goes back within a boot; the same for all processes."""

    def utc_ms(self) -> int:
        """Milliseconds since 1970 by the wall clock, which may be wrong and may jump."""

    def cpu_ms(self) -> int:
        """Milliseconds of CPU time that this process has taken so far, all its threads together."""

    def boot(self) -> str:
        """Names the boot that `mono_ms` belongs to."""

    def wait(self, seconds: float) -> None:
        """Lets that much time pass."""


SIMULATED_BOOT: Final = "DESKPROCTOR_SIMULATED_BOOT"
"""An environment variable `<boot's name> <milliseconds>`: a boot that began when CLOCK_MONOTONIC stood there.

For tests that cut a desk's power without restarting the machine. No unit of a real desk sets it.
"""


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        simulated = os.environ.get(SIMULATED_BOOT, "").split()
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self._boot, began_ms = simulated or (kernel, "0")
        self._began_ms = int(began_ms)

    def mono_ms(self) -> int:
        """CLOCK_MONOTONIC, which all processes of a machine share."""
        return time.monotonic_ns() // 1_000_000 - self._began_ms

    def utc_ms(self) -> int:
        """The system's real-time clock."""
        return time.time_ns() // 1_000_000

    def cpu_ms(self) -> int:
        """CLOCK_PROCESS_CPUTIME_ID."""
        return time.process_time_ns() // 1_000_000

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
        self._cpu_ms = 0

    def mono_ms(self) -> int:
        """The simulated monotonic time."""
        return self._mono_ms

    def utc_ms(self) -> int:
        """The simulated wall time."""
        return self._utc_ms

    def cpu_ms(self) -> int:
        """The simulated CPU time."""
        return self._cpu_ms

    def boot(self) -> str:
        """The simulated boot."""
        return self._boot

    def wait(self, seconds: float) -> None:
        """Moves the clock on at once."""
        self.pass_ms(round(seconds * 1000))

    def work_ms(self, ms: int, cores: float = 1.0) -> None:
        """Lets time pass in which so many cores were busy with this process."""
        self.pass_ms(ms)
        self._cpu_ms += round(ms * cores)

    def pass_ms(self, ms: int) -> None:
        """Lets time pass on both clocks."""
        self._mono_ms += ms
        self._utc_ms += ms

    def step_ms(self, ms: int) -> None:
        """Somebody sets the wall clock; the monotonic one knows nothing of it."""
        self._utc_ms += ms

    def reboot(self, away_ms: int = 60_000) -> None:
        """The machine was off for a while: the monotonic clock starts anew."""
        self._utc_ms += away_ms
        self._mono_ms = 5_000
        self._boot += "+"


def stamp(clock: Clock) -> Stamp:
    """Now, by both clocks."""
    return Stamp(at_utc_ms=clock.utc_ms(), mono_ms=clock.mono_ms(), boot=clock.boot())
