"""What the analysis needs from outside itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.edge_ai.picture import Floats, Picture
from appliance.runtime.frames import Frame
from proctoring.observation import Face, Item


class Stored(NamedTuple):
    """An output as the network holds it: each value stands for (value - zero) * step, or for itself at step 0."""

    values: NDArray[Any]
    step: float
    zero: int

    def lowest(self, number: float) -> float:
        """The smallest value that stands for at least `number`: comparing whole numbers costs next to nothing."""
        return math.ceil(number / self.step + self.zero) if self.step else number

    def numbers(self, values: NDArray[Any]) -> Floats:
        """What some of the values stand for."""
        found = values.astype(np.float32)
        return (found - np.float32(self.zero)) * np.float32(self.step) if self.step else found


class Model(Protocol):
    """A network that was loaded and is ready to run."""

    def run(self, batch: NDArray[Any]) -> list[Floats]:
        """What the network says about a batch of its own shape and type, in numbers, one array per output."""

    def stored(self, batch: NDArray[Any]) -> list[Stored]:
        """The same as the network holds it: for outputs that are large and mostly of no interest."""


class Runtime(Protocol):
    """Something that loads networks."""

    @property
    def name(self) -> str:
        """The runtime and its version, for the record."""

    def load(self, path: Path) -> Model:
        """The network in the file at `path`."""


class FaceFinder(Protocol):
    """Finds faces in a picture."""

    def find(self, picture: Picture) -> tuple[Face, ...]:
        """Every face, the most certain first."""


class ItemFinder(Protocol):
    """Finds things and persons in a picture."""

    def find(self, picture: Picture) -> tuple[Item, ...]:
        """Every thing and person, the most certain first."""


class FrameSource(Protocol):
    """Offers the camera's frames; the newest wins."""

    def newest(self, timeout_ms: int) -> Frame | None:
        """The newest frame not seen yet, waiting up to `timeout_ms`. Raises WireError for what is no frame."""
