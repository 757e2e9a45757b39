"""Fewer pictures where there are too many."""

from __future__ import annotations

TOLERANCE = 0.15
"""Share of an interval that a picture may come early: cameras jitter, and their times are whole milliseconds."""


class Pace:
    """Picks pictures so that there are at most `per_s` a second; a slower source is left as it is."""

    def __init__(self, per_s: float) -> None:
        self._interval_ms = 1000 / per_s
        self._due_ms: float | None = None

    def takes(self, at_ms: int) -> bool:
        """Whether the picture taken at `at_ms` is wanted. Times must not go back."""
        due_ms = at_ms if self._due_ms is None else self._due_ms
        if at_ms < due_ms - TOLERANCE * self._interval_ms:
            return False
        # Counting on from the plan, not from the picture, keeps 25 a second at 15 and not at 12.5.
        behind = at_ms - due_ms >= self._interval_ms
        self._due_ms = (at_ms if behind else due_ms) + self._interval_ms
        return True
