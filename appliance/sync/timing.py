"""The server's clock, measured: several exchanges on a thread of their own, by NTP's four times.

The desk's two of the four are of its monotonic clock, which nobody sets: the outcome ties the server's clock to it,
and needs no correction when the desk's wall clock is.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

import msgspec

from appliance.runtime.clock import Clock
from appliance.sync.ports import ServerTimes
from proctoring.wire import TakeTime

log = logging.getLogger(__name__)

EXCHANGES: Final = 5
BETWEEN_S: Final = 0.2
EVERY_S: Final = 240.0
"""A quartz that is 100 ppm off loses 24 ms in so long."""
AGAIN_S: Final = 15.0
"""While the server does not answer."""
JOIN_S: Final = 1.0


class Exchange(msgspec.Struct, frozen=True):
    """One question and its answer: when it left and came back here, and in between, when it came and left there."""

    left_mono_ms: float
    came_utc_ms: float
    went_utc_ms: float
    back_mono_ms: float

    @property
    def round_trip_ms(self) -> float:
        """The time on the way, there and back."""
        return max(0.0, (self.back_mono_ms - self.left_mono_ms) - (self.went_utc_ms - self.came_utc_ms))

    @property
    def apart_ms(self) -> float:
        """Server's clock minus the monotonic one, if both ways took equally long (RFC 5905, section 8)."""
        return ((self.came_utc_ms - self.left_mono_ms) + (self.went_utc_ms - self.back_mono_ms)) / 2


def settle(exchanges: Sequence[Exchange], boot: str) -> TakeTime:
    """What several exchanges say together.

    Those that took up to twice as long as the quickest are believed (NTP's filter: what waits in queues is delayed
    one way more than the other), of these the median. The truth lies within half a round trip of each, so within
    half the quickest one of what that one says.
    """
    quickest = min(exchanges, key=lambda one: one.round_trip_ms)
    believed = [one for one in exchanges if one.round_trip_ms <= 2 * quickest.round_trip_ms + 1]
    apart_ms = median(one.apart_ms for one in believed)
    uncertain_ms = quickest.round_trip_ms / 2 + abs(quickest.apart_ms - apart_ms)
    at_ms = max(one.back_mono_ms for one in exchanges)
    return TakeTime(
        boot=boot,
        mono_ms=round(at_ms),
        utc_ms=round(at_ms + apart_ms),
        # A millisecond more: that is how finely the times are told.
        uncertainty_ms=round(uncertain_ms) + 1,
    )


class TimeWatch:
    """Measures at the start, every few minutes, and whenever it is `asked`; the newest outcome waits to be taken."""

    def __init__(self, server: ServerTimes, clock: Clock, pause: Callable[[float], object] | None = None) -> None:
        self._server = server
        self._clock = clock
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._pause = pause or self._stop.wait
        self._news: queue.Queue[TakeTime] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="time", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def ask(self) -> None:
        """The connection is new: what lay between may have been a night, or another network."""
        self._wake.set()

    def news(self) -> TakeTime | None:
        """The newest measurement that was not taken yet."""
        newest = None
        while not self._news.empty():
            newest = self._news.get_nowait()
        return newest

    def measure(self) -> bool:
        """Measures once; False where the server does not answer."""
        exchanges = []
        for number in range(EXCHANGES):
            if number:
                self._pause(BETWEEN_S)
            exchange = self._exchange()
            if exchange is not None:
                exchanges.append(exchange)
            elif not exchanges:
                return False
        self._news.put(settle(exchanges, self._clock.boot()))
        return True

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def _exchange(self) -> Exchange | None:
        left_ms = self._clock.mono_ms()
        times = self._server.times()
        back_ms = self._clock.mono_ms()
        return None if times is None else Exchange(left_ms, *times, back_ms)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            self._wake.wait(EVERY_S if self.measure() else AGAIN_S)
