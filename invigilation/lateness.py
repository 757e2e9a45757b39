"""How old a desk's fact is when it arrives, although the desk's clock may be wrong.

A desk without network time may be minutes off. The smallest difference between the console's clock and a desk's
fact, over a minute or more, is that error: a fact that was sent at once differs by nothing else. Facts sent again
after a break come in seconds, so they do not live long enough to be taken for the error.
"""

from __future__ import annotations

from typing import Final

LEARN_MS: Final = 60_000
"""How long facts are compared before their smallest difference counts as the desk's clock error."""

EARLIER_MS: Final = 10_000
"""A fact older than this at arrival is history: shown as earlier, not announced as happening."""


class Lateness:
    """Learns one desk's clock error from what arrives."""

    def __init__(self) -> None:
        self._learnt_ms: int | None = None
        self._least_ms: int | None = None
        self._since_ms = 0

    def age_ms(self, at_utc_ms: int, now_utc_ms: int) -> int:
        """How long ago a fact that says `at_utc_ms` happened, by the best guess so far."""
        apart_ms = now_utc_ms - at_utc_ms
        self._turn(now_utc_ms)
        self._least_ms = apart_ms if self._least_ms is None else min(self._least_ms, apart_ms)
        return apart_ms - self._error_ms()

    def _turn(self, now_utc_ms: int) -> None:
        if self._least_ms is None:
            self._since_ms = now_utc_ms
        elif not 0 <= now_utc_ms - self._since_ms < LEARN_MS:
            self._learnt_ms, self._least_ms, self._since_ms = self._least_ms, None, now_utc_ms

    def _error_ms(self) -> int:
        assert self._least_ms is not None
        # A fact from the future proves a fast clock at once; a late one alone proves nothing.
        return min(0 if self._learnt_ms is None else self._learnt_ms, self._least_ms)
