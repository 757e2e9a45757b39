"""A microphone in a thread of its own, open only while a session wants its sound."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Final

from appliance.capture.ports import Microphone, NoMicrophone, SoundWindow
from appliance.runtime.clock import Clock
from appliance.runtime.sounds import Sound

log = logging.getLogger(__name__)

PATIENCE_S: Final = 0.2
AGAIN_S: Final = 1.0
"""From one try to open it to the next."""
HELD: Final = 250
"""Blocks of 40 ms that wait for the camera's thread: it never takes ten seconds for a turn."""

Heard = Sound | NoMicrophone


class Listening:
    """See Ear. `turn` is one step of the thread."""

    def __init__(self, microphone: Microphone, window: SoundWindow, clock: Clock) -> None:
        self._microphone = microphone
        self._window = window
        self._clock = clock
        self._heard: deque[Heard] = deque(maxlen=HELD)
        self._is_open = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def begin(self, zero_mono_ms: int | None) -> None:
        """See Ear."""
        self._end()
        self._heard.clear()
        if zero_mono_ms is not None:
            self._microphone.begin(zero_mono_ms)
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="listening", daemon=True)
            self._thread.start()

    def heard(self) -> list[Heard]:
        """See Ear. Raises what the thread died of."""
        if self._error:
            raise self._error
        return [self._heard.popleft() for _ in range(len(self._heard))]

    def turn(self) -> None:
        """One block, or the lack of one."""
        try:
            self._open()
            sound = self._microphone.next(PATIENCE_S)
        except NoMicrophone as error:
            self._lose(error)
            return
        if sound is not None:
            self._heard.append(sound)
            self._window.offer(sound)

    def _open(self) -> None:
        if not self._is_open:
            self._microphone.open()
            self._is_open = True

    def _lose(self, error: NoMicrophone) -> None:
        log.warning("no sound: %s", error)
        self._close()
        self._heard.append(error)
        self._clock.wait(AGAIN_S)

    def _close(self) -> None:
        self._microphone.close()
        self._is_open = False

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                self.turn()
            self._close()
        except BaseException as error:
            self._error = error

    def _end(self) -> None:
        if self._thread:
            self._stop.set()
            self._thread.join(AGAIN_S + PATIENCE_S + 1)
        self._thread = None
