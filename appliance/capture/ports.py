"""What the recorder of the camera needs from outside itself."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from appliance.runtime.frames import Frame
from appliance.runtime.sounds import Sound
from proctoring.errors import DeskproctorError
from proctoring.policy import Recording
from proctoring.segment import EndedBy


class NoCamera(DeskproctorError, OSError):
    """The camera that the settings name is not there or cannot be used."""


class EncoderFault(DeskproctorError, RuntimeError):
    """The encoder refused a picture or broke down; made anew it may work."""


class NoMicrophone(DeskproctorError, OSError):
    """There is no sound: the microphone is not there, or fails."""


class Source(Protocol):
    """Where pictures come from. One thread only."""

    def open(self) -> None:
        """Makes it ready. Raises NoCamera, or for a file VideoUnusable, with what to do."""

    def begin(self, zero_mono_ms: int | None) -> None:
        """Tells the session's zero, None where none is running. A camera does not mind; a recording plays from it."""

    def next(self, patience_s: float) -> Frame | None:
        """The next picture, with even sides; None where none came within about `patience_s`.

        `mono_ms` is when it was taken and never goes back. `number` counts the pictures that were taken: a jump is
        pictures that were lost before they came here, as far as the source knows.

        Raises NoCamera with what happened where the camera is gone; closed and opened again it may be back.
        """

    @property
    def ended(self) -> str | None:
        """Why there will be no more pictures; None while there may be."""

    def close(self) -> None:
        """Gives it back. Closing twice is fine."""


class Tape(Protocol):
    """What pictures of one session become. One thread only; times are since the session's zero and never go back."""

    def add(self, frame: Frame, at_ms: int) -> None:
        """Records a picture of the policy's size, taken at `at_ms`."""

    def hear(self, sound: Sound, at_ms: int) -> None:
        """Records a block of sound that began at `at_ms`. Its times do not go back either."""

    def mute(self, reason: str) -> None:
        """The microphone fails. That is to be told once it is back, or at the end."""

    def miss(self, at_ms: int) -> None:
        """A picture was taken at `at_ms` and is lost. That is to be told."""

    def fault(self, reason: str) -> None:
        """The camera fails. What is missing until the next picture is to be told, with this reason."""

    def look(self, now_ms: int) -> None:
        """To be called while the camera gives nothing."""

    def stop(self, now_ms: int, why: EndedBy) -> None:
        """Finishes: afterwards all that was added is on disk."""


class Microphone(Protocol):
    """Where sound comes from. One thread only but for `begin`, which comes while it is closed."""

    def begin(self, zero_mono_ms: int) -> None:
        """Tells the session's zero. A microphone does not mind; a recording is heard from it."""

    def open(self) -> None:
        """Makes it ready. Raises NoMicrophone."""

    def next(self, patience_s: float) -> Sound | None:
        """The next block; None where none came within about `patience_s`. Raises NoMicrophone.

        Blocks are `BLOCK` samples long and follow each other; what is missing between them was lost.
        """

    def close(self) -> None:
        """Gives it back. Closing twice is fine."""


class Ear(Protocol):
    """What was heard while the camera's thread looked elsewhere."""

    def begin(self, zero_mono_ms: int | None) -> None:
        """Listens for a session with this zero, and with None to nobody."""

    def heard(self) -> list[Sound | NoMicrophone]:
        """What has come since the last time, and what went wrong."""


class SoundWindow(Protocol):
    """Where listeners get the sound."""

    def offer(self, sound: Sound) -> None:
        """Offers the next block; never waits."""


class Writer(Protocol):
    """One segment's file. Raises OSError where the disk takes nothing, EncoderFault where the encoder fails."""

    def add(self, frame: Frame, at_ms: int) -> None:
        """Writes a picture of the right size, `at_ms` after the file's beginning."""

    def hear(self, sound: Sound, at_ms: int) -> None:
        """Writes a block of sound; where the recording is to have none, nothing. An EncoderFault is the sound's."""

    def close(self) -> None:
        """Writes what is left and closes the file."""


class Writers(Protocol):
    """Makes the writer of the next segment."""

    def __call__(self, path: Path, settings: Recording) -> Writer:
        """A writer into a new file at `path`. Raises as the writer does."""

    def fail(self, why: str) -> None:
        """The encoder of the newest writer failed: the next one may have another."""


class Window(Protocol):
    """Where readers see the newest picture."""

    def offer(self, frame: Frame) -> None:
        """Offers the newest picture; never waits."""
