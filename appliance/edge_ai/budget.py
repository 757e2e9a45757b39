"""How much of the machine the analysis may take, and at which level it has to work to keep to that.

Pure: it is told after each frame what was spent, and answers when the level changes. It gives way quickly and comes
back slowly: one level down after each window that was too much, one level up after a calm that has to last longer
each time it proved too short.
"""

from __future__ import annotations

from math import ceil
from statistics import fmean
from typing import Final, NamedTuple

from appliance.edge_ai.schedule import ORDER, USUAL, Rates

WINDOW_MS: Final = 3000
"""Long enough for a share that means something, short enough to be at the lowest level within 15 s."""

LATE_MS: Final = 250
"""Two pauses at eight frames a second: an analysis that is later than this on average has lost every second frame."""

CALM: Final = 0.7
"""Below this share of both limits there may be room for more: what one level leaves out is seldom a third."""

PATIENCE_MS: Final = 30_000
MOST_PATIENCE_MS: Final = 600_000
"""How long it must be calm before more is tried: at first, and where each try has failed."""

TRIAL_MS: Final = 60_000
"""Pressure that comes back within this after a try means that the try was too early; after it, that the try held."""


class Reading(NamedTuple):
    """What stands when a frame has been analysed, in milliseconds."""

    at_ms: int
    """Now, on a clock that never goes back."""
    cpu_ms: int
    """CPU time of the whole process so far, all its threads together."""
    latency_ms: int
    """From the moment the frame was taken until now."""


class Step(NamedTuple):
    """A change of level, with its reason in plain words."""

    level: int
    was: int
    reason: str


class Budget:
    """Spends at most `cpu_share` (0 to 1) of the `cores` that the process may run on, at `rates` or less."""

    def __init__(self, cpu_share: float, cores: int, rates: Rates = USUAL) -> None:
        self.rates = rates
        self._cpu_share = cpu_share
        self._cores = cores
        self._window: Window | None = None
        self._calm_ms = 0
        self._patience_ms = PATIENCE_MS
        self._tried_ms: int | None = None
        self.level = 0

    def rest(self) -> None:
        """Nothing is analysed for a while: what has been measured so far is left unjudged."""
        self._window = None

    def feed(self, reading: Reading) -> Step | None:
        """The change of level that this reading leads to, if any."""
        if self._window is None:
            self._window = Window(reading)
            return None
        self._window.add(reading)
        if self._window.length_ms < WINDOW_MS:
            return None
        window, self._window = self._window, Window(reading)
        return self._judge(window, reading.at_ms)

    def _judge(self, window: Window, at_ms: int) -> Step | None:
        if self._tried_ms is not None and at_ms - self._tried_ms > TRIAL_MS:
            self._patience_ms, self._tried_ms = PATIENCE_MS, None
        share, late_ms = window.cpu_share(self._cores), window.late_ms
        reason = self._too_much(share, late_ms)
        if reason:
            return self._give_way(reason)
        is_calm = share < CALM * self._cpu_share and late_ms < CALM * LATE_MS
        self._calm_ms = self._calm_ms + window.length_ms if is_calm else 0
        return self._try_more(at_ms) if self._calm_ms >= self._patience_ms else None

    def _too_much(self, share: float, late_ms: int) -> str:
        if share > self._cpu_share:
            return f"The detectors took {share:.0%} of the processor; {self._cpu_share:.0%} is theirs."
        if late_ms > LATE_MS:
            return f"The machine was busy: frames were analysed {late_ms} ms late, more than {LATE_MS} ms."
        return ""

    def _give_way(self, reason: str) -> Step | None:
        if self._tried_ms is not None:
            self._patience_ms = min(2 * self._patience_ms, MOST_PATIENCE_MS)
        self._calm_ms, self._tried_ms = 0, None
        return self._go_to(self.level + 1, reason) if self.level < len(ORDER) else None

    def _try_more(self, at_ms: int) -> Step | None:
        self._calm_ms = 0
        if self.level == 0:
            return None
        self._tried_ms = at_ms
        return self._go_to(self.level - 1, "There was time to spare again.")

    def _go_to(self, level: int, reason: str) -> Step:
        step = Step(level, self.level, reason)
        self.level = level
        return step


class Window:
    """Readings of a few seconds."""

    def __init__(self, first: Reading) -> None:
        self._first = self._last = first
        self._latencies_ms: list[int] = []

    def add(self, reading: Reading) -> None:
        """The next reading."""
        self._last = reading
        self._latencies_ms.append(reading.latency_ms)

    @property
    def length_ms(self) -> int:
        """From the first reading to the last."""
        return self._last.at_ms - self._first.at_ms

    @property
    def late_ms(self) -> int:
        """The mean latency, one slow frame in twenty left out: a hiccup is no load, and a few dear looks are none."""
        ordered = sorted(self._latencies_ms)
        return round(fmean(ordered[: ceil(0.95 * len(ordered))]))

    def cpu_share(self, cores: int) -> float:
        """Of all `cores`, 0 to 1."""
        return (self._last.cpu_ms - self._first.cpu_ms) / (self.length_ms * cores)
