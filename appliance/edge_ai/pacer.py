"""Keeps a detector to its pace: it looks at the frame that is nearest to the plan."""

from __future__ import annotations

from typing import Final

# Half of the time between two frames at the usual eight a second.
EARLY_MS: Final = 60


class Pacer:
    """Tells when a look is due and remembers the last one. Time that goes back is a new session's, from zero."""

    def __init__(self) -> None:
        self._last_ms: int | None = None

    def is_due(self, at_ms: int, pause_ms: float) -> bool:
        """Whether the frame taken at `at_ms` is to be looked at, with about `pause_ms` since the last look."""
        if self._last_ms is None or at_ms < self._last_ms:
            return True
        return at_ms - self._last_ms >= pause_ms - EARLY_MS

    def took(self, at_ms: int) -> None:
        """A look was taken at this frame."""
        self._last_ms = at_ms

    def takes(self, at_ms: int, pause_ms: float) -> bool:
        """Whether a look is due at this frame, which is then taken."""
        due = self.is_due(at_ms, pause_ms)
        if due:
            self.took(at_ms)
        return due
