"""What a ledger says of its desk's clock, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from proctoring.fact import ClockMeasured, ClockStepped, Fact, SessionOpened

SAME_MS: Final = 100
"""Nobody reads a time of day more finely than this."""


def told(fact: ClockMeasured | ClockStepped) -> str:
    """One entry about the clock."""
    if isinstance(fact, ClockMeasured):
        return f"The desk's clock was compared with the server's: {_how_far(fact)}."
    to = "forward" if fact.by_ms > 0 else "back"
    return f"The desk's clock was set {to} by {length(fact.by_ms)}. Exam time does not depend on it."


def told_of_all(facts: Iterable[Fact]) -> str:
    """How far to believe the times of day of a session."""
    measured: ClockMeasured | None = None
    trusted, steps = True, 0
    for fact in facts:
        match fact:
            case SessionOpened():
                trusted = fact.clock_trusted
            case ClockMeasured():
                measured = fact
            case ClockStepped():
                steps += 1
    if measured is None:
        wrong = "" if trusted else " and known to be wrong: its times of day mean nothing"
        return f"Not compared with this server's{wrong}."
    was_set = f" It was set {'once' if steps == 1 else f'{steps} times'} in this session." if steps else ""
    return f"{_how_far(measured).capitalize()}; times of day are shown put right.{was_set}"


def length(ms: int) -> str:
    """A time span, in the unit that people would use."""
    seconds = abs(ms) / 1000
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _how_far(fact: ClockMeasured) -> str:
    if abs(fact.offset_ms) < max(SAME_MS, fact.uncertainty_ms):
        return f"it was right, give or take {fact.uncertainty_ms} ms"
    late = "behind" if fact.offset_ms > 0 else "ahead"
    return f"it was {length(fact.offset_ms)} {late}, give or take {fact.uncertainty_ms} ms"
