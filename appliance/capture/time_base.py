"""Holds the times that a camera gives its pictures to the desk's own clock."""

from __future__ import annotations

from typing import Final

import msgspec

from proctoring.wire import FrameHead

JUMP_MS: Final = 1000
"""What is further off is no jitter: a picture from the future, or from so long before the one that came last."""


class TimeBase:
    """A camera's clock that jumps is set right by what it jumped, until it jumps again.

    An old picture alone is no jump: drivers hold a few while nobody asks for them.
    """

    def __init__(self) -> None:
        self._shift_ms = 0
        self._last_ms: int | None = None

    def set_right(self, head: FrameHead, now_ms: int) -> tuple[FrameHead, int]:
        """The head with its time on the desk's clock, and by how much the camera's has just jumped, mostly 0."""
        taken_ms, jump_ms = head.mono_ms + self._shift_ms, 0
        if taken_ms > now_ms + JUMP_MS or (self._last_ms is not None and taken_ms < self._last_ms - JUMP_MS):
            jump_ms = taken_ms - now_ms
            self._shift_ms -= jump_ms
            taken_ms = now_ms
        self._last_ms = taken_ms
        return (msgspec.structs.replace(head, mono_ms=taken_ms) if self._shift_ms else head), jump_ms
