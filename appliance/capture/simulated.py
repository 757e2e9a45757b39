"""A camera that is not there: grey, with a white mark that walks across once every four seconds. One that faults."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from appliance.capture.ports import EncoderFault, NoCamera, NoMicrophone, Writer, Writers
from appliance.runtime.clock import Clock
from appliance.runtime.frames import Frame
from appliance.runtime.sounds import BLOCK, RATE, Sound
from proctoring.policy import Recording
from proctoring.wire import FrameHead

GREY: Final = 110
WHITE: Final = 235
NO_COLOUR: Final = 128
LAP_MS: Final = 4000
TONE_HZ: Final = 440
LOUD: Final = 8000
BLOCK_MS: Final = BLOCK * 1000 // RATE


class SimulatedCamera:
    """See Source. Its pictures come at the clock's pace, so a simulated clock gives them at once."""

    ended: Final = None

    def __init__(self, clock: Clock, settings: Recording | None = None) -> None:
        self._clock = clock
        self._settings = settings or Recording()
        self._interval_ms = round(1000 / self._settings.frames_per_s)
        self._number = 0
        self._due_ms = 0

    def open(self) -> None:
        """Always there."""

    def begin(self, zero_mono_ms: int | None) -> None:
        """Does not mind, like any camera."""

    def next(self, patience_s: float) -> Frame | None:
        """The next picture. Pictures that nobody waited for are lost."""
        wait_s = max(0, self._due_ms - self._clock.mono_ms()) / 1000
        self._clock.wait(min(wait_s, patience_s))
        if wait_s > patience_s:
            return None
        now_ms = self._clock.mono_ms()
        self._number += 1 + self._lost(now_ms)
        self._due_ms = now_ms - now_ms % self._interval_ms + self._interval_ms
        return self._drawn(now_ms)

    def close(self) -> None:
        """Nothing to give back."""

    def _lost(self, now_ms: int) -> int:
        return (now_ms - self._due_ms) // self._interval_ms if self._due_ms else 0

    def _drawn(self, now_ms: int) -> Frame:
        width, height = self._settings.width, self._settings.height
        luma = np.full((height, width), GREY, np.uint8)
        side = height // 6
        left = (width - side) * (now_ms % LAP_MS) // LAP_MS
        luma[side : 2 * side, left : left + side] = WHITE
        colour = np.full(width * height // 2, NO_COLOUR, np.uint8)
        head = FrameHead(number=self._number, mono_ms=now_ms, width=width, height=height)
        return Frame(head, luma.tobytes() + colour.tobytes())


class FaultyCamera(SimulatedCamera):
    """A simulated camera that is unplugged, loses pictures, falls silent or has its clock jump when told to."""

    def __init__(self, clock: Clock, settings: Recording | None = None) -> None:
        super().__init__(clock, settings)
        self._fault = ""
        self._jumped_ms = 0
        self.is_silent = False
        """Whether it gives no picture and no word why."""
        self.opened = 0
        """How often it was opened."""

    def open(self) -> None:
        """Raises NoCamera while it is unplugged."""
        if self._fault:
            raise NoCamera("There is no camera.")
        self._due_ms = 0
        self.opened += 1

    def next(self, patience_s: float) -> Frame | None:
        """The next picture. Raises NoCamera once it is unplugged."""
        if self._fault:
            raise NoCamera(self._fault)
        if self.is_silent:
            self._due_ms = 0
            self._clock.wait(patience_s)
            return None
        frame = super().next(patience_s)
        return frame and Frame(self._off(frame.head), frame.planes)

    def unplug(self, fault: str = "the camera was unplugged") -> None:
        """From now on there is no camera."""
        self._fault = fault

    def plug_in(self) -> None:
        """It can be opened again."""
        self._fault = ""

    def jump(self, ms: int) -> None:
        """Its clock jumps by so much, back where that is below zero."""
        self._jumped_ms += ms

    def lose(self, pictures: int) -> None:
        """So many pictures are taken and given to nobody."""
        self._number += pictures

    def _off(self, head: FrameHead) -> FrameHead:
        return msgspec.structs.replace(head, mono_ms=head.mono_ms + self._jumped_ms)


class FaultyWriters:
    """See Writers. Its writers work as those beneath do, until told to fail."""

    def __init__(self, beneath: Writers) -> None:
        self._beneath = beneath
        self.failing = 0
        """So many of the next pictures break the encoder that gets them."""
        self.failing_sound = 0
        """The same of blocks of sound."""
        self.made = 0

    def __call__(self, path: Path, settings: Recording) -> Writer:
        """See Writers."""
        self.made += 1
        return _FaultyWriter(self, self._beneath(path, settings))

    def fail(self, why: str) -> None:
        """See Writers."""
        self._beneath.fail(why)

    def strike(self) -> None:
        """Raises EncoderFault where that is due."""
        if self.failing:
            self.failing -= 1
            raise EncoderFault("no memory for the next picture")

    def strike_sound(self) -> None:
        """Raises EncoderFault where that is due."""
        if self.failing_sound:
            self.failing_sound -= 1
            raise EncoderFault("no memory for the next block")


class SimulatedMicrophone:
    """See Microphone: a tone in the first half of each second since the session's zero; it fails when told to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._zero_ms = 0
        self.due_ms = 0
        """When the next block begins."""
        self._fault = ""

    def begin(self, zero_mono_ms: int) -> None:
        """Counts its seconds from then."""
        self._zero_ms = zero_mono_ms

    def open(self) -> None:
        """Raises NoMicrophone while it is unplugged."""
        self._check()
        self.due_ms = self._clock.mono_ms()

    def next(self, patience_s: float) -> Sound | None:
        """The next block. Raises NoMicrophone once it is unplugged."""
        self._check()
        wait_s = max(0, self.due_ms + BLOCK_MS - self._clock.mono_ms()) / 1000
        self._clock.wait(min(wait_s, patience_s))
        if wait_s > patience_s:
            return None
        sound = Sound(self.due_ms, self.drawn(self.due_ms - self._zero_ms))
        self.due_ms += BLOCK_MS
        return sound

    def close(self) -> None:
        """Nothing to give back."""

    def unplug(self, fault: str = "it was unplugged") -> None:
        """From now on there is no sound."""
        self._fault = fault

    def plug_in(self) -> None:
        """It can be opened again."""
        self._fault = ""

    def _check(self) -> None:
        if self._fault:
            raise NoMicrophone(self._fault)

    @staticmethod
    def drawn(at_ms: int) -> bytes:
        """The block that begins so long after the zero."""
        times_s = at_ms / 1000 + np.arange(BLOCK) / RATE
        tone = LOUD * np.sin(2 * np.pi * TONE_HZ * times_s) * (times_s % 1 < 0.5)
        return tone.astype("<i2").tobytes()


class _FaultyWriter:
    def __init__(self, made_by: FaultyWriters, beneath: Writer) -> None:
        self._made_by = made_by
        self._beneath = beneath

    def add(self, frame: Frame, at_ms: int) -> None:
        self._made_by.strike()
        self._beneath.add(frame, at_ms)

    def hear(self, sound: Sound, at_ms: int) -> None:
        self._made_by.strike_sound()
        self._beneath.hear(sound, at_ms)

    def close(self) -> None:
        self._beneath.close()
