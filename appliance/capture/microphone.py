"""Microphones: one at an ALSA device, the sound of a video file, and none at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from appliance.capture.ports import NoMicrophone
from appliance.capture.video import SoundReader, SoundUnusable
from appliance.runtime.clock import Clock
from appliance.runtime.sounds import BLOCK, RATE, Sound

BLOCK_MS: Final = BLOCK * 1000 // RATE
OFF_MS: Final = 100
"""Sound is counted on from its first sample, sample by sample. Where that is further from the clock than this, some
was lost or the device's clock runs askew, and it is counted from now."""
LATE_MS: Final = 2000
"""Of a file: from this far behind it goes on where it should be."""


class AlsaMicrophone:
    """See Microphone. `device` is ALSA's name, "default" or "hw:1,0" for instance."""

    def __init__(self, device: str, clock: Clock) -> None:
        self._device = device
        self._clock = clock
        self._reader: SoundReader | None = None
        self._next_ms: int | None = None

    def begin(self, zero_mono_ms: int) -> None:
        """A microphone does not mind."""

    def open(self) -> None:
        """Opens the device. Raises NoMicrophone."""
        try:
            self._reader = SoundReader(self._device, "alsa")
        except SoundUnusable as error:
            raise NoMicrophone(f"the device {self._device} cannot be opened") from error
        self._next_ms = None

    def next(self, patience_s: float) -> Sound | None:
        """The next block; the device itself waits for it, some 40 ms. Raises NoMicrophone."""
        del patience_s
        assert self._reader is not None, "open() comes first"
        try:
            pcm = self._reader.next()
        except SoundUnusable as error:
            raise NoMicrophone(f"the device {self._device} failed") from error
        if pcm is None:
            raise NoMicrophone(f"the device {self._device} gives no more sound")
        return Sound(self._taken_ms(), pcm)

    def close(self) -> None:
        """Gives the device back."""
        if self._reader:
            self._reader.close()
        self._reader = None

    def _taken_ms(self) -> int:
        by_clock_ms = self._clock.mono_ms() - BLOCK_MS
        taken_ms = by_clock_ms if self._next_ms is None else self._next_ms
        if abs(taken_ms - by_clock_ms) > OFF_MS:
            taken_ms = by_clock_ms
        self._next_ms = taken_ms + BLOCK_MS
        return taken_ms


class FileMicrophone:
    """See Microphone: a file's sound from the session's zero on. With `loop` it starts again at its end."""

    def __init__(self, path: Path, clock: Clock, *, loop: bool = False) -> None:
        self._path = path
        self._clock = clock
        self._loop = loop
        self._reader: SoundReader | None = None
        self._due_ms = 0

    def begin(self, zero_mono_ms: int) -> None:
        """The file's beginning is heard then."""
        self.close()
        self._due_ms = zero_mono_ms

    def open(self) -> None:
        """Opens the file where it would be by now. Raises NoMicrophone."""
        try:
            self._reader = SoundReader(str(self._path))
        except SoundUnusable as error:
            raise NoMicrophone(str(error)) from error
        while self._due_ms < self._clock.mono_ms() - LATE_MS:
            self._block()

    def next(self, patience_s: float) -> Sound | None:
        """The next block, at its time in the file. Raises NoMicrophone at the end."""
        wait_s = max(0, self._due_ms + BLOCK_MS - self._clock.mono_ms()) / 1000
        self._clock.wait(min(wait_s, patience_s))
        return None if wait_s > patience_s else self._block()

    def close(self) -> None:
        """Gives the file back."""
        if self._reader:
            self._reader.close()
        self._reader = None

    def _block(self) -> Sound:
        pcm = self._read() or (self._again() if self._loop else None)
        if pcm is None:
            raise NoMicrophone("the file's sound has ended")
        sound = Sound(self._due_ms, pcm)
        self._due_ms += BLOCK_MS
        return sound

    def _again(self) -> bytes | None:
        self.close()
        self._reader = SoundReader(str(self._path))
        return self._read()

    def _read(self) -> bytes | None:
        assert self._reader is not None, "open() comes first"
        try:
            return self._reader.next()
        except SoundUnusable as error:
            raise NoMicrophone(str(error)) from error


class AbsentMicrophone:
    """See Microphone: this desk has none."""

    def begin(self, zero_mono_ms: int) -> None:
        """Nothing to do."""

    def open(self) -> None:
        """Raises NoMicrophone."""
        raise NoMicrophone("this desk has none")

    def next(self, patience_s: float) -> Sound | None:
        """Never anything."""
        del patience_s
        return None

    def close(self) -> None:
        """Nothing to give back."""
