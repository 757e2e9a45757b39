"""How late the analysis was over a whole session, in a few kilobytes."""

from __future__ import annotations

from array import array
from math import ceil
from typing import Final

STEP_MS: Final = 5
MOST_MS: Final = 10_000
"""Whatever is later than this counts as this late."""


class Latencies:
    """Counts latencies in steps of 5 ms."""

    def __init__(self) -> None:
        self._counts = array("L", [0] * (MOST_MS // STEP_MS + 1))
        self._all = 0

    def add(self, latency_ms: int) -> None:
        """One more. A camera whose clock runs ahead of this one's is not late at all."""
        self._counts[min(max(0, latency_ms), MOST_MS) // STEP_MS] += 1
        self._all += 1

    def quantile(self, share: float) -> int | None:
        """The milliseconds that this share of all kept to, by the nearest rank; None where there was none."""
        left = ceil(share * self._all)
        for step, count in enumerate(self._counts):
            left -= count
            if count and left <= 0:
                return step * STEP_MS
        return None
