"""The check-in photo as custody sees it: wanted, failed, given, or left out.

Only what came of it stands in the ledger. How often it was tried is forgotten when custody dies: then the candidate
presses once more.
"""

from __future__ import annotations

from typing import Final

import msgspec

from appliance.custody.attendance import Attendance
from appliance.runtime.clock import Clock
from proctoring.check_in import PhotoFault, PhotoStep
from proctoring.errors import Refused
from proctoring.fact import NoCheckInPhoto, Part

PATIENCE_MS: Final = 5000
"""The detectors look for two seconds at the most and then say what is wrong; silence for twice as long means that
they do not work, which must not keep the candidate."""


class CheckIn:
    """The photo of the session that is checking in."""

    def __init__(self, attendance: Attendance, clock: Clock) -> None:
        self._attendance = attendance
        self._clock = clock
        self._session = ""
        self._step = PhotoStep()
        self._since_ms = 0

    def step(self, session: str) -> PhotoStep:
        """Where the photo of a session stands."""
        return self._step if session == self._session else PhotoStep()

    def ask(self, session: str) -> bool:
        """Asks the detectors for a photo; False where they are not there to take one."""
        step = self.step(session)
        if not self._attendance.is_here(Part.EDGE_AI):
            return False
        if not step.wanted:
            self._session, self._since_ms = session, self._clock.mono_ms()
            self._step = PhotoStep(attempt=step.attempt + 1, wanted=True)
        return True

    def expects(self, session: str, attempt: int) -> bool:
        """Whether an answer is the one that is waited for."""
        step = self.step(session)
        return step.wanted and step.attempt == attempt

    def missed(self, session: str, attempt: int, fault: PhotoFault) -> None:
        """The detectors could not take it. Late answers mean nothing."""
        if self.expects(session, attempt):
            self._step = msgspec.structs.replace(self._step, wanted=False, fault=fault)

    def left_out(self, session: str) -> NoCheckInPhoto:
        """The candidate goes on without a photo. Refused while they may well get one."""
        step = self.step(session)
        if step.fault is None or not step.may_be_left_out:
            raise Refused("photo_first", "Please let the camera take your photo first.")
        return NoCheckInPhoto(fault=step.fault, attempts=step.attempt)

    def given_up(self, session: str) -> NoCheckInPhoto:
        """The detectors are not there, or say nothing."""
        return NoCheckInPhoto(fault=PhotoFault.NOT_WORKING, attempts=self.step(session).attempt)

    def is_overdue(self, session: str) -> bool:
        """Whether the detectors have been silent for too long."""
        return self.step(session).wanted and self._clock.mono_ms() - self._since_ms > PATIENCE_MS
