"""What custody is still to be told. Segments wait as files, so that only the disk bounds them; the rest in memory."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

import msgspec

from appliance.capture.segments import Done, Incoming
from appliance.runtime.clock import Clock
from appliance.runtime.custody_link import Custody, CustodyAway, DiskFails
from proctoring.errors import Refused
from proctoring.fact import Part
from proctoring.wire import ReportCameraEnd, ReportEncoder, ReportGap, Saved, StoreSegment

log = logging.getLogger(__name__)

PATIENCE_S: Final = 1.0
AGAIN_MS: Final = 5000
"""After a refusal, so long until the next try: a disk may have space again."""
REST_MS: Final = 1000
"""While the disk takes nothing, so long until the next try: each costs custody a sealing."""
REPORTS_HELD: Final = 1000
"""A thousand gaps of a second or more are longer than custody is ever away."""

Report = ReportGap | ReportCameraEnd | ReportEncoder


class HandOver:
    """Hands segments and reports to custody, again and again until it has them.

    `report` may be called from another thread. What it is given is told in the name of `part`.
    """

    def __init__(
        self, custody: Custody, incoming: Incoming, camera: str, clock: Clock, part: Part = Part.CAPTURE
    ) -> None:
        self._custody = custody
        self._incoming = incoming
        self.camera = camera
        self.part = part
        self._clock = clock
        self._reports: deque[Report] = deque(maxlen=REPORTS_HELD)
        self._refused_ms: dict[str, int] = {}
        self._rest_ms = 0

    def report(self, report: Report) -> None:
        """Something for custody to write down."""
        self._reports.append(msgspec.structs.replace(report, part=self.part))

    def attempt(self, session: str | None) -> bool:
        """Offers all there is, reports for `session` alone; whether custody has had the chance to take everything.

        Of an older session, which is sealed, custody keeps a segment beside the ledger.
        """
        if self._clock.mono_ms() < self._rest_ms:
            return False
        try:
            while session is not None and self._reports:
                self._tell(session, self._reports[0])
                self._reports.popleft()
            for done in self._incoming.done():
                self._offer(done)
        except CustodyAway as error:
            log.warning("%s", error)
            self._rest_ms = self._clock.mono_ms() + (REST_MS if isinstance(error, DiskFails) else 0)
            return False
        return True

    def _tell(self, session: str, report: Report) -> None:
        if report.session != session:
            log.error("Too late for its ledger: %s", report)
            return
        try:
            self._custody.ask(report, Saved, PATIENCE_S)
        except Refused as refusal:
            log.error("Not recorded: %s: %s", report, refusal.reason)

    def _offer(self, done: Done) -> None:
        if self._clock.mono_ms() < self._refused_ms.get(done.path.name, 0):
            return
        try:
            segment = done.segment(self.camera)
            self._custody.ask(
                StoreSegment(session=done.session, segment=segment, file=str(done.path)), Saved, PATIENCE_S
            )
        except FileNotFoundError:
            return
        except (Refused, OSError) as error:
            if isinstance(error, CustodyAway):
                raise
            self._put_off(done, str(error))

    def _put_off(self, done: Done, why: str) -> None:
        if done.path.name not in self._refused_ms:
            log.error("%s could not be handed over: %s It stays, and is offered again.", done.path, why)
        self._refused_ms[done.path.name] = self._clock.mono_ms() + AGAIN_MS
