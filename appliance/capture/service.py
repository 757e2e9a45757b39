"""The loop: custody's View says what to film, finished segments go to custody.

In come View and pictures; out go pictures to the other processes, segments, gaps and the camera's end. When it dies,
the partial file stays and the next run closes it over. When custody dies, filming goes on and segments wait in their
folder.
"""

from __future__ import annotations

import logging
from typing import Final

from appliance.capture.filming import Filming, FilmingThread, task
from appliance.capture.hand_over import HandOver
from appliance.capture.salvage import salvage
from appliance.capture.segments import Incoming, Part
from appliance.runtime.clock import Clock
from appliance.runtime.custody_link import Custody, CustodyAway
from appliance.runtime.life import Life
from proctoring.session import ACTIVE, ENDED
from proctoring.wire import AskView, Done, Drained, ReportGap, View

log = logging.getLogger(__name__)

VIEW_TIMEOUT_MS: Final = 100


class Service:
    """Capture, as the desk's other processes see it."""

    def __init__(
        self, custody: Custody, filming: Filming, incoming: Incoming, hand_over: HandOver, clock: Clock
    ) -> None:
        self._custody = custody
        self._filming = filming
        self._incoming = incoming
        self._hand_over = hand_over
        self._clock = clock
        self._view: View | None = None
        self._drained: str | None = None
        self._thread = FilmingThread(filming)
        self._left_over = incoming.parts()

    def film(self, newest: View | None) -> None:
        """Begins to film, at once as `newest` says where a View is known: custody may be away just now."""
        if newest is not None:
            self._take_up(newest)
        self._thread.start()

    def run(self, life: Life) -> None:
        """Works until told to stop; then the last segment is finished and handed over."""
        self._ask_view()
        turns = 0
        while life.goes_on:
            self.turn()
            self._thread.check()
            if self._thread.turns != turns:
                turns = self._thread.turns
                life.progress()
        self._thread.stop()
        self.give()

    def turn(self) -> None:
        """Follows the newest View, hands over, and says when all of an ended session is handed over."""
        view = self._custody.view(VIEW_TIMEOUT_MS)
        if view is not None:
            self.follow(view)
        if self.give() and self._view:
            self._say_drained(self._view)

    def follow(self, view: View) -> None:
        """Takes up what `view` asks for."""
        self._view = view
        self._take_up(view)
        if view.session:
            self._salvage(view)

    def _take_up(self, view: View) -> None:
        if view.session:
            self._incoming.count_on(view.session, view.segment_numbers.get(self._hand_over.camera, 0))
        self._filming.follow(task(view, self._hand_over.part))

    def give(self) -> bool:
        """Offers custody what there is; whether it could take all of it."""
        session = self._view.session if self._view else None
        return self._hand_over.attempt(session)

    def _ask_view(self) -> None:
        """A View comes by itself within a second; in the middle of an exam a second is long."""
        try:
            self.follow(self._custody.ask(AskView(), View, patience_s=1.0))
        except CustodyAway as error:
            log.warning("%s", error)

    def _say_drained(self, view: View) -> None:
        if view.state not in ENDED or view.session == self._drained:
            return
        if self._filming.task != task(view, self._hand_over.part):
            return
        # Filming rests from now on; what it finished since the last look is handed over first.
        if view.session and self.give() and self._told_custody(view.session):
            self._drained = view.session

    def _told_custody(self, session: str) -> bool:
        try:
            self._custody.ask(Drained(session=session, part=self._hand_over.part), Done)
        except CustodyAway as error:
            log.warning("%s", error)
            return False
        return True

    def _salvage(self, view: View) -> None:
        """Once, while its recording goes on: closes over what the last run left."""
        left_over, self._left_over = self._left_over, []
        for part in left_over:
            if salvage(self._incoming, part, round(1000 / view.policy.recording.frames_per_s)) is None:
                self._give_up(part, view)

    def _give_up(self, part: Part, view: View) -> None:
        path = self._incoming.set_aside(part)
        if part.session != view.session or view.state not in ACTIVE | ENDED:
            log.warning("%s is of an older session, whose ledger is closed, and cannot be played", path)
            return
        now_ms = self._clock.mono_ms() - (view.zero_mono_ms or 0)
        reason = f"the recording of this time cannot be played; its file was left as {path.name}"
        gap = ReportGap(
            session=part.session,
            part=self._hand_over.part,
            from_ms=part.started_ms,
            to_ms=max(now_ms, part.started_ms),
            reason=reason,
        )
        self._hand_over.report(gap)
