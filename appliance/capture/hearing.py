"""What is missing of the sound, told as gaps that name the microphone. Missing sound never stops the pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from proctoring import fact
from proctoring.wire import ReportGap

STALL_MS: Final = 1000
"""As for pictures: a shorter silence is no gap."""

NO_SOUND: Final = "it gave no sound"
NO_PICTURES: Final = "there were no pictures to record its sound with"


class Hearing:
    """The sound of one session, from `from_ms` on."""

    def __init__(self, session: str, from_ms: int, report: Callable[[ReportGap], None]) -> None:
        self._session = session
        self._covered_ms = from_ms
        self._report = report
        self._trouble = ""
        self._likely = NO_SOUND

    def recorded(self, from_ms: int, to_ms: int) -> None:
        """Sound from one time to the other is in the recording."""
        self._tell(from_ms)
        self._covered_ms, self._trouble, self._likely = max(self._covered_ms, to_ms), "", NO_SOUND

    def fault(self, reason: str) -> None:
        """What is missing from now on has this reason."""
        self._trouble = self._trouble or reason

    def nowhere_to_go(self) -> None:
        """There is sound, and no picture to record it with; for a moment that is nothing to tell."""
        self._likely = NO_PICTURES

    def stop(self, now_ms: int) -> None:
        """The recording is over."""
        self._tell(now_ms)

    def _tell(self, to_ms: int) -> None:
        missing_ms = to_ms - self._covered_ms
        if missing_ms > STALL_MS or (self._trouble and missing_ms > 0):
            reason = f"{fact.MICROPHONE} {self._trouble or self._likely}"
            self._report(
                ReportGap(
                    session=self._session,
                    part=fact.Part.CAPTURE,
                    from_ms=self._covered_ms,
                    to_ms=to_ms,
                    reason=reason,
                )
            )
            self._covered_ms = to_ms
