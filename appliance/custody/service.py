"""Custody at work: one request after the other, each durable before it is answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from appliance.custody.attendance import Attendance
from appliance.custody.disk import Disk
from appliance.custody.evidence import Evidence
from appliance.custody.exam_desk import ExamDesk, answered
from appliance.custody.history import History
from appliance.custody.late import Late
from appliance.custody.orphans import set_aside
from appliance.custody.post import Post
from appliance.custody.preparation import Preparation
from appliance.custody.retention import Retention
from appliance.custody.scribe import Scribe
from appliance.custody.settings import CustodySettings
from appliance.custody.space import Space
from appliance.custody.store import Heartbeat, StorageFailed, Store
from appliance.custody.timekeeping import Timekeeping
from appliance.runtime.clock import Clock
from appliance.runtime.custody_link import STORAGE
from appliance.runtime.settings import Desk
from proctoring import fact as f
from proctoring import wire
from proctoring.errors import Refused, WireError
from proctoring.flag import Flag
from proctoring.policy import Mode
from proctoring.session import ACTIVE, ENDED, State
from signing.identity import Identity

log = logging.getLogger(__name__)

CALL_MS: Final = 10_000
"""A call repeated within this is the same call: a finger that is impatient, or a request whose answer was lost."""


class Custody:
    """Answers every request of the desk's processes."""

    def __init__(
        self,
        desk: Desk,
        settings: CustodySettings,
        store: Store,
        clock: Clock,
        identity: Identity,
        after: str | None = None,
        built_utc_ms: int = 0,
    ) -> None:
        self._desk = desk
        self._store = store
        self._clock = clock
        self._scribe = Scribe(desk.desk, store, clock, identity)
        self._space = Space(desk.data_dir, store, desk.cameras)
        self._timekeeping = Timekeeping(store, self._scribe, clock, built_utc_ms)
        self._retention = Retention(store, self._timekeeping, clock)
        self._disk = Disk(self._scribe, self._space)
        self._evidence = Evidence(desk, store, self._scribe, self._disk, Late(desk, store, self._scribe, clock))
        self._preparation = Preparation(store)
        self._attendance = Attendance(settings.expected, self._scribe, self._preparation, clock)
        self._exam_desk = ExamDesk(
            self._scribe,
            store,
            clock,
            self._preparation,
            self._attendance,
            settings.recorders,
            self._space,
            self._timekeeping,
            desk.second_camera.camera if desk.second_camera else "",
        )
        self._post = Post(desk.desk, self._scribe, store, self._exam_desk, self._timekeeping, self._retention)
        self._recover(after)

    def _recover(self, after: str | None) -> None:
        """Takes up what its last life left; if an exam is under way, the time away is a gap like any other."""
        away = self._away(after)
        self._evidence.recover()
        set_aside(self._desk, self._store)
        self._space.restore(self._scribe.history)
        if away is not None:
            gap, rebooted = away
            self._exam_desk.recover(gap, rebooted, forgotten=rebooted and not self._desk.incoming_on_disk)

    def _away(self, after: str | None) -> tuple[f.Gap, bool] | None:
        """The time that custody was away from an exam, and whether the desk was restarted."""
        history, beat = self._scribe.history, self._store.heartbeat()
        if history is None or beat is None or history.session.state not in ACTIVE | ENDED:
            return None
        rebooted = history.boot != self._clock.boot()
        if history.zero_mono_ms is None or beat.boot != history.boot:
            return None
        from_ms = max(0, beat.mono_ms - history.zero_mono_ms)
        away_ms = self._clock.utc_ms() - beat.at_utc_ms if rebooted else self._clock.mono_ms() - beat.mono_ms
        reason = "The desk was without power or was restarted." if rebooted else "It was started again."
        gap = f.Gap(
            part=f.Part.CUSTODY,
            from_ms=from_ms,
            to_ms=from_ms + max(0, away_ms),
            reason=f"{reason} ({after})" if after else reason,
        )
        return gap, rebooted

    # --- requests ---

    def handle(self, data: bytes) -> bytes:
        """The answer to one request. What the rules or the disk do not allow is answered as Denied."""
        try:
            request = wire.decode(data, wire.Request)
            return wire.encode(self._answer(request))
        except Refused as refusal:
            return wire.encode(wire.Denied(code=refusal.code, reason=refusal.reason))
        except StorageFailed as failure:
            log.error("%s", failure)
            self._disk.failed(failure)
            return wire.encode(wire.Denied(code=STORAGE, reason=str(failure)))
        except WireError as error:
            log.error("%s", error)
            return wire.encode(wire.Denied(code="bad_message", reason=str(error)))
        except (ValueError, OverflowError):
            # A request that can be read and still breaks us must not do so again and again: its sender repeats it.
            log.exception("a request could not be carried out")
            return wire.encode(wire.Denied(code="bad_message", reason="This request could not be carried out."))

    def _answer(self, request: wire.Message) -> wire.Message:
        return self._ANSWERS[type(request)](self, request)

    def _hello(self, request: wire.Hello) -> wire.View:
        self._attendance.hello(request.part, request.after)
        if request.part is f.Part.KIOSK_UI:
            self._exam_desk.screen_is_back()
        return self.view()

    def _alive(self, request: wire.Alive) -> wire.Done:
        self._attendance.alive(request.part)
        return wire.Done()

    def _goodbye(self, request: wire.Goodbye) -> wire.Done:
        self._attendance.goodbye(request.part)
        return wire.Done()

    def _ask_view(self, request: wire.AskView) -> wire.View:
        del request
        return self.view()

    def _sign_in(self, request: wire.SignIn) -> wire.View:
        self._exam_desk.sign_in(request)
        return self.view()

    def _consent(self, request: wire.Consent) -> wire.View:
        self._exam_desk.consent(request)
        return self.view()

    def _finish_check(self, request: wire.FinishCheck) -> wire.View:
        self._exam_desk.finish_check(request)
        return self.view()

    def _give_photo(self, request: wire.GivePhoto) -> wire.Done:
        if request.session == self._scribe.current().session.id:
            self._exam_desk.take_photo(request)
        return wire.Done()

    def _miss_photo(self, request: wire.MissPhoto) -> wire.Done:
        self._exam_desk.miss_photo(request)
        return wire.Done()

    def _ask_photo(self, request: wire.AskPhoto) -> wire.CheckInPhoto:
        history = self._scribe.current()
        if history.session.id != request.session:
            raise Refused("other_session", "That session is not at this desk any more.")
        return wire.CheckInPhoto(jpeg=history.photo.jpeg if history.photo else None)

    def _begin(self, request: wire.Begin) -> wire.View:
        del request
        self._exam_desk.begin()
        return self.view()

    def _ask_paper(self, request: wire.AskPaper) -> wire.Paper:
        del request
        return self._exam_desk.paper()

    def _save_answer(self, request: wire.SaveAnswer) -> wire.Saved:
        return wire.Saved(seq=self._exam_desk.save_answer(request))

    def _submit(self, request: wire.Submit) -> wire.View:
        del request
        self._exam_desk.submit()
        return self.view()

    def _ask_record(self, request: wire.AskRecord) -> wire.Record:
        del request
        history = self._scribe.current()
        pending = {session for session, _, _ in self._store.unreceipted()}
        waiting = {segment.session for segment in self._store.unreceived(-1)}
        return wire.Record(
            session=history.session.id,
            state=history.session.state,
            answered=answered(history.answers),
            questions=len(self._preparation.exam(history.session.id).questions),
            flags=tuple(sorted(history.flags.values(), key=lambda flag: flag.started_ms)),
            gaps=len(history.gaps),
            recorded_ms=history.recorded_ms(),
            segments=len(history.segments),
            late_segments=self._store.late_count(history.session.id),
            receipted=history.session.id not in pending | waiting,
            head_seq=self._scribe.head.seq,
            head_hash=self._scribe.head.hash,
            photo_taken=history.photo is not None,
        )

    def _leave(self, request: wire.Leave) -> wire.View:
        del request
        self._exam_desk.leave()
        return self.view()

    def _raise_flag(self, request: wire.RaiseFlag) -> wire.Saved:
        raised = f.FlagRaised(flag=request.flag, thumbnails=request.thumbnails)
        return self._flag(request.session, request.flag, False, raised)

    def _end_flag(self, request: wire.EndFlag) -> wire.Saved:
        ended = f.FlagEnded(flag=request.flag, thumbnails=request.thumbnails)
        return self._flag(request.session, request.flag, True, ended)

    def _flag(self, session: str, flag: Flag, ended: bool, fact: f.Fact) -> wire.Saved:
        known = self._scribe.recording(session).flag_seqs.get((flag.id, ended))
        return wire.Saved(seq=known or self._scribe.write(fact))

    def _store_segment(self, request: wire.StoreSegment) -> wire.Saved:
        return wire.Saved(seq=self._evidence.take(request))

    def _report_gap(self, request: wire.ReportGap) -> wire.Saved:
        gap = f.Gap(part=request.part, from_ms=request.from_ms, to_ms=request.to_ms, reason=request.reason)
        if gap in self._scribe.recording(request.session).gaps:
            return wire.Saved(seq=self._scribe.head.seq)
        return wire.Saved(seq=self._scribe.write(gap))

    def _report_camera_end(self, request: wire.ReportCameraEnd) -> wire.Saved:
        if request.part in self._scribe.recording(request.session).cameras_ended:
            return wire.Saved(seq=self._scribe.head.seq)
        return wire.Saved(seq=self._scribe.write(f.CameraEnded(reason=request.reason, part=request.part)))

    def _report_encoder(self, request: wire.ReportEncoder) -> wire.Saved:
        if self._scribe.recording(request.session).encoders.get(request.part) == request.encoder:
            return wire.Saved(seq=self._scribe.head.seq)
        chosen = f.EncoderChosen(encoder=request.encoder, reason=request.reason, part=request.part)
        return wire.Saved(seq=self._scribe.write(chosen))

    def _report_reduction(self, request: wire.ReportReduction) -> wire.Saved:
        if self._scribe.recording(request.session).reduced == request.reduced.level:
            return wire.Saved(seq=self._scribe.head.seq)
        return wire.Saved(seq=self._scribe.write(request.reduced))

    def _press_call(self, request: wire.PressCall) -> wire.Saved:
        del request
        called_ms = self._scribe.current().called_mono_ms
        if called_ms is not None and 0 <= self._clock.mono_ms() - called_ms < CALL_MS:
            return wire.Saved(seq=self._scribe.head.seq)
        return wire.Saved(seq=self._scribe.write(f.CallPressed()))

    def _move_lid(self, request: wire.MoveLid) -> wire.Saved:
        if self._scribe.current().lid_open is request.open:
            return wire.Saved(seq=self._scribe.head.seq)
        return wire.Saved(seq=self._scribe.write(f.LidMoved(open=request.open)))

    def _drained(self, request: wire.Drained) -> wire.Done:
        self._exam_desk.hand_over(request)
        return wire.Done()

    def _ask_outbox(self, request: wire.AskOutbox) -> wire.Outbox:
        del request
        return self._post.outbox()

    def _ask_lines(self, request: wire.AskLines) -> wire.Lines:
        return self._post.lines(request)

    def _take_receipt(self, request: wire.TakeReceipt) -> wire.Done:
        self._post.take_receipt(request.receipt)
        return wire.Done()

    def _take_time(self, request: wire.TakeTime) -> wire.Done:
        self._timekeeping.take(request)
        return wire.Done()

    def _take_order(self, request: wire.TakeOrder) -> wire.OrderOutcome:
        return self._post.take_order(request.order)

    _ANSWERS: dict[type, Callable[[Any, Any], wire.Message]] = {  # noqa: RUF012 (a table, never changed)
        wire.Hello: _hello,
        wire.Alive: _alive,
        wire.Goodbye: _goodbye,
        wire.AskView: _ask_view,
        wire.SignIn: _sign_in,
        wire.Consent: _consent,
        wire.FinishCheck: _finish_check,
        wire.GivePhoto: _give_photo,
        wire.MissPhoto: _miss_photo,
        wire.AskPhoto: _ask_photo,
        wire.Begin: _begin,
        wire.AskPaper: _ask_paper,
        wire.SaveAnswer: _save_answer,
        wire.Submit: _submit,
        wire.AskRecord: _ask_record,
        wire.Leave: _leave,
        wire.RaiseFlag: _raise_flag,
        wire.EndFlag: _end_flag,
        wire.StoreSegment: _store_segment,
        wire.ReportGap: _report_gap,
        wire.ReportCameraEnd: _report_camera_end,
        wire.ReportEncoder: _report_encoder,
        wire.ReportReduction: _report_reduction,
        wire.PressCall: _press_call,
        wire.MoveLid: _move_lid,
        wire.Drained: _drained,
        wire.AskOutbox: _ask_outbox,
        wire.AskLines: _ask_lines,
        wire.TakeReceipt: _take_receipt,
        wire.TakeTime: _take_time,
        wire.TakeOrder: _take_order,
    }

    # --- time and the view ---

    def tick(self) -> None:
        """Once a second: the note that custody is alive, silent parts, the exam clock, the seal."""
        try:
            self._store.beat(
                Heartbeat(boot=self._clock.boot(), mono_ms=self._clock.mono_ms(), at_utc_ms=self._clock.utc_ms())
            )
            self._timekeeping.tick()
            self._attendance.tick()
            self._exam_desk.tick()
            self._scribe.checkpoint()
            self._disk.works()
            self._retention.tick()
        except StorageFailed as failure:
            log.error("%s", failure)
            self._disk.failed(failure)

    def view(self) -> wire.View:
        """The desk as it stands."""
        prepared, history = self._preparation.newest, self._scribe.history
        empty = wire.View(
            desk=self._desk.desk,
            prepared=prepared is not None,
            walk_in=bool(prepared and prepared.walk_in_exam and prepared.policy.mode is Mode.POST_REVIEW),
            policy=self._preparation.policy(history.session.id if history else None),
            disk=self._disk.trouble,
            cameras=self._desk.cameras,
            clock_trusted=self._timekeeping.trusted,
        )
        return empty if history is None else self._view_of(empty, history)

    def _view_of(self, empty: wire.View, history: History) -> wire.View:
        session, opened = history.session, history.opened
        assert opened is not None, "a ledger opens with SessionOpened"
        return wire.View(
            desk=empty.desk,
            prepared=empty.prepared,
            walk_in=empty.walk_in,
            policy=empty.policy,
            session=session.id,
            state=session.state,
            candidate=opened.candidate,
            exam_title=opened.exam_title,
            questions=len(self._preparation.exam(history.session.id).questions),
            consented=history.consented,
            photo=self._exam_desk.photo_step(),
            zero_mono_ms=history.zero_mono_ms,
            left_ms=None if session.state is State.SEALED else self._exam_desk.left_ms(history),
            reason=history.reason,
            message=history.message,
            camera_ended=f.Part.CAPTURE in history.cameras_ended,
            segment_numbers=dict(history.segment_numbers),
            cameras=1 + len(history.second),
            head_seq=history.seq,
            answered=answered(history.answers),
            called=history.called,
            absent=self._attendance.absent,
            disk=empty.disk,
            clock_trusted=empty.clock_trusted,
        )
