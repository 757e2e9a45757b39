"""The session at this desk: who may do what and when. Every move goes through the table; refusals are recorded.

What belongs together is written together: a crash or a full disk leaves all of a step or nothing of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from importlib.metadata import version
from typing import Final

import msgspec

from appliance.custody.attendance import Attendance
from appliance.custody.check_in import CheckIn
from appliance.custody.history import History
from appliance.custody.preparation import Admission, Preparation
from appliance.custody.scribe import CURRENT, Scribe
from appliance.custody.space import Space, note_of
from appliance.custody.store import Store
from appliance.custody.timekeeping import Timekeeping
from appliance.runtime.clock import Clock
from proctoring import fact as f
from proctoring import wire
from proctoring.check_in import PHOTO_LIMIT, PhotoStep
from proctoring.errors import Refused
from proctoring.exam import Answer, check_answer
from proctoring.exam import answered as count_answered
from proctoring.ledger import sha256
from proctoring.policy import Mode
from proctoring.session import ENDED, OPEN, Move, State, left, target, words

SIGNED_IN: Final = "signed in"

HAND_OVER_MS: Final = 15_000
"""How long a part may take, after the exam's end, to hand over what it holds."""


class ExamDesk:
    """The authority over the session."""

    def __init__(  # noqa: PLR0913, PLR0917 (what a session touches)
        self,
        scribe: Scribe,
        store: Store,
        clock: Clock,
        preparation: Preparation,
        attendance: Attendance,
        recorders: Iterable[f.Part],
        space: Space,
        timekeeping: Timekeeping,
        second_camera: str = "",
    ) -> None:
        """`recorders` hand over what they hold before the seal, and so does a session's second camera."""
        self._second_camera = second_camera
        self._space = space
        self._timekeeping = timekeeping
        self._scribe = scribe
        self._store = store
        self._clock = clock
        self._preparation = preparation
        self._attendance = attendance
        self._recorders = frozenset(recorders)
        self._check_in = CheckIn(attendance, clock)

    # --- the candidate ---

    def sign_in(self, request: wire.SignIn) -> None:
        """Opens a session for a booked or walk-in candidate. The same request again changes nothing."""
        history = self._scribe.history
        if history is not None and history.session.state in OPEN:
            if self._store.note(SIGNED_IN) == wire.encode(request).decode():
                return
            raise Refused(
                "desk_taken", "Another candidate's session is open at this desk. Please call the invigilator."
            )
        self._check_sealed()
        self._open(self._preparation.admit(request), request)

    def _check_sealed(self) -> None:
        history = self._scribe.history
        if history is not None and history.session.state is not State.SEALED:
            raise Refused(
                "not_sealed", "The exam before is still being completed. Please try again in a few seconds."
            )

    def _open(self, admission: Admission, request: wire.SignIn) -> None:
        session = uuid.uuid4().hex
        opened = f.SessionOpened(
            candidate=admission.candidate,
            booking=admission.booking.code if admission.booking else None,
            exam=admission.exam.id,
            exam_title=admission.exam.title,
            exam_sha256=sha256(msgspec.json.encode(admission.exam)),
            mode=admission.policy.mode,
            policy=admission.policy.version,
            allowed_ms=admission.allowed_ms,
            software=version("deskproctor"),
            recipients=admission.recipients,
            certificate=self._scribe.certificate,
            second_camera=self._second_camera,
            retention=admission.policy.keeps,
            clock_trusted=self._timekeeping.trusted,
        )
        need = self._space.reserve(admission.allowed_ms, admission.policy)
        signed_in = self.moved(State.BOOKED, Move.SIGN_IN, "candidate")
        notes = admission.notes(session) | {SIGNED_IN: wire.encode(request).decode(), CURRENT: session}
        notes[note_of(session)] = str(need)
        self._scribe.open(session, opened, *self._timekeeping.as_measured(), signed_in, notes=notes)

    def consent(self, request: wire.Consent) -> None:
        """The candidate agrees to the notice."""
        self._only_in(State.CHECKING_IN, "consent")
        if not self._scribe.current().consented:
            self._scribe.write(f.Consented(notice=request.notice))

    def finish_check(self, request: wire.FinishCheck) -> None:
        """The candidate is content with their picture. Where faces are compared, the detectors take a photo first."""
        history = self._scribe.current()
        if history.session.state in (State.AWAITING_ADMISSION, State.READY):
            return
        self._only_in(State.CHECKING_IN, "finish the check")
        if not history.consented:
            raise Refused("no_consent", "Please read the notice and agree to it first.")
        session = history.session.id
        if not self._preparation.policy(session).identity:
            self._pass_check()
        elif request.without_photo:
            self._pass_check(self._check_in.left_out(session))
        elif not self._check_in.ask(session):
            self._pass_check(self._check_in.given_up(session))

    def take_photo(self, request: wire.GivePhoto) -> None:
        """The photo that was waited for ends the check; any other one means nothing."""
        if len(request.photo.jpeg) > PHOTO_LIMIT:
            raise Refused("photo_too_large", f"A check-in photo has at most {PHOTO_LIMIT} bytes.")
        if self._check_in.expects(self._checking_in(), request.attempt):
            self._pass_check(f.CheckInPhoto(photo=request.photo))

    def miss_photo(self, request: wire.MissPhoto) -> None:
        """The candidate is told what is wrong and may try again."""
        self._check_in.missed(request.session, request.attempt, request.fault)

    def photo_step(self) -> PhotoStep:
        """Where the photo stands."""
        return self._check_in.step(self._checking_in())

    def _checking_in(self) -> str:
        """The session that is checking in, else nothing."""
        history = self._scribe.history
        return history.session.id if history and history.session.state is State.CHECKING_IN else ""

    def _pass_check(self, *photo: f.CheckInPhoto | f.NoCheckInPhoto) -> None:
        """The check is done. Where no person admits, the candidate is admitted at once."""
        passed = self.moved(State.CHECKING_IN, Move.PASS_CHECK, "candidate")
        admitted = self.moved(passed.state, Move.ADMIT, "policy", "No person admits in this mode.")
        alone = self._preparation.policy(self._scribe.current().session.id).mode is Mode.POST_REVIEW
        self._scribe.write(*photo, f.CheckPassed(), passed, *((admitted,) if alone else ()))

    def begin(self) -> None:
        """The exam clock starts, and with it the recording."""
        if self._scribe.current().session.state is not State.RUNNING:
            self.move(Move.START, "candidate")

    def save_answer(self, request: wire.SaveAnswer) -> int:
        """Keeps an answer; returns its entry's number once it is durable."""
        history = self._scribe.current()
        known = history.answer_seqs.get((request.question, request.revision))
        if known is not None and history.answers[request.question] == (request.value, request.revision):
            return known
        self._only_in(State.RUNNING, "take answers")
        check_answer(self._preparation.exam(history.session.id), request.question, request.value)
        _, held = history.answers.get(request.question, (None, 0))
        if request.revision <= held:
            raise Refused("old_answer", "A newer answer to this question is saved already.")
        fact = f.Answered(question=request.question, value=request.value, revision=request.revision)
        return self._scribe.write(fact)

    def submit(self) -> None:
        """The candidate hands in."""
        if self._scribe.current().session.state not in (State.SUBMITTED, State.SEALED):
            self.move(Move.SUBMIT, "candidate")

    def leave(self) -> None:
        """Frees the desk once the session is sealed."""
        history = self._scribe.history
        if history is not None and history.session.state in OPEN:
            raise Refused("not_over", "The exam is not over yet.")
        self._check_sealed()
        self._scribe.leave()

    def paper(self) -> wire.Paper:
        """The exam and the answers so far; the questions are shown from the start on alone."""
        history = self._scribe.current()
        if history.zero_mono_ms is None:
            raise Refused("not_started", "The questions are shown when the exam starts.")
        return wire.Paper(exam=self._preparation.exam(history.session.id), answers=history.answers)

    # --- moves ---

    def moved(self, state: State, move: Move, by: str, reason: str = "", effective_ms: int | None = None) -> f.Moved:
        """The fact of a move out of `state`, not written yet. Raises Refused where the table has none."""
        after = target(state, move)
        if effective_ms is None:
            effective_ms = 0 if move is Move.START else self._scribe.now_ms()
        return f.Moved(move=move, state=after, by=by, reason=reason, effective_ms=effective_ms)

    def move(self, move: Move, by: str, reason: str = "") -> None:
        """Takes a move, or records its refusal and raises it."""
        state = self._scribe.current().session.state
        try:
            fact = self.moved(state, move, by, reason)
        except Refused as refusal:
            if state is not State.SEALED:
                self._scribe.write(f.MoveRefused(move=move, state=state, by=by, reason=refusal.reason))
            raise
        self._scribe.write(fact)

    def _only_in(self, state: State, what: str) -> None:
        session = self._scribe.current().session
        if session.state is not state:
            raise Refused("move_not_allowed", f"A session that is {words(session.state)} cannot {what}.")

    # --- time ---

    def recover(self, gap: f.Gap, rebooted: bool, forgotten: bool) -> None:
        """After custody itself was away in an exam: records the gap. A reboot also interrupts a clock that ran; and
        where memory was `forgotten`, what was filmed and not sealed yet is gone.
        """
        history = self._scribe.current()
        state = history.session.state
        facts: list[f.Fact] = [*(lost_with_memory(history, gap.to_ms) if forgotten else ()), gap]
        if rebooted and state in (State.RUNNING, State.PAUSED):
            reason = "The desk lost power or was restarted."
            facts.append(self.moved(state, Move.INTERRUPT, "custody", reason, gap.from_ms))
        self._scribe.write(*facts)

    def screen_is_back(self) -> None:
        """The candidate can see the questions again: an exam that ran when power was lost goes on."""
        history = self._scribe.history
        if history and history.session.state is State.INTERRUPTED and not history.was_paused:
            self.move(Move.RESUME, "custody", "The desk is back.")

    def tick(self) -> None:
        """Hands in when time is up, seals when all is handed over, and waits for no photo that does not come."""
        history = self._scribe.history
        if history is None:
            return
        if self._check_in.is_overdue(self._checking_in()):
            self._pass_check(self._check_in.given_up(history.session.id))
        if history.session.state is State.RUNNING and self.left_ms(history) == 0:
            self.move(Move.SUBMIT, "clock", "Time is up.")
        elif history.session.state in ENDED:
            self._seal(history)

    def left_ms(self, history: History) -> int:
        """Exam time left."""
        return left(history.session, self._scribe.now_ms())

    def hand_over(self, request: wire.Drained) -> None:
        """A part has given all it had. Said before the end or after the seal it means nothing."""
        history = self._scribe.history
        if history is None or history.session.id != request.session or history.session.state not in ENDED:
            return
        if request.part not in history.handed_over:
            summary = (request.summary,) if request.summary else ()
            self._scribe.write(*summary, f.HandedOver(part=request.part))

    def _seal(self, history: History) -> None:
        missing = (
            self._recorders.union(history.second) - history.handed_over
            if history.zero_mono_ms is not None
            else frozenset()
        )
        now_ms, ended_ms = self._scribe.now_ms(), history.ended_at_ms or 0
        if missing and now_ms - ended_ms < HAND_OVER_MS:
            return
        reason = "It did not hand over what it held in time."
        late = (f.Gap(part=part, from_ms=ended_ms, to_ms=now_ms, reason=reason) for part in sorted(missing))
        sealed = f.Sealed(segments=len(history.segments), answers=answered(history.answers), flags=len(history.flags))
        self._scribe.write(
            *late,
            *self._attendance.closing(),
            *history.ends_of_open_flags(ended_ms),
            *self._timekeeping.as_measured(),
            self.moved(history.session.state, Move.SEAL, "custody"),
            sealed,
        )


def lost_with_memory(history: History, until_ms: int) -> list[f.Gap]:
    """For each camera the gaps in what is sealed of its recording until the moment the power was back."""
    to_ms = until_ms if history.ended_at_ms is None else min(until_ms, history.ended_at_ms)
    reason = "The desk lost power before this was sealed."
    return [
        f.Gap(part=part, from_ms=begin_ms, to_ms=end_ms, reason=reason)
        for part in (f.Part.CAPTURE, *history.second)
        for begin_ms, end_ms in history.untold(part, to_ms)
    ]


def answered(answers: dict[str, tuple[Answer, int]]) -> int:
    """How many questions have an answer that was not taken back."""
    return count_answered(value for value, _ in answers.values())
