"""What the desk was sent for today: exams, policy, bookings; and what the current session began with."""

from __future__ import annotations

from typing import Final

import msgspec

from appliance.custody.store import Store
from proctoring import wire
from proctoring.errors import Refused
from proctoring.exam import Booking, Exam
from proctoring.policy import Mode, Policy

PREPARED: Final = "prepared"


class Admission(msgspec.Struct, frozen=True):
    """Who may sit what: the outcome of signing in."""

    candidate: str
    booking: Booking | None
    exam: Exam
    policy: Policy
    recipients: tuple[str, ...]
    """The public keys that the recording is sealed to."""

    @property
    def allowed_ms(self) -> int:
        """Exam time with what the booking grants extra."""
        extra_minutes = self.booking.extra_minutes if self.booking else 0
        return round((self.exam.minutes + extra_minutes) * 60_000)

    def notes(self, session: str) -> dict[str, str]:
        """What the session keeps even if the desk is prepared anew meanwhile."""
        notes = {
            f"exam {session}": msgspec.json.encode(self.exam).decode(),
            f"policy {session}": msgspec.json.encode(self.policy).decode(),
        }
        return notes | ({f"booking {self.booking.code}": session} if self.booking else {})


class Preparation:
    """The newest Prepare, and each session's exam and policy."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: tuple[str, Exam, Policy] | None = None
        self._prepared: tuple[str, wire.Prepare] | None = None

    @property
    def newest(self) -> wire.Prepare | None:
        """What this desk was last sent."""
        text = self._store.note(PREPARED)
        if not text:
            return None
        if self._prepared is None or self._prepared[0] != text:
            self._prepared = (text, wire.decode(text.encode(), wire.Prepare))
        return self._prepared[1]

    def exam(self, session: str) -> Exam:
        """The session's exam, as it was when the candidate signed in."""
        return self._of(session)[0]

    def policy(self, session: str | None) -> Policy:
        """The session's policy, else the newest."""
        if session is not None:
            return self._of(session)[1]
        return self.newest.policy if self.newest else Policy()

    def _of(self, session: str) -> tuple[Exam, Policy]:
        if self._kept is None or self._kept[0] != session:
            exam, policy = self._store.note(f"exam {session}"), self._store.note(f"policy {session}")
            assert exam is not None and policy is not None, "a session is opened with both"
            self._kept = (session, msgspec.json.decode(exam, type=Exam), msgspec.json.decode(policy, type=Policy))
        return self._kept[1:]

    def admit(self, request: wire.SignIn) -> Admission:
        """Who this is and what they sit. Raises Refused with what the candidate can do."""
        prepared = self.newest
        if prepared is None:
            raise Refused("not_prepared", "This desk has not received its exams yet. Please call the invigilator.")
        booking = self._booking(prepared, request.code) if request.code else None
        name = booking.candidate if booking else self._walk_in(prepared, request.name)
        exam_id = booking.exam if booking else prepared.walk_in_exam
        exam = next((exam for exam in prepared.exams if exam.id == exam_id), None)
        if exam is None:
            raise Refused("no_exam", "The exam of this booking is not on this desk. Please call the invigilator.")
        return Admission(name, booking, exam, prepared.policy, self._recipients(prepared))

    def _booking(self, prepared: wire.Prepare, code: str) -> Booking:
        wanted = code.strip().upper()
        booking = next((b for b in prepared.bookings if b.code == wanted), None)
        if booking is None:
            raise Refused(
                "unknown_booking",
                f"There is no booking {wanted!r} for this desk. "
                "Check the code on your confirmation, or call the invigilator.",
            )
        if self._store.note(f"booking {wanted}"):
            raise Refused(
                "used_booking", f"The booking {wanted!r} was used at this desk already. Please call the invigilator."
            )
        return booking

    def _recipients(self, prepared: wire.Prepare) -> tuple[str, ...]:
        if not prepared.recipients:
            raise Refused(
                "no_recipient",
                "This desk has no key of the review server yet, so it cannot keep a recording that only the server "
                "opens. Please call the invigilator: the desk needs to reach the server once.",
            )
        return prepared.recipients

    def _walk_in(self, prepared: wire.Prepare, name: str | None) -> str:
        if prepared.walk_in_exam is None or prepared.policy.mode is Mode.LIVE:
            raise Refused("no_walk_in", "This exam needs a booking. Please enter your booking code.")
        if not name or not name.strip():
            raise Refused("no_name", "Please enter your name, or your booking code.")
        return name.strip()[:200]
