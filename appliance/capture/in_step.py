"""Puts pictures and sound into the order of their times: each waits until the other has come so far.

A segment can then be cut at a picture, and the sound up to there is in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from appliance.capture.ports import Tape
from appliance.runtime.frames import Frame
from appliance.runtime.sounds import Sound
from proctoring.segment import EndedBy

HOLD_MS: Final = 300
"""Nothing waits longer: a microphone that falls silent must not hold up the pictures. Sound is some 50 ms late, on a
busy machine 200."""

Steps = deque[tuple[int, Callable[[], None]]]


class InStep:
    """See Tape; for a session with a microphone."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._pictures: Steps = deque()
        self._sounds: Steps = deque()

    def add(self, frame: Frame, at_ms: int) -> None:
        """See Tape."""
        self._pictures.append((at_ms, partial(self._tape.add, frame, at_ms)))
        self._pass_on(at_ms)

    def hear(self, sound: Sound, at_ms: int) -> None:
        """See Tape."""
        self._sounds.append((at_ms, partial(self._tape.hear, sound, at_ms)))
        self._pass_on(at_ms)

    def miss(self, at_ms: int) -> None:
        """See Tape."""
        self._tape.miss(at_ms)

    def fault(self, reason: str) -> None:
        """See Tape."""
        self._pass_all()
        self._tape.fault(reason)

    def mute(self, reason: str) -> None:
        """See Tape."""
        self._tape.mute(reason)

    def look(self, now_ms: int) -> None:
        """See Tape."""
        self._pass_on(now_ms)
        self._tape.look(now_ms)

    def stop(self, now_ms: int, why: EndedBy) -> None:
        """See Tape."""
        self._pass_all()
        self._tape.stop(now_ms, why)

    def _pass_on(self, now_ms: int) -> None:
        while (first := self._first()) and (self._both() or first[0][0] < now_ms - HOLD_MS):
            first.popleft()[1]()

    def _pass_all(self) -> None:
        while first := self._first():
            first.popleft()[1]()

    def _both(self) -> bool:
        return bool(self._pictures and self._sounds)

    def _first(self) -> Steps | None:
        waiting = [steps for steps in (self._pictures, self._sounds) if steps]
        return min(waiting, key=lambda steps: steps[0][0], default=None)
