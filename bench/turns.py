"""Ours and a bare peer measured in turns, so that what else the machine does weighs on both alike.

A key that ends in `_over_bare` (or `_over_invoke`) is our cost divided by the peer's: less is better, 1 is a draw. It
is the median of the rounds' own ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Turns(NamedTuple):
    """What each round cost, in seconds."""

    ours: list[float]
    bare: list[float]

    @property
    def ours_s(self) -> float:
        """Seconds of a usual round of ours."""
        return statistics.median(self.ours)

    @property
    def bare_s(self) -> float:
        """Seconds of a usual round of the peer's."""
        return statistics.median(self.bare)

    @property
    def over_bare(self) -> float:
        """Our cost in the peer's."""
        return statistics.median(ours / bare for ours, bare in zip(self.ours, self.bare, strict=True))


def in_turn(
    rounds: int,
    ours: Callable[[], object],
    bare: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> Turns:
    """Runs both `rounds` times, one after the other, on a clock that gives seconds."""
    pairs = [(seconds(ours, clock), seconds(bare, clock)) for _ in range(rounds)]
    return Turns([pair[0] for pair in pairs], [pair[1] for pair in pairs])


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """What `work` costs."""
    began = clock()
    work()
    return clock() - began
