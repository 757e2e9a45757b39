"""Which of the desk's processes are at work. A part that falls silent during an exam never does so unrecorded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from appliance.custody.history import History
from appliance.custody.scribe import Scribe
from appliance.runtime.clock import Clock
from proctoring.fact import Gap, Part, PartAbsent
from proctoring.session import ACTIVE

SILENT_MS: Final = 3000
"""Parts report once a second; three missed reports are no hiccup."""

DIED: Final = "It stopped without taking its leave and was started again."
STALLED: Final = "It did not report for a while."


class Attendance:
    """Notes when each part was last heard."""

    def __init__(self, expected: Iterable[Part], scribe: Scribe, clock: Clock) -> None:
        self._expected = frozenset(expected)
        self._scribe = scribe
        self._clock = clock
        self._heard_ms: dict[Part, int] = {}
        self._absent: set[Part] = set()
        self._since_ms = clock.mono_ms()

    @property
    def absent(self) -> tuple[Part, ...]:
        """Parts that are silent now."""
        return tuple(sorted(self._absent))

    def hello(self, part: Part, after: str | None) -> None:
        """A part has started. If it had worked before in this exam, that is a gap with its reason."""
        history = self._exam()
        if history is not None and (part in self._heard_ms or part in self._absent or after is not None):
            self._end_flags(history, part)
            self._gap(history, part, f"{DIED} ({after})" if after else DIED)
        self._heard(part)

    def alive(self, part: Part) -> None:
        """A part has made progress."""
        history = self._exam()
        if part in self._absent and history is not None:
            self._gap(history, part, STALLED)
        self._heard(part)

    def goodbye(self, part: Part) -> None:
        """A part ends as it was asked to. If it comes back during an exam, the time between is still a gap."""
        self._heard(part)

    def tick(self) -> None:
        """Records the parts that have fallen silent during an exam."""
        history = self._exam()
        if history is None:
            self._absent.clear()
            return
        now_ms = self._clock.mono_ms()
        for part in sorted(self._expected - self._absent):
            since_ms = self._last_ms(history, part)
            if now_ms - since_ms > SILENT_MS:
                self._absent.add(part)
                self._scribe.write(PartAbsent(part=part, since_ms=history.at_ms(since_ms) or 0))

    def _exam(self) -> History | None:
        history = self._scribe.history
        return history if history is not None and history.session.state in ACTIVE else None

    def _last_ms(self, history: History, part: Part) -> int:
        """When a part was last heard; one never heard counts from the exam's start or from custody's own."""
        zero_ms = history.zero_mono_ms or 0
        return max(self._heard_ms.get(part, self._since_ms), zero_ms)

    def _gap(self, history: History, part: Part, reason: str) -> None:
        from_ms = max(0, history.at_ms(self._last_ms(history, part)) or 0)
        to_ms = max(from_ms, history.at_ms(self._clock.mono_ms()) or 0)
        self._scribe.write(Gap(part=part, from_ms=from_ms, to_ms=to_ms, reason=reason))

    def _end_flags(self, history: History, part: Part) -> None:
        """What a detector had raised when it died, it can no longer end: a flag ends where it was last watched."""
        if part is Part.EDGE_AI:
            last_ms = history.at_ms(self._last_ms(history, part)) or 0
            self._scribe.write(*history.ends_of_open_flags(last_ms))

    def _heard(self, part: Part) -> None:
        self._heard_ms[part] = self._clock.mono_ms()
        self._absent.discard(part)
