"""What the desk forgets: recordings that the server has, some days after it had all of their session.

Three things must hold at once. Receipts name every line of the sealed ledger and every segment by its hash. The days
of the session's policy have passed by the server's clock, which was measured in this boot: a wall clock alone forgets
nothing, for it may stand anywhere. And there is no legal hold, which beats both.

First the row says what is forgotten, when and by which receipt; then the file goes. After a crash in between the next
pass takes the file away. Ledger lines, late segments and what was set aside as orphans are never forgotten.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from appliance.custody.store import Held, Store, StoredSegment
from appliance.custody.timekeeping import Timekeeping
from appliance.runtime.clock import Clock
from durable.files import sync
from proctoring.policy import Policy
from proctoring.wire import Hold, Order, Release

log = logging.getLogger(__name__)

EVERY_MS: Final = 180_000
DAY_MS: Final = 86_400_000

FILES_A_PASS: Final = 64
"""Taking a file of 200 kB away costs a millisecond or two; no answer waits longer than for a synced commit or two."""


class Retention:
    """The desk's forgetting."""

    def __init__(self, store: Store, timekeeping: Timekeeping, clock: Clock) -> None:
        self._store = store
        self._timekeeping = timekeeping
        self._clock = clock
        self._due_mono_ms = 0

    def held(self, order: Order) -> Held | None:
        """The row of an order that sets or lifts a legal hold; None for any other order."""
        command = order.command
        if not isinstance(command, Hold | Release) or order.session is None:
            return None
        return Held(
            session=order.session,
            number=command.number,
            held=isinstance(command, Hold),
            by=order.by,
            reason=command.reason,
            at_utc_ms=self._timekeeping.utc_ms(),
        )

    def tick(self) -> None:
        """A pass at the start and every few minutes; the next one at once where this one did not get through."""
        if self._clock.mono_ms() >= self._due_mono_ms:
            through = self.sweep() < FILES_A_PASS
            self._due_mono_ms = self._clock.mono_ms() + (EVERY_MS if through else 0)

    def sweep(self) -> int:
        """One pass; gives the number of files taken away."""
        if self._timekeeping.is_measured:
            now_ms = self._timekeeping.utc_ms()
            self._store.confirm_sessions(now_ms)
            self._forget(now_ms)
        return self._take_away()

    def _forget(self, now_ms: int) -> None:
        for session, confirmed_utc_ms in self._store.forgettable_sessions():
            if now_ms - confirmed_utc_ms >= self._days(session) * DAY_MS:
                self._store.forget(session, now_ms)
                log.info("the recording of session %s is forgotten: the server has it", session)

    def _days(self, session: str) -> int:
        text = self._store.note(f"policy {session}")
        return (msgspec.json.decode(text, type=Policy) if text else Policy()).keeps.desk_days

    def _take_away(self) -> int:
        """Removes files whose rows say that they are forgotten."""
        due = self._store.forgotten_files(FILES_A_PASS)
        gone = [segment for segment in due if _removed(segment)]
        try:
            for folder in {Path(segment.file).parent for segment in gone}:
                sync(folder)
        except OSError as error:
            log.warning("what was deleted may come back with a power cut: %s", error.strerror)
            return 0
        self._store.mark_gone(gone)
        return len(gone)


def _removed(segment: StoredSegment) -> bool:
    try:
        Path(segment.file).unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s is forgotten and cannot be deleted: %s", segment.file, error.strerror)
        return False
    return True
