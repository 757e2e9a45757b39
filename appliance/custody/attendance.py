"""Which of the desk's processes are at work. A part that falls silent during an exam never does so unrecorded.

Where it is the detectors that are silent, people are told by a flag as well: over that time no flag says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from appliance.custody.history import History
from appliance.custody.preparation import Preparation
from appliance.custody.scribe import Scribe
from appliance.runtime.clock import Clock
from proctoring.fact import Fact, FlagRaised, Gap, Part, PartAbsent
from proctoring.flag import FlagKind, analysis_absent
from proctoring.session import ACTIVE, ENDED

SILENT_MS: Final = 3000
"""Parts report once a second; three missed reports are no hiccup."""

MISSED_MS: Final = 1500
"""At the seal nobody waits any longer: one missed report before the exam's end is a gap."""

DIED: Final = "It stopped without taking its leave and was started again."
STALLED: Final = "It did not report for a while."
UNWATCHED: Final = frozenset({FlagKind.ANALYSIS_ABSENT})
"""What custody itself raises, and ends when the detectors are back."""
WATCHED: Final = frozenset(FlagKind) - UNWATCHED

GONE: Final = "It stopped reporting and was not back when the exam ended."


class Attendance:
    """Notes when each part was last heard. Gaps reach from there to the return, or to the exam's end."""

    def __init__(self, expected: Iterable[Part], scribe: Scribe, preparation: Preparation, clock: Clock) -> None:
        self._expected = frozenset(expected)
        self._scribe = scribe
        self._preparation = preparation
        self._clock = clock
        self._heard_ms: dict[Part, int] = {}
        self._absent: set[Part] = set()
        self._since_ms = clock.mono_ms()

    @property
    def absent(self) -> tuple[Part, ...]:
        """Parts that are silent now."""
        return tuple(sorted(self._absent))

    def is_here(self, part: Part) -> bool:
        """Whether a part was heard of lately, in or out of an exam."""
        heard_ms = self._heard_ms.get(part)
        return heard_ms is not None and self._clock.mono_ms() - heard_ms <= SILENT_MS

    def hello(self, part: Part, after: str | None) -> None:
        """A part has started. If it had worked before in this exam, that is a gap with its reason."""
        if part in self._heard_ms or self._is_missed(part) or after is not None:
            self._returned(part, f"{DIED} ({after})" if after else DIED)
        self._heard(part)

    def alive(self, part: Part) -> None:
        """A part has made progress."""
        if self._is_missed(part):
            self._returned(part, STALLED)
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
        if history.session.state not in ACTIVE:
            return
        for part in sorted(self._expected_in(history) - self._absent):
            since_ms = self._last_ms(history, part)
            if self._clock.mono_ms() - since_ms > SILENT_MS:
                self._scribe.write(PartAbsent(part=part, since_ms=history.at_ms(since_ms) or 0))
                self._absent.add(part)
        if Part.EDGE_AI in self._absent:
            self._flag_absence(history)

    def closing(self) -> list[Fact]:
        """At the seal: the gaps of parts that were silent when the exam ended and have not come back."""
        history = self._exam()
        if history is None or history.ended_at_ms is None:
            return []
        gaps = (self._gap(history, part, GONE) for part in sorted(self._expected_in(history)))
        return [gap for gap in gaps if gap is not None and gap.to_ms - gap.from_ms > MISSED_MS]

    def _exam(self) -> History | None:
        """The session, from its exam's start until it is sealed."""
        history = self._scribe.history
        if history is None or history.zero_mono_ms is None:
            return None
        return history if history.session.state in ACTIVE | ENDED else None

    def _expected_in(self, history: History) -> frozenset[Part]:
        return self._expected.union(history.second)

    def _last_ms(self, history: History, part: Part) -> int:
        """When a part was last heard; one never heard counts from the exam's start or from custody's own."""
        return max(self._heard_ms.get(part, self._since_ms), history.zero_mono_ms or 0)

    def _returned(self, part: Part, reason: str) -> None:
        history = self._exam()
        gap = self._gap(history, part, reason) if history else None
        if history is None or gap is None:
            return
        # What a detector had raised when it died it can no longer end: a flag ends where it was last watched.
        ends = (
            history.ends_of_open_flags(gap.from_ms, WATCHED) if part is Part.EDGE_AI and reason is not STALLED else []
        )
        back = history.ends_of_open_flags(gap.to_ms, UNWATCHED) if part is Part.EDGE_AI else []
        self._scribe.write(*ends, gap, *back)

    def _is_missed(self, part: Part) -> bool:
        """Whether it is known to be absent; after a restart of custody the ledger alone may know."""
        history = self._exam()
        return part in self._absent or (part is Part.EDGE_AI and history is not None and _is_flagged(history))

    def _flag_absence(self, history: History) -> None:
        rule = self._preparation.policy(history.session.id).rules.analysis_absent
        since_ms = max(0, history.at_ms(self._last_ms(history, Part.EDGE_AI)) or 0)
        now_ms = self._scribe.now_ms()
        if rule.enabled and now_ms - since_ms >= rule.dwell_ms and not _is_flagged(history):
            self._scribe.write(FlagRaised(flag=analysis_absent(rule, since_ms, now_ms)))

    def _gap(self, history: History, part: Part, reason: str) -> Gap | None:
        from_ms = max(0, history.at_ms(self._last_ms(history, part)) or 0)
        to_ms = history.at_ms(self._clock.mono_ms()) or 0
        if history.ended_at_ms is not None:
            to_ms = min(to_ms, history.ended_at_ms)
        return Gap(part=part, from_ms=from_ms, to_ms=to_ms, reason=reason) if to_ms >= from_ms else None

    def _heard(self, part: Part) -> None:
        self._heard_ms[part] = self._clock.mono_ms()
        self._absent.discard(part)


def _is_flagged(history: History) -> bool:
    return any(flag.kind in UNWATCHED and flag.ended_ms is None for flag in history.flags.values())
