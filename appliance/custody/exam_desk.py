"""The session at this desk: who may do what and when. Every move goes through the table; refusals are recorded."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from appliance.custody.history import History
from appliance.custody.scribe import Scribe
from appliance.custody.store import Store
from appliance.runtime.clock import Clock
from proctoring import fact as f
from proctoring import wire
from proctoring.errors import Refused
from proctoring.exam import Answer, Booking, Exam, check_answer
from proctoring.ledger import sha256
from proctoring.policy import Mode, Policy
from proctoring.session import OPEN, Move, Session, State, left, target, words

PREPARED: Final = "prepared"
CANDIDATE: Final = "candidate"

HAND_OVER_MS: Final = 15_000
"""How long a part may take, after the exam's end, to hand over what it holds."""

SPACE_MARGIN: Final = 200 * 1024 * 1024
"""Bytes that stay free beyond the recording: ledger, salvage, and the system itself."""


class ExamDesk:
    """The authority over the session."""

    def __init__(
        self, scribe: Scribe, store: Store, clock: Clock, data_dir: Path, recorders: Iterable[f.Part]
    ) -> None:
        self._scribe = scribe
        self._store = store
        self._clock = clock
        self._data_dir = data_dir
        self._recorders = frozenset(recorders)
        self._papers: dict[str, wire.Prepare] = {}
        self._exams: dict[str, Exam] = {}

    # --- preparation ---

    @property
    def prepared(self) -> wire.Prepare | None:
        """The exams, policy and bookings that this desk was last sent."""
        text = self._store.note(PREPARED)
        return self._decoded(text) if text else None

    def _decoded(self, text: str) -> wire.Prepare:
        if text not in self._papers:
            self._papers = {text: wire.decode(text.encode(), wire.Prepare)}
        return self._papers[text]

    def prepare(self, prepare: wire.Prepare) -> None:
        """Replaces what this desk needs today. A session under way keeps what it began with."""
        self._store.set_note(PREPARED, wire.encode(prepare).decode())

    @property
    def policy(self) -> Policy:
        """The current session's policy, else the one that is prepared."""
        session = self._scribe.history and self._scribe.history.session.id
        text = self._store.note(f"policy {session}") if session else None
        if text:
            return msgspec.json.decode(text, type=Policy)
        return self.prepared.policy if self.prepared else Policy()

    def exam(self) -> Exam:
        """The exam of the current session, as it was when the candidate signed in."""
        session = self._scribe.current().session.id
        if session not in self._exams:
            text = self._store.note(f"exam {session}")
            assert text is not None, "a session is opened with its exam"
            self._exams = {session: msgspec.json.decode(text, type=Exam)}
        return self._exams[session]

    # --- the candidate ---

    def sign_in(self, request: wire.SignIn) -> None:
        """Opens a session for a booked or walk-in candidate."""
        history = self._scribe.history
        if history is not None and history.session.state in OPEN:
            return self._same_again(request)
        prepared = self.prepared
        if prepared is None:
            raise Refused("not_prepared", "This desk has not received its exams yet. Please call the invigilator.")
        booking = self._booking(prepared, request.code) if request.code else None
        name = booking.candidate if booking else self._walk_in(prepared, request.name)
        exam_id = booking.exam if booking else prepared.walk_in_exam
        exam = next((exam for exam in prepared.exams if exam.id == exam_id), None)
        if exam is None:
            raise Refused("no_exam", "The exam of this booking is not on this desk. Please call the invigilator.")
        self._check_space(exam, prepared.policy)
        return self._open(name, booking, exam, prepared.policy, request)

    def _same_again(self, request: wire.SignIn) -> None:
        if self._store.note(CANDIDATE) != wire.encode(request).decode():
            raise Refused(
                "desk_taken", "Another candidate's session is open at this desk. Please call the invigilator."
            )

    def _booking(self, prepared: wire.Prepare, code: str) -> Booking:
        wanted = code.strip().upper()
        booking = next((b for b in prepared.bookings if b.code == wanted), None)
        if booking is None:
            raise Refused(
                "unknown_booking",
                f"There is no booking {wanted!r} for this desk. "
                "Check the code on your confirmation, or call the invigilator.",
            )
        return booking

    def _walk_in(self, prepared: wire.Prepare, name: str | None) -> str:
        if prepared.walk_in_exam is None or prepared.policy.mode is Mode.LIVE:
            raise Refused("no_walk_in", "This exam needs a booking. Please enter your booking code.")
        if not name or not name.strip():
            raise Refused("no_name", "Please enter your name, or your booking code.")
        return name.strip()[:200]

    def _check_space(self, exam: Exam, policy: Policy) -> None:
        need = round(exam.minutes * 60 * policy.recording.bit_rate / 8 * 1.25) + SPACE_MARGIN
        free = shutil.disk_usage(self._data_dir).free
        if free < need:
            raise Refused(
                "low_space",
                f"This desk has {free >> 20} MB free and this exam needs {need >> 20} MB. "
                "Nothing recorded before is deleted to make room. Please use another desk, or call the invigilator.",
            )

    def _open(self, name: str, booking: Booking | None, exam: Exam, policy: Policy, request: wire.SignIn) -> None:
        session = uuid.uuid4().hex
        text = msgspec.json.encode(exam)
        allowed_ms = round((exam.minutes + (booking.extra_minutes if booking else 0)) * 60_000)
        self._store.set_note(f"exam {session}", text.decode())
        self._store.set_note(f"policy {session}", msgspec.json.encode(policy).decode())
        self._store.set_note(CANDIDATE, wire.encode(request).decode())
        opened = f.SessionOpened(
            candidate=name,
            booking=booking.code if booking else None,
            exam=exam.id,
            exam_title=exam.title,
            exam_sha256=sha256(text),
            mode=policy.mode,
            policy=policy.version,
            allowed_ms=allowed_ms,
            software=software(),
        )
        state = target(State.BOOKED, Move.SIGN_IN)
        self._scribe.open(session, opened, f.Moved(move=Move.SIGN_IN, state=state, by="candidate"))

    def consent(self, request: wire.Consent) -> None:
        """The candidate agrees to the notice."""
        self._only_in(State.CHECKING_IN, "consent")
        if not self._scribe.current().consented:
            self._scribe.write(f.Consented(notice=request.notice))

    def finish_check(self) -> None:
        """The camera check is done. Where no person admits, the candidate is admitted at once."""
        history = self._scribe.current()
        if history.session.state in (State.AWAITING_ADMISSION, State.READY):
            return
        self._only_in(State.CHECKING_IN, "finish the check")
        if not history.consented:
            raise Refused("no_consent", "Please read the notice and agree to it first.")
        self._scribe.write(f.CheckPassed())
        self.move(Move.PASS_CHECK, "candidate")
        if self.policy.mode is Mode.POST_REVIEW:
            self.move(Move.ADMIT, "policy", "No person admits in this mode.")

    def begin(self) -> None:
        """The exam clock starts, and with it the recording."""
        if self._scribe.current().session.state is not State.RUNNING:
            self.move(Move.START, "candidate")

    def save_answer(self, request: wire.SaveAnswer) -> int:
        """Keeps an answer; returns its entry's number once it is durable."""
        history = self._scribe.current()
        known = history.answer_seqs.get((request.question, request.revision))
        if known is not None:
            return known
        self._only_in(State.RUNNING, "take answers")
        check_answer(self.exam(), request.question, request.value)
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
        """Frees the desk once the session is over."""
        history = self._scribe.history
        if history is not None and history.session.state in OPEN:
            raise Refused("not_over", "The exam is not over yet.")
        self._scribe.leave()

    def paper(self) -> wire.Paper:
        """The exam and the answers so far. The questions are shown in running and later states alone."""
        history = self._scribe.current()
        if history.zero_mono_ms is None:
            raise Refused("not_started", "The questions are shown when the exam starts.")
        return wire.Paper(exam=self.exam(), answers=history.answers)

    # --- moves ---

    def move(self, move: Move, by: str, reason: str = "", effective_ms: int | None = None) -> None:
        """Takes a move, or records its refusal and raises it."""
        history = self._scribe.current()
        state = history.session.state
        try:
            after = target(state, move)
        except Refused as refusal:
            self._scribe.write(f.MoveRefused(move=move, state=state, by=by, reason=refusal.reason))
            raise
        if effective_ms is None:
            effective_ms = 0 if move is Move.START else history.at_ms(self._clock.mono_ms()) or 0
        self._scribe.write(f.Moved(move=move, state=after, by=by, reason=reason, effective_ms=effective_ms))

    def extend(self, extra_ms: int, by: str, reason: str) -> None:
        """Grants more exam time."""
        session = self._scribe.current().session
        if session.state not in OPEN or extra_ms <= 0:
            raise Refused(
                "move_not_allowed", f"A session that is {words(session.state)} cannot be extended by {extra_ms} ms."
            )
        self._scribe.write(f.Extended(extra_ms=extra_ms, by=by, reason=reason))

    def _only_in(self, state: State, what: str) -> None:
        session = self._scribe.current().session
        if session.state is not state:
            raise Refused("move_not_allowed", f"A session that is {words(session.state)} cannot {what}.")

    # --- time ---

    def recover(self, gap: f.Gap | None, rebooted: bool) -> None:
        """After custody itself was away in an exam: records the gap; a reboot also interrupts the exam."""
        if gap is None:
            return
        self._scribe.write(gap)
        if rebooted and self._scribe.current().session.state in (State.RUNNING, State.PAUSED):
            self.move(Move.INTERRUPT, "custody", "The desk lost power or was restarted.", gap.from_ms)

    def screen_is_back(self) -> None:
        """The candidate can see the questions again: an exam that ran when power was lost goes on."""
        history = self._scribe.history
        if history and history.session.state is State.INTERRUPTED and not history.was_paused:
            self.move(Move.RESUME, "custody", "The desk is back.")

    def tick(self) -> None:
        """Hands in when time is up, and seals when all is handed over."""
        history = self._scribe.history
        if history is None:
            return
        if history.session.state is State.RUNNING and self.left_ms(history) == 0:
            self.move(Move.SUBMIT, "clock", "Time is up.")
        elif history.session.state in (State.SUBMITTED, State.TERMINATED):
            self._seal(history)

    def left_ms(self, history: History) -> int:
        """Exam time left."""
        session: Session = history.session
        return left(session, history.at_ms(self._clock.mono_ms()) or 0)

    def hand_over(self, request: wire.Drained) -> None:
        """A part has given all it had."""
        history = self._scribe.current()
        ended = history.session.state in (State.SUBMITTED, State.TERMINATED)
        if ended and request.part not in history.handed_over:
            summary = (request.summary,) if request.summary else ()
            self._scribe.write(*summary, f.HandedOver(part=request.part))

    def _seal(self, history: History) -> None:
        missing = self._recorders - history.handed_over if history.zero_mono_ms is not None else frozenset()
        now_ms = history.at_ms(self._clock.mono_ms()) or 0
        ended_ms = history.ended_at_ms or 0
        if missing and now_ms - ended_ms < HAND_OVER_MS:
            return
        for part in sorted(missing):
            reason = "It did not hand over what it held in time."
            self._scribe.write(f.Gap(part=part, from_ms=ended_ms, to_ms=now_ms, reason=reason))
        self._scribe.write(*history.ends_of_open_flags(ended_ms))
        self.move(Move.SEAL, "custody")
        counts = {
            "segments": len(history.segments),
            "answers": answered(history.answers),
            "flags": len(history.flags),
        }
        self._scribe.write(f.Sealed(**counts))


def answered(answers: dict[str, tuple[Answer, int]]) -> int:
    """How many questions have an answer that was not taken back."""
    return sum(value not in (None, "", ()) for value, _ in answers.values())


def software() -> str:
    """The version of what is recording."""

    return version("deskproctor")
