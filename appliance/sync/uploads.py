"""Which segment goes next, and the thread that sends it, so that no fact ever waits behind video."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterable
from typing import Final

from appliance.runtime.clock import Clock
from appliance.sync.ports import Put, SegmentStore
from proctoring.wire import PendingSegment

log = logging.getLogger(__name__)

RECEIPT_PATIENCE_MS: Final = 10_000
"""A segment that was put is put again where no receipt named it for so long."""
AWAY_MS: Final = (500, 30_000)
"""First and longest pause while the server is away; it doubles in between."""
SLOW_MS: Final = 30_000
"""Pause after an answer that only a person can change."""
CONCERNS_ALL: Final = frozenset({Put.AWAY, Put.UNKNOWN_DESK, Put.SERVER_FULL, Put.REFUSED})
"""Outcomes that the next segment would meet as well."""
IDLE_S: Final = 0.2
JOIN_S: Final = 1.0


class UploadQueue:
    """The segments that the server has not confirmed, and when each may be tried. Safe to use from two threads."""

    def __init__(self, dice: random.Random | None = None) -> None:
        # It spreads the desks' retries and keeps no secret.
        self._dice = dice or random.Random()  # noqa: S311
        self._lock = threading.Lock()
        self._segments: dict[str, PendingSegment] = {}
        self._not_before_ms: dict[str, int] = {}
        self._pause_until_ms = 0
        self._failures = 0

    def refresh(self, segments: Iterable[PendingSegment]) -> None:
        """Takes custody's newest list; what is not on it any more is confirmed."""
        with self._lock:
            self._segments = {segment.sha256: segment for segment in segments}
            self._not_before_ms = {sha: at for sha, at in self._not_before_ms.items() if sha in self._segments}

    def confirm(self, hashes: Iterable[str]) -> None:
        """A receipt named these."""
        with self._lock:
            for sha in hashes:
                self._segments.pop(sha, None)

    def next(self, now_ms: int) -> PendingSegment | None:
        """The oldest segment that may be tried now."""
        with self._lock:
            if now_ms < self._pause_until_ms:
                return None
            due = (s for sha, s in self._segments.items() if self._not_before_ms.get(sha, 0) <= now_ms)
            return next(due, None)

    def settle(self, segment: PendingSegment, put: Put, now_ms: int) -> None:
        """Notes an attempt's outcome: nothing is dropped, only tried again later."""
        with self._lock:
            self._failures = self._failures + 1 if put is Put.AWAY else 0
            if put in CONCERNS_ALL:
                self._pause_until_ms = now_ms + self._pause_ms(put)
            else:
                pause_ms = RECEIPT_PATIENCE_MS if put is Put.STORED else self._pause_ms(put)
                self._not_before_ms[segment.sha256] = now_ms + pause_ms

    def _pause_ms(self, put: Put) -> int:
        first_ms, longest_ms = AWAY_MS
        doubled_ms = first_ms * (1 << min(max(self._failures - 1, 0), 10))
        full_ms = min(doubled_ms, longest_ms) if put is Put.AWAY else SLOW_MS
        return round(full_ms * self._dice.uniform(0.5, 1.0))


class Uploader:
    """Sends segments one after the other on a thread of its own."""

    def __init__(self, store: SegmentStore, clock: Clock, queue: UploadQueue | None = None) -> None:
        self._store = store
        self._clock = clock
        self._queue = queue or UploadQueue()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)
        self._fault: Exception | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def offer(self, segments: Iterable[PendingSegment]) -> None:
        """Takes custody's newest list."""
        self._queue.refresh(segments)
        self._wake.set()

    def confirm(self, hashes: Iterable[str]) -> None:
        """A receipt named these."""
        self._queue.confirm(hashes)

    def step(self) -> bool:
        """Tries one segment if one is due, and says whether one was."""
        segment = self._queue.next(self._clock.mono_ms())
        if segment is None:
            return False
        put = self._store.put(segment)
        self._queue.settle(segment, put, self._clock.mono_ms())
        if put is not Put.STORED:
            log.warning("segment %s is kept and tried again later: %s", segment.sha256[:12], put.value)
        return True

    def check(self) -> None:
        """Raises what ended the thread, if anything did: the process ends with it."""
        if self._fault:
            raise self._fault

    def close(self) -> None:
        """Ends the thread; a transfer under way is repeated at the next start."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if not self.step():
                    self._wake.wait(IDLE_S)
                    self._wake.clear()
        except Exception as error:  # handed to the service, which ends the process
            self._fault = error
