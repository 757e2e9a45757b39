"""A desk without a recorder and without a camera: custody in memory that keeps to the session's table, and a picture.

For tests, and for looking at the pages on a laptop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from appliance.kiosk_ui.camera import jpeg
from appliance.runtime.clock import Clock, SystemClock
from appliance.runtime.custody_link import CustodyAway, expect
from appliance.runtime.frames import Frame, size
from proctoring import wire
from proctoring.check_in import PhotoFault, PhotoStep
from proctoring.errors import Refused
from proctoring.exam import Answer, Booking, Exam, check_answer
from proctoring.fact import DiskTrouble
from proctoring.flag import Flag
from proctoring.policy import Mode, Policy
from proctoring.session import OPEN, Move, Session, State, advance, left
from proctoring.wire import Message, Prepare, View

R = TypeVar("R", bound=Message)


def grey(width: int = 640, height: int = 360) -> bytes:
    """A JPEG of a grey wall."""
    head = wire.FrameHead(number=1, mono_ms=0, width=width, height=height)
    return jpeg(Frame(head, bytes([128]) * size(width, height)))


class SimulatedCamera:
    """Shows one picture; none while `shown` is None."""

    def __init__(self, shown: bytes | None = None) -> None:
        self.shown: bytes | None = shown or grey()

    def picture(self) -> bytes | None:
        """See Camera."""
        return self.shown


class SimulatedDesk:
    """Custody in memory, with a switch that takes it away. Any thread may use it.

    It seals as soon as it is asked again after the exam's end, unless `seals` is switched off. With `detectors` a
    photo is waited for at check-in, which `photograph` gives.
    """

    def __init__(self, prepared: Prepare | None = None, clock: Clock | None = None) -> None:
        self.away = False
        self.disk: DiskTrouble | None = None
        self.cameras = 1
        self.seals = True
        self.detectors = False
        self.calls = 0
        self._prepared = prepared
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._free()

    def _free(self) -> None:
        self.answers: dict[str, tuple[Answer, int]] = {}
        self.flags: tuple[Flag, ...] = ()
        self.receipted = False
        self._session: Session | None = None
        self._booking: Booking | None = None
        self._signed_in: wire.SignIn | None = None
        self._filming = self.cameras
        self._consented = False
        self._photo = PhotoStep()
        self._photo_taken = False
        self._reason = self._message = ""

    # --- what custody is asked ---

    def ask(self, request: Message, answer: type[R], patience_s: float = 5.0) -> R:
        """See Custody."""
        del patience_s
        if self.away:
            raise CustodyAway("The recorder of this desk does not answer. Wait a moment and try again.")
        with self._lock:
            self._tick()
            return expect(self._STEPS[type(request)](self, request), answer)

    def view(self, timeout_ms: int = 0) -> View | None:
        """See Custody: this one has news whenever it is asked."""
        del timeout_ms
        return self._view()

    def _tick(self) -> None:
        state = self._session.state if self._session else None
        if state is State.RUNNING and self._left_ms() == 0:
            self._move(Move.SUBMIT, "Time is up.")
        elif state in (State.SUBMITTED, State.TERMINATED) and self.seals:
            self._move(Move.SEAL, self._reason)

    def _sign_in(self, request: wire.SignIn) -> View:
        if self._session is not None and self._session.state in OPEN:
            return self._same_again(request)
        if self._prepared is None:
            raise Refused("not_prepared", "This desk has not received its exams yet.")
        self._free()
        self._booking, self._signed_in = self._booked(self._prepared, request), request
        self._filming = self.cameras
        allowed_ms = round((self._exam().minutes + self._booking.extra_minutes) * 60_000)
        self._session = Session(id="session-1", desk="desk-1", allowed_ms=allowed_ms)
        return self._move(Move.SIGN_IN)

    def _same_again(self, request: wire.SignIn) -> View:
        if request != self._signed_in:
            raise Refused("desk_taken", "Another candidate's session is open at this desk.")
        return self._view()

    def _booked(self, prepared: Prepare, request: wire.SignIn) -> Booking:
        if request.code is None and self._walk_in and prepared.walk_in_exam:
            return Booking(code="WALKIN", candidate=request.name or "", exam=prepared.walk_in_exam)
        booking = next((booking for booking in prepared.bookings if booking.code == request.code), None)
        if booking is not None:
            return booking
        raise Refused("unknown_booking", f"There is no booking {request.code} for this desk. Check the code.")

    def _consent(self, request: wire.Consent) -> View:
        del request
        self._consented = True
        return self._view()

    def _finish_check(self, request: wire.FinishCheck) -> View:
        if not (self.detectors and self._policy.identity) or self._now().state is not State.CHECKING_IN:
            return self._pass_check()
        if not request.without_photo:
            attempt = self._photo.attempt + (not self._photo.wanted)
            self._photo = PhotoStep(attempt=attempt, wanted=True)
            return self._view()
        if not self._photo.may_be_left_out:
            raise Refused("photo_first", "Please let the camera take your photo first.")
        return self._pass_check()

    def _pass_check(self) -> View:
        view = self._move(Move.PASS_CHECK)
        return self._move(Move.ADMIT) if self._policy.mode is Mode.POST_REVIEW else view

    def _paper(self, request: wire.AskPaper) -> wire.Paper:
        del request
        return wire.Paper(exam=self._exam(), answers=dict(self.answers))

    def _save(self, request: wire.SaveAnswer) -> wire.Saved:
        if self._now().state is not State.RUNNING:
            raise Refused("move_not_allowed", "The exam is not running.")
        check_answer(self._exam(), request.question, request.value)
        if request.revision > self.answers.get(request.question, (None, 0))[1]:
            self.answers[request.question] = (request.value, request.revision)
        return wire.Saved(seq=len(self.answers))

    def _call(self, request: wire.PressCall) -> wire.Saved:
        del request
        self.calls += 1
        return wire.Saved(seq=self.calls)

    def _record(self, request: wire.AskRecord) -> wire.Record:
        del request
        return wire.Record(
            session=self._now().id,
            state=self._now().state,
            answered=sum(value is not None for value, _ in self.answers.values()),
            questions=len(self._exam().questions),
            flags=self.flags,
            gaps=0,
            recorded_ms=64_000,
            segments=32,
            receipted=self.receipted,
            photo_taken=self._photo_taken,
            head_seq=40,
            head_hash="5f2c" * 16,
        )

    def _leave(self, request: wire.Leave) -> View:
        del request
        self._free()
        return self._view()

    _STEPS: Final[dict[type, Callable[[Any, Any], Message]]] = {
        wire.AskView: lambda desk, _: desk._view(),
        wire.SignIn: _sign_in,
        wire.Consent: _consent,
        wire.FinishCheck: _finish_check,
        wire.Begin: lambda desk, _: desk._once(State.RUNNING, Move.START),
        wire.AskPaper: _paper,
        wire.SaveAnswer: _save,
        wire.Submit: lambda desk, _: desk._once(State.SUBMITTED, Move.SUBMIT),
        wire.AskRecord: _record,
        wire.Leave: _leave,
        wire.PressCall: _call,
    }

    # --- what the world does ---

    def prepare(self, prepared: Prepare | None) -> None:
        """The exams arrive; None takes them away."""
        self._prepared = prepared

    def move(self, move: Move, reason: str = "") -> None:
        """A person, or custody itself, takes a move."""
        with self._lock:
            self._move(move, reason)

    def photograph(self, fault: PhotoFault | None = None) -> None:
        """The detectors take the photo that is waited for, or say why they cannot."""
        with self._lock:
            self._photo = msgspec.structs.replace(self._photo, wanted=False, fault=fault)
            if fault is None:
                self._photo_taken = True
                self._pass_check()

    def say(self, text: str) -> None:
        """The invigilator writes."""
        self._message = text

    def _move(self, move: Move, reason: str = "") -> View:
        self._session = advance(self._now(), move, self._clock.mono_ms())
        self._reason = reason
        return self._view()

    def _once(self, state: State, move: Move) -> View:
        return self._view() if self._now().state is state else self._move(move)

    # --- the desk as it stands ---

    def _now(self) -> Session:
        if self._session is None:
            raise Refused("no_session", "Nobody is signed in at this desk.")
        return self._session

    def _exam(self) -> Exam:
        assert self._prepared and self._booking
        wanted = self._booking.exam
        return next(exam for exam in self._prepared.exams if exam.id == wanted)

    @property
    def _policy(self) -> Policy:
        return self._prepared.policy if self._prepared else Policy()

    @property
    def _walk_in(self) -> bool:
        return bool(self._prepared and self._prepared.walk_in_exam and self._policy.mode is Mode.POST_REVIEW)

    def _left_ms(self) -> int:
        return left(self._now(), self._clock.mono_ms())

    def _view(self) -> View:
        prepared = self._prepared is not None
        empty = View(
            desk="desk-1", prepared=prepared, walk_in=self._walk_in, policy=self._policy, cameras=self.cameras
        )
        empty = msgspec.structs.replace(empty, disk=self.disk)
        if self._session is None or self._booking is None:
            return empty
        return msgspec.structs.replace(
            empty,
            session=self._session.id,
            state=self._session.state,
            candidate=self._booking.candidate,
            exam_title=self._exam().title,
            questions=len(self._exam().questions),
            consented=self._consented,
            photo=self._photo,
            left_ms=self._left_ms(),
            reason=self._reason,
            message=self._message,
            called=self.calls > 0,
            cameras=self._filming,
        )
