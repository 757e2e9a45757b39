"""What time it is, as far as this desk can know: its own wall clock, and the server's where `sync` has measured it.

A measurement ties the server's clock to the desk's monotonic one, so it holds for the rest of the boot, whatever is
done to the wall clock meanwhile. A desk without a clock battery starts in the past: its wall clock then stands before
times that it knows have been, and is not trusted until the server's is known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

import proctoring
from appliance.custody.scribe import Scribe
from appliance.custody.store import Store
from appliance.runtime.clock import Clock
from proctoring.fact import ClockMeasured, ClockStepped
from proctoring.wire import TakeTime

MEASURED: Final = "server's clock"
NEWEST: Final = "newest time"

STEP_MS: Final = 500
"""A wall clock that is steered gains or loses half a millisecond a second. Between the two readings of a tick a busy
machine may put some tens of milliseconds."""

NEWS_MS: Final = 250
"""Two measurements that differ by less than this, or by less than they are uncertain, say the same."""

NEWEST_EVERY_MS: Final = 60_000
"""How far the note of the newest time may lag: less writing, and no clock of a desk goes wrong by just a minute."""


def built_utc_ms() -> int:
    """When this software was put on the machine: it has not been earlier since."""
    return int(Path(proctoring.__file__).stat().st_mtime * 1000)


class Timekeeping:
    """The desk's knowledge of the time of day."""

    def __init__(self, store: Store, scribe: Scribe, clock: Clock, built_utc_ms: int) -> None:
        self._store = store
        self._scribe = scribe
        self._clock = clock
        self._newest_ms = max(built_utc_ms, int(store.note(NEWEST) or 0))
        beat = store.heartbeat()
        in_this_boot = beat is not None and beat.boot == clock.boot()
        self._apart_ms = beat.at_utc_ms - beat.mono_ms if beat and in_this_boot else self._wall_minus_mono_ms()
        noted = store.note(MEASURED)
        self._measured = msgspec.json.decode(noted, type=TakeTime) if noted else None

    @property
    def is_measured(self) -> bool:
        """Whether the server's clock is known in this boot."""
        return self._measured is not None and self._measured.boot == self._clock.boot()

    @property
    def trusted(self) -> bool:
        """Whether `utc_ms` can be believed: it is the server's time, or at least not known to be wrong."""
        return self.is_measured or self._clock.utc_ms() >= self._newest_ms

    def utc_ms(self) -> int:
        """The time of day: the server's where it is known, else what the wall clock says."""
        return self._clock.utc_ms() + (self._offset_ms() or 0)

    def take(self, measured: TakeTime) -> None:
        """Takes a measurement. One of another boot says nothing about this one."""
        if measured.boot != self._clock.boot():
            return
        self._measured = measured
        self._newest_ms = self.utc_ms()
        note = msgspec.json.encode(measured).decode()
        self._store.add(notes={MEASURED: note, NEWEST: str(self._newest_ms)})
        self._tell()

    def tick(self) -> None:
        """Once a second: notices a wall clock that was set, and how late it is."""
        was_ms, self._apart_ms = self._apart_ms, self._wall_minus_mono_ms()
        if abs(self._apart_ms - was_ms) > STEP_MS and self._scribe.is_open:
            self._scribe.write(ClockStepped(by_ms=self._apart_ms - was_ms))
        self._tell()
        if self.trusted and self.utc_ms() - self._newest_ms >= NEWEST_EVERY_MS:
            self._newest_ms = self.utc_ms()
            self._store.set_note(NEWEST, str(self._newest_ms))

    def as_measured(self) -> tuple[ClockMeasured, ...]:
        """How the clocks stand now, for the ledger; nothing where it is not known."""
        offset_ms = self._offset_ms()
        if offset_ms is None or self._measured is None:
            return ()
        return (ClockMeasured(offset_ms=offset_ms, uncertainty_ms=self._measured.uncertainty_ms),)

    def _tell(self) -> None:
        """Writes how the clocks stand into an open ledger that does not say so yet."""
        for fact in self.as_measured() if self._scribe.is_open else ():
            told = self._scribe.current().measured
            if told is None or told[0] != self._clock.boot() or _is_news(told[1], fact):
                self._scribe.write(fact)

    def _offset_ms(self) -> int | None:
        if self._measured is None or not self.is_measured:
            return None
        return self._measured.utc_ms - self._measured.mono_ms - self._wall_minus_mono_ms()

    def _wall_minus_mono_ms(self) -> int:
        return self._clock.utc_ms() - self._clock.mono_ms()


def _is_news(told: ClockMeasured, now: ClockMeasured) -> bool:
    certain_ms = told.uncertainty_ms + now.uncertainty_ms
    return abs(now.offset_ms - told.offset_ms) > max(NEWS_MS, certain_ms)
