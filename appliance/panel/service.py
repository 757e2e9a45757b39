"""The panel's loop: what custody says goes to the lamp, what the candidate and the case do goes to custody."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

from appliance.panel.lamp import lit, signal
from appliance.panel.ports import Board, Happening
from appliance.runtime.clock import Clock
from appliance.runtime.custody_link import Custody, CustodyAway
from appliance.runtime.life import Life
from proctoring.errors import Refused
from proctoring.wire import MoveLid, Saved, View

log = logging.getLogger(__name__)

TICK_MS: Final = 125
"""Half of the shortest light or dark of a rhythm, so that none is skipped."""
STALE_MS: Final = 3000
"""Custody tells once a second: three times missed, and the panel knows nothing any more."""
HELD: Final = 64
"""Happenings held while custody is away: more than a case can be opened by hand in a restart."""


class Panel:
    """One panel; `step` is one tick of at most TICK_MS while custody answers."""

    def __init__(self, board: Board, custody: Custody, clock: Clock) -> None:
        self._board = board
        self._custody = custody
        self._clock = clock
        self._view: View | None = None
        self._heard_ms = 0
        self._session: str | None = None
        self._held: deque[Happening] = deque(maxlen=HELD)

    def run(self, life: Life) -> None:
        """Steps until told to stop."""
        while life.goes_on:
            self.step()
            life.progress()

    def step(self) -> None:
        """Hears custody, tells it what happened, lights the lamp."""
        self._hear()
        self._tell()
        self._board.show(lit(signal(self._view), self._clock.mono_ms()))

    def _hear(self) -> None:
        news = self._custody.view(TICK_MS)
        now_ms = self._clock.mono_ms()
        if news is not None:
            self._view, self._heard_ms = news, now_ms
            self._greet(news.session)
        elif now_ms - self._heard_ms > STALE_MS:
            self._view = None

    def _greet(self, session: str | None) -> None:
        """A session's ledger begins with how the lid stands; so does a panel that came back within a session."""
        if session is not None and session != self._session:
            self._hold(MoveLid(open=self._board.lid_open()))
        self._session = session

    def _tell(self) -> None:
        for happening in self._board.take():
            self._hold(happening)
        try:
            while self._held:
                self._say(self._held[0])
                self._held.popleft()
        except CustodyAway:
            log.warning("custody is away; %d happenings held", len(self._held))

    def _hold(self, happening: Happening) -> None:
        if len(self._held) == HELD:
            log.warning("custody is away for too long; the oldest happening is lost: %r", self._held[0])
        self._held.append(happening)

    def _say(self, happening: Happening) -> None:
        try:
            self._custody.ask(happening, Saved, patience_s=0.5)
        except Refused as refused:
            log.info("custody has no use for %r: %s", happening, refused.reason)
