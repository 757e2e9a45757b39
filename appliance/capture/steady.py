"""A camera that faults is given back and opened anew, again and again, until it is there."""

from __future__ import annotations

import logging
from typing import Final

from appliance.capture.ports import NoCamera, Source
from appliance.runtime.clock import Clock
from appliance.runtime.frames import Frame

log = logging.getLogger(__name__)

AGAIN_MS: Final = 1000
"""From one try to open it to the next: USB takes about that long to know a camera that was plugged in."""


class Steady:
    """See Source. While the camera is away each `next` raises NoCamera, with what it first died of."""

    def __init__(self, source: Source, clock: Clock, patient: bool = False) -> None:
        """Where it is `patient`, a camera that is not there at first is one that is away, too."""
        self._source = source
        self._clock = clock
        self._patient = patient
        self._fault = ""
        self._again_ms = 0

    def open(self) -> None:
        """Opens it. Raises NoCamera: one that is not there from the beginning is a mistake in the settings.

        A patient one raises nothing: its exam goes on without it, and a process that dies of it again and again would
        take the processors from the other camera.
        """
        try:
            self._source.open()
        except NoCamera as error:
            if not self._patient:
                raise
            self._lose(str(error))

    def begin(self, zero_mono_ms: int | None) -> None:
        """See Source."""
        self._source.begin(zero_mono_ms)

    def next(self, patience_s: float) -> Frame | None:
        """The next picture. Raises NoCamera where it is away, after about `patience_s`."""
        if self._fault and not self._is_back():
            self._clock.wait(patience_s)
            raise NoCamera(self._fault)
        try:
            return self._source.next(patience_s)
        except NoCamera as error:
            self._lose(str(error))
            raise

    @property
    def ended(self) -> str | None:
        """See Source."""
        return self._source.ended

    def close(self) -> None:
        """Gives it back."""
        self._source.close()

    def _lose(self, fault: str) -> None:
        log.error("%s; it is looked for every second", fault.rstrip("."))
        self._fault, self._again_ms = fault, self._clock.mono_ms() + AGAIN_MS
        self._source.close()

    def _is_back(self) -> bool:
        if self._clock.mono_ms() < self._again_ms:
            return False
        self._again_ms = self._clock.mono_ms() + AGAIN_MS
        try:
            self._source.open()
        except NoCamera:
            return False
        log.info("the camera is back")
        self._fault = ""
        return True
