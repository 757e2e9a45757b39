"""The loop of the analysis: the newest frame becomes an Observation, the rules make flags of it, custody keeps them.

Comes in: frames from the camera's owner, the View from custody. Goes out: RaiseFlag and EndFlag, and Drained once a
session has ended. While custody is away, what it must know is held and sent again. When this process dies, the
recording and the exam go on; flags that were open stay open in the ledger, and custody records the gap.
"""

from __future__ import annotations

import logging
from collections import deque

from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.picture import Picture, PictureBroken, from_i420
from appliance.edge_ai.ports import FrameSource
from appliance.edge_ai.session_watch import SessionWatch
from appliance.edge_ai.thumbnail import thumbnail
from appliance.runtime.clock import Clock
from appliance.runtime.custody_link import Custody, CustodyAway
from appliance.runtime.frames import Frame
from appliance.runtime.life import Life
from proctoring.errors import Refused, WireError
from proctoring.fact import Part
from proctoring.flag import Flag
from proctoring.session import ENDED, State
from proctoring.wire import Done, Drained, EndFlag, RaiseFlag, Saved, View

log = logging.getLogger(__name__)

IDLE_MS = 200
FRAME_PATIENCE_MS = 200
CUSTODY_PATIENCE_S = 0.5

# Far more flags than a session has while custody is restarted; with their thumbnails some 3 MB.
HELD = 256

News = RaiseFlag | EndFlag | Drained


class EdgeAI:
    """The analysis of one desk; `step` is one frame, or a short wait where there is nothing to analyse."""

    def __init__(
        self,
        custody: Custody,
        frames: FrameSource,
        analyser: Analyser,
        clock: Clock,
        *,
        frames_per_s: float,
        models: dict[str, str],
        runtime: str,
    ) -> None:
        self._custody = custody
        self._frames = frames
        self._analyser = analyser
        self._clock = clock
        self._every_ms = 1000 / frames_per_s
        self._models = models
        self._runtime = runtime
        self._watch: SessionWatch | None = None
        self._running = False
        self._drained: str | None = None
        self._due_ms = 0.0
        self._held: deque[News] = deque()

    def run(self, life: Life) -> None:
        """Steps until told to stop."""
        while life.goes_on:
            self.step()
            life.progress()

    def step(self) -> None:
        """Hears custody, looks at one frame while an exam is running, tells custody what there is to tell."""
        view = self._custody.view(0 if self._running else IDLE_MS)
        if view is not None:
            self._follow(view)
        if self._running:
            self._look()
        self._tell()

    def _follow(self, view: View) -> None:
        running = view.state is State.RUNNING and view.session is not None and view.zero_mono_ms is not None
        if self._running and not running:
            self._rest()
        if running:
            self._watch_over(view)
        if view.session is not None and view.state in ENDED:
            self._drain(view.session)
        self._running = running

    def _watch_over(self, view: View) -> None:
        assert view.session is not None and view.zero_mono_ms is not None
        if self._watch is None or self._watch.session != view.session:
            self._rest()
            self._watch = SessionWatch(view.session, view.zero_mono_ms, view.policy, self._models)

    def _drain(self, session: str) -> None:
        if session == self._drained:
            return
        self._drained = session
        watched = self._watch if self._watch and self._watch.session == session else None
        self._hold(
            Drained(session=session, part=Part.EDGE_AI, summary=watched.summary(self._runtime) if watched else None)
        )
        self._watch = None

    def _rest(self) -> None:
        if self._watch is not None:
            for flag in self._watch.rest():
                self._hold(EndFlag(session=self._watch.session, flag=flag))

    def _look(self) -> None:
        self._keep_the_pace()
        try:
            frame = self._frames.newest(FRAME_PATIENCE_MS)
            if frame is not None:
                self._analyse(frame)
        except (WireError, PictureBroken) as error:
            log.warning("a frame was left out: %s", error)

    def _keep_the_pace(self) -> None:
        now_ms = self._clock.mono_ms()
        if now_ms < self._due_ms:
            self._clock.wait((self._due_ms - now_ms) / 1000)
        self._due_ms = max(now_ms, self._due_ms) + self._every_ms

    def _analyse(self, frame: Frame) -> None:
        assert self._watch is not None
        head = frame.head
        at_ms = head.mono_ms - self._watch.zero_mono_ms
        if at_ms < 0:
            return
        picture = from_i420(frame.planes, head.width, head.height)
        for flag in self._watch.feed(self._analyser.observe(picture, at_ms), head.number):
            self._hold(_news(self._watch.session, flag, picture))

    def _tell(self) -> None:
        try:
            while self._held:
                self._say(self._held[0])
                self._held.popleft()
        except CustodyAway:
            log.warning("custody is away; %d messages held", len(self._held))

    def _say(self, news: News) -> None:
        try:
            self._custody.ask(news, Done if isinstance(news, Drained) else Saved, patience_s=CUSTODY_PATIENCE_S)
        except Refused as refused:
            log.warning("custody has no use for %s: %s", type(news).__name__, refused.reason)

    def _hold(self, news: News) -> None:
        if len(self._held) == HELD:
            log.error("custody is away for too long; %s is lost", type(self._held.popleft()).__name__)
        self._held.append(news)


def _news(session: str, flag: Flag, picture: Picture) -> News:
    if flag.ended_ms is not None:
        return EndFlag(session=session, flag=flag)
    return RaiseFlag(session=session, flag=flag, thumbnail=thumbnail(picture, flag.why.boxes))
