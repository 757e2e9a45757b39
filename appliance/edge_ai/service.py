"""The loop of the analysis: the newest frame becomes an Observation, the rules make flags of it, custody keeps them.

Comes in: frames and, where there is a microphone, sound from their owner, the View from custody. Goes out: RaiseFlag
and EndFlag, ReportReduction where looks are left out for want of time, and Drained once a session has ended. While
custody is away, what it must know is held and sent again. When this process dies, the recording and the exam go on;
flags that were open stay open in the ledger, and custody records the gap.
"""

from __future__ import annotations

import logging
from collections import deque

from appliance.edge_ai.analyser import Detectors
from appliance.edge_ai.budget import Budget, Reading, Step
from appliance.edge_ai.check_in import CheckIn
from appliance.edge_ai.hearing import NoEars
from appliance.edge_ai.picture import Picture, PictureBroken, from_i420
from appliance.edge_ai.ports import FrameSource, Voices
from appliance.edge_ai.schedule import ORDER
from appliance.edge_ai.session_watch import SessionWatch, Sighting
from appliance.runtime.clock import Clock
from appliance.runtime.custody_link import Custody, CustodyAway
from appliance.runtime.life import Life
from proctoring.errors import Refused, WireError
from proctoring.fact import AnalysisReduced, Part
from proctoring.policy import Policy
from proctoring.session import ENDED, State
from proctoring.wire import (
    AskPhoto,
    CheckInPhoto,
    Done,
    Drained,
    EndFlag,
    FrameHead,
    GivePhoto,
    MissPhoto,
    RaiseFlag,
    ReportReduction,
    Saved,
    View,
)

log = logging.getLogger(__name__)

IDLE_MS = 200
FRAME_PATIENCE_MS = 200
CUSTODY_PATIENCE_S = 0.5

# Far more flags than a session has while custody is restarted; with their thumbnails 9 MB at the most.
HELD = 256

News = RaiseFlag | EndFlag | ReportReduction | GivePhoto | MissPhoto | Drained


class EdgeAI:
    """The analysis of one desk; `step` is one frame, or a short wait where there is nothing to analyse."""

    def __init__(
        self,
        custody: Custody,
        frames: FrameSource,
        detectors: Detectors,
        check_in: CheckIn,
        clock: Clock,
        budget: Budget,
        ears: Voices | None = None,
    ) -> None:
        self._custody = custody
        self._frames = frames
        self._detectors = detectors
        self._analyser = detectors.analyser
        self._check_in = check_in
        self._clock = clock
        self._budget = budget
        self._ears = ears or NoEars()
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
        """Hears custody, looks at one frame where there is need, tells custody what there is to tell."""
        view = self._custody.view(0 if self._running or self._check_in.wanted else IDLE_MS)
        if view is not None:
            self._follow(view)
        if self._running:
            self._look()
        elif self._check_in.wanted:
            self._photograph()
        self._tell()

    def _follow(self, view: View) -> None:
        running = view.state is State.RUNNING and view.session is not None and view.zero_mono_ms is not None
        if self._running and not running:
            self._rest()
        if running:
            running = self._watch_over(view)
        self._check_in.follow(view)
        if view.session is not None and view.state in ENDED:
            self._drain(view.session)
        self._running = running

    def _watch_over(self, view: View) -> bool:
        """Whether the session is watched; where custody cannot be asked who sits there, the next View tries again."""
        assert view.session is not None and view.zero_mono_ms is not None
        if self._watch is None or self._watch.session != view.session:
            self._rest()
            self._watch = None
            if not self._learnt_who(view.session, view.policy):
                return False
            models = self._detectors.models | (self._ears.models if view.policy.recording.microphone else {})
            self._watch = SessionWatch(view.session, view.zero_mono_ms, view.policy, models, self._budget.rates)
            self._report(Step(self._budget.level, 0, "The detectors have just begun."), self._now_ms())

        return True

    def _learnt_who(self, session: str, policy: Policy) -> bool:
        """Whom to compare with. Custody is asked anew after every start, so the photo outlives this process."""
        photo = None
        try:
            if policy.identity:
                kept = self._custody.ask(AskPhoto(session=session), CheckInPhoto, patience_s=CUSTODY_PATIENCE_S)
                photo = self._check_in.person_on(kept.jpeg)
        except (CustodyAway, Refused) as error:
            log.warning("the exam is not watched yet: %s", error)
            return False
        self._analyser.begin(photo, policy)
        return True

    def _drain(self, session: str) -> None:
        if session == self._drained:
            return
        self._drained = session
        watched = self._watch if self._watch and self._watch.session == session else None
        self._hold(
            Drained(
                session=session,
                part=Part.EDGE_AI,
                summary=watched.summary(self._detectors.runtime) if watched else None,
            )
        )
        self._watch = None

    def _rest(self) -> None:
        self._budget.rest()
        if self._watch is not None:
            for sighting in self._watch.rest():
                self._hold(_news(self._watch.session, sighting))

    def _look(self) -> None:
        self._keep_the_pace()
        seen = self._newest()
        if seen is not None:
            self._analyse(*seen)

    def _photograph(self) -> None:
        seen = self._newest()
        news = self._check_in.look(seen[1] if seen else None)
        if news is not None:
            self._hold(news)

    def _newest(self) -> tuple[FrameHead, Picture] | None:
        """The newest frame, if there is one that can be used."""
        try:
            frame = self._frames.newest(FRAME_PATIENCE_MS)
            if frame is not None:
                return frame.head, from_i420(frame.planes, frame.head.width, frame.head.height)
        except (WireError, PictureBroken) as error:
            log.warning("a frame was left out: %s", error)
        return None

    def _keep_the_pace(self) -> None:
        assert self._watch is not None
        now_ms = self._clock.mono_ms()
        if now_ms < self._due_ms:
            self._clock.wait((self._due_ms - now_ms) / 1000)
        self._due_ms = max(now_ms, self._due_ms) + self._watch.frame_pause_ms(self._budget.level)

    def _analyse(self, head: FrameHead, picture: Picture) -> None:
        assert self._watch is not None
        at_ms = head.mono_ms - self._watch.zero_mono_ms
        if at_ms < 0:
            return
        looks = self._watch.plan(at_ms, self._budget.level)
        seen = self._analyser.observe(picture, at_ms, looks, self._ears.voice(head.mono_ms))
        latency_ms = self._clock.mono_ms() - head.mono_ms
        for sighting in self._watch.feed(seen, head.number, picture, latency_ms):
            self._hold(_news(self._watch.session, sighting))
        self._keep_the_budget(latency_ms)

    def _keep_the_budget(self, latency_ms: int) -> None:
        step = self._budget.feed(Reading(self._clock.mono_ms(), self._clock.cpu_ms(), latency_ms))
        if step is not None:
            log.info("level %d instead of %d: %s", step.level, step.was, step.reason)
            self._report(step, self._now_ms())

    def _now_ms(self) -> int:
        """Since the session's zero."""
        return self._clock.mono_ms() - self._watch.zero_mono_ms if self._watch else 0

    def _report(self, step: Step, at_ms: int) -> None:
        assert self._watch is not None
        left_out = ORDER[: step.level]
        reduced = AnalysisReduced(at_ms=at_ms, level=step.level, was=step.was, left_out=left_out, reason=step.reason)
        self._hold(ReportReduction(session=self._watch.session, reduced=reduced))

    def _tell(self) -> None:
        try:
            while self._held:
                self._say(self._held[0])
                self._held.popleft()
        except CustodyAway:
            log.warning("custody is away; %d messages held", len(self._held))

    def _say(self, news: News) -> None:
        try:
            answer = Done if isinstance(news, Drained | GivePhoto | MissPhoto) else Saved
            self._custody.ask(news, answer, patience_s=CUSTODY_PATIENCE_S)
        except Refused as refused:
            log.warning("custody has no use for %s: %s", type(news).__name__, refused.reason)

    def _hold(self, news: News) -> None:
        if len(self._held) == HELD:
            log.error("custody is away for too long; %s is lost", type(self._held.popleft()).__name__)
        self._held.append(news)


def _news(session: str, sighting: Sighting) -> News:
    kind = RaiseFlag if sighting.flag.ended_ms is None else EndFlag
    return kind(session=session, flag=sighting.flag, thumbnails=sighting.thumbnails)
