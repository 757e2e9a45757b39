"""The camera's own thread: pictures to the recorder and to whoever looks. It never waits for custody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import msgspec

from appliance.capture.pace import Pace
from appliance.capture.ports import Ear, NoCamera, NoMicrophone, Source, Tape, Window
from appliance.capture.recorder import NO_FRAMES
from appliance.capture.time_base import TimeBase
from appliance.capture.video import fitted
from appliance.runtime.clock import Clock
from appliance.runtime.frames import Frame
from appliance.runtime.sounds import Sound
from proctoring.fact import Part
from proctoring.policy import Recording
from proctoring.segment import EndedBy
from proctoring.session import State
from proctoring.wire import FrameHead, ReportCameraEnd, View

PATIENCE_S: Final = 0.2
"""How late a new task may be noticed while the camera gives nothing."""

JOIN_S: Final = 5.0

AWAY_MS: Final = 3000
"""A camera that is away for so long is told of at once: as long as custody waits for a part that says nothing."""

JUMPED: Final = "the camera's clock jumped {} by {:.1f} s"

Report = Callable[[ReportCameraEnd], None]

MakeTape = Callable[[str, Recording, int], Tape]
"""Makes the tape of a session with these settings, from a moment after its zero on."""


class NoEar:
    """See Ear: nobody listens."""

    def begin(self, zero_mono_ms: int | None) -> None:
        """Nothing to do."""

    def heard(self) -> list[Sound | NoMicrophone]:
        """Nothing."""
        return []


NO_EAR: Final = NoEar()


class Task(msgspec.Struct, frozen=True):
    """What a View asks of the camera."""

    session: str | None = None
    zero_mono_ms: int | None = None
    records: bool = False
    settings: Recording = Recording()
    tells_away: bool = False
    """Nobody else notices when this camera is away, so that is told before the gap's end is known."""


def task(view: View, part: Part = Part.CAPTURE) -> Task:
    """A session is recorded while it is running or paused; by a second camera if the candidate was told of two."""
    under_way = view.state in (State.RUNNING, State.PAUSED) and view.zero_mono_ms is not None
    records = under_way and (part is Part.CAPTURE or view.cameras > 1)
    return Task(view.session, view.zero_mono_ms, records, view.policy.recording, part is not Part.CAPTURE)


class Filming:
    """Films as the newest task says. `turn` is one step of its thread."""

    def __init__(
        self,
        source: Source,
        window: Window,
        tapes: MakeTape,
        report: Report,
        clock: Clock,
        offer_per_s: float,
        ear: Ear = NO_EAR,
    ) -> None:
        self._source = source
        self._seen_ms = clock.mono_ms()
        self._window = window
        self._tapes = tapes
        self._report = report
        self._clock = clock
        self._offer_per_s = offer_per_s
        self._ear = ear
        self._newest = Task()
        self._recorder: Tape | None = None
        self._times = TimeBase()
        self._take_up(Task())

    def follow(self, newest: Task) -> None:
        """Gives it another task; from any thread."""
        self._newest = newest

    @property
    def task(self) -> Task:
        """The task at work, so with nothing left over from the one before."""
        return self._task

    def turn(self) -> None:
        """One picture, or the lack of one."""
        if self._newest != self._task:
            self._change(self._newest)
        frame = self._taken()
        self._hear()
        if frame is not None:
            self._miss(frame.head)
        if frame is not None and self._pace.takes(frame.head.mono_ms):
            self._use(fitted(frame, self._task.settings.width, self._task.settings.height))
        if self._recorder:
            self._look_after(self._recorder, seen=frame is not None)

    def stop(self) -> None:
        """Finishes the recording."""
        if self._recorder:
            self._hear()
            self._recorder.stop(self._at_ms(), EndedBy.STOP)
        self._ear.begin(None)
        self._recorder = None

    def _change(self, new: Task) -> None:
        """Finishes the old task, then takes up the new one."""
        self.stop()
        self._source.begin(new.zero_mono_ms)
        self._take_up(new)
        if new.records and new.session is not None:
            self._recorder = self._tapes(new.session, new.settings, max(0, self._at_ms()))
            self._ear.begin(new.zero_mono_ms if new.settings.microphone else None)

    def _take_up(self, new: Task) -> None:
        self._pace = Pace(new.settings.frames_per_s)
        self._offers = Pace(self._offer_per_s)
        self._task = new
        self._before: FrameHead | None = None

    def _taken(self) -> Frame | None:
        """The next picture, its time on the desk's clock. What is wrong with the camera is told."""
        try:
            frame = self._source.next(PATIENCE_S)
        except NoCamera as error:
            self._fault(str(error))
            self._tell_away(str(error))
            return None
        if frame is None:
            self._tell_away(NO_FRAMES)
            return None
        self._seen_ms = self._clock.mono_ms()
        head, jump_ms = self._times.set_right(frame.head, self._clock.mono_ms())
        if jump_ms:
            self._fault(JUMPED.format("ahead" if jump_ms > 0 else "back", abs(jump_ms) / 1000))
        return Frame(head, frame.planes)

    def _hear(self) -> None:
        for heard in self._ear.heard():
            if self._recorder is None:
                continue
            if isinstance(heard, NoMicrophone):
                self._recorder.mute(str(heard))
            else:
                self._recorder.hear(heard, heard.mono_ms - (self._task.zero_mono_ms or 0))

    def _fault(self, reason: str) -> None:
        if self._recorder:
            self._recorder.fault(reason)

    def _tell_away(self, reason: str) -> None:
        long = self._clock.mono_ms() - max(self._seen_ms, self._task.zero_mono_ms or 0) >= AWAY_MS
        if self._task.tells_away and self._recorder and self._task.session and long:
            self._report(ReportCameraEnd(session=self._task.session, reason=reason))
            self._seen_ms = self._clock.mono_ms()

    def _use(self, frame: Frame) -> None:
        at_ms = frame.head.mono_ms - (self._task.zero_mono_ms or 0)
        if self._recorder and at_ms >= 0:
            self._recorder.add(frame, at_ms)
        if self._offers.takes(frame.head.mono_ms):
            self._window.offer(frame)

    def _miss(self, head: FrameHead) -> None:
        """Pictures that were lost before `head` came, of which the recording would have had those at its pace."""
        before, self._before = self._before, head
        if before is None or self._recorder is None:
            return
        jump = head.number - before.number
        for n in range(1, jump):
            at_ms = before.mono_ms + (head.mono_ms - before.mono_ms) * n // jump
            if self._pace.takes(at_ms):
                self._recorder.miss(max(0, at_ms - (self._task.zero_mono_ms or 0)))

    def _look_after(self, recorder: Tape, seen: bool) -> None:
        if not seen:
            recorder.look(self._at_ms())
        if self._source.ended and self._task.session:
            recorder.stop(self._at_ms(), EndedBy.CAMERA)
            self._recorder = None
            self._report(ReportCameraEnd(session=self._task.session, reason=self._source.ended))

    def _at_ms(self) -> int:
        return self._clock.mono_ms() - (self._task.zero_mono_ms or 0)


class FilmingThread:
    """Runs a Filming beside the caller. What it dies of is raised in the caller's own thread."""

    def __init__(self, filming: Filming) -> None:
        self._filming = filming
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="filming", daemon=True)
        self.turns = 0
        """Counts up with every step: progress, as systemd's watchdog wants it."""

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def check(self) -> None:
        """Raises what the thread died of."""
        if self._error:
            raise self._error

    def stop(self) -> None:
        """Ends it with the recording finished, waiting a few seconds at the most."""
        self._stop.set()
        self._thread.join(JOIN_S)
        self.check()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._filming.turn()
                self.turns += 1
            self._filming.stop()
        except BaseException as error:
            self._error = error
