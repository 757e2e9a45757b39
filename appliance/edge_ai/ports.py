"""What the analysis needs from outside itself."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.edge_ai.picture import Floats, Picture
from appliance.runtime.frames import Frame
from proctoring.check_in import Photo, PhotoFault
from proctoring.observation import Face, Item


class Stored(NamedTuple):
    """An output as the network holds it: each value stands for (value - zero) * step, or for itself at step 0."""

    values: NDArray[Any]
    step: float
    zero: int

    def lowest(self, number: float) -> float:
        """The smallest value that stands for at least `number`: comparing whole numbers costs next to nothing."""
        return math.ceil(number / self.step + self.zero) if self.step else number

    def number(self, place: int) -> float:
        """What one value stands for, counted through all rows."""
        value = float(self.values.item(place))
        return (value - self.zero) * self.step if self.step else value

    def numbers(self, values: NDArray[Any]) -> Floats:
        """What some of the values stand for."""
        found = values.astype(np.float32)
        return (found - np.float32(self.zero)) * np.float32(self.step) if self.step else found


class Model(Protocol):
    """A network that was loaded and is ready to run."""

    def room(self) -> NDArray[Any]:
        """The network's own memory for a batch, to be written into at once and let go: to keep it forbids to run."""

    def run(self, batch: NDArray[Any] | None = None) -> list[Floats]:
        """What the network says about a batch of its own shape and type, in numbers, one array per output.

        Without a batch it is what was written into `room`, which spares a copy.
        """

    def stored(self, batch: NDArray[Any] | None = None) -> list[Stored]:
        """The same as the network holds it and where it holds it, to be let go before it runs again: for outputs
        that are large and mostly of no interest.
        """


class Runtime(Protocol):
    """Something that loads networks."""

    @property
    def name(self) -> str:
        """The runtime and its version, for the record."""

    def load(self, path: Path, threads: int = 1) -> Model:
        """The network in the file at `path`; one run may use so many CPU `threads`."""


class FaceFinder(Protocol):
    """Finds faces in a picture."""

    def find(self, picture: Picture) -> tuple[Face, ...]:
        """Every face, the most certain first."""


class FaceFollower(Protocol):
    """Tells which faces each frame of one camera shows; it may remember the frames before."""

    def follow(self, picture: Picture, at_ms: int, gaze: bool = True) -> tuple[Face, ...]:
        """Every face, measured, the most certain first; `at_ms` is when the frame was taken.

        Without `gaze` nobody reads where the eyes look: the budget may have no time for it.
        """


class ItemFinder(Protocol):
    """Finds things and persons in a picture."""

    def watch_for(self, labels: Collection[str]) -> None:
        """From now on only these things are of interest, and persons; before, everything is."""

    def find(self, picture: Picture) -> tuple[Item, ...]:
        """Every thing and person, the most certain first."""


class Photographer(Protocol):
    """Takes the check-in photo."""

    def take(self, picture: Picture) -> Photo | PhotoFault:
        """The photo of the one face in a frame, or why there is none."""

    def person_on(self, jpeg: bytes) -> Floats | None:
        """Who is on a photo, as `Identity.reference` gives it; None where nobody can be told."""


class VoiceFinder(Protocol):
    """Tells whether somebody speaks."""

    @property
    def models(self) -> dict[str, str]:
        """The SHA-256 of its network by name."""

    def score(self, window: bytes) -> float:
        """How sure it is that there is speech in the next 512 samples, 0 to 1; it remembers the windows before."""

    def forget(self) -> None:
        """What comes next does not follow what was scored before."""


class Voices(Protocol):
    """How much was spoken."""

    @property
    def models(self) -> dict[str, str]:
        """The SHA-256 of each network that has a say in it, by name."""

    def voice(self, mono_ms: int) -> float | None:
        """Share of the second before `mono_ms` in which somebody spoke; None where nobody listened."""


class FrameSource(Protocol):
    """Offers the camera's frames; the newest wins."""

    def newest(self, timeout_ms: int) -> Frame | None:
        """The newest frame not seen yet, waiting up to `timeout_ms`. Raises WireError for what is no frame."""
