"""Where benchmarks write, and where their pictures come from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.capture.pace import Pace
from appliance.capture.simulated import SimulatedCamera
from appliance.capture.video import VideoReader, fitted
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.frames import Frame
from proctoring.policy import Recording

BUILD: Final = Path(__file__).parents[1] / "build"
CLIP: Final = BUILD / "demo_clip.mp4"


@contextmanager
def folder_on_disk() -> Iterator[Path]:
    """An empty folder below the checkout: the system's own for such things may be memory, where syncing is free."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-") as folder:
        yield Path(folder)


def source() -> str:
    """What `frames` shows here."""
    return "demo clip" if CLIP.exists() else "simulated camera"


def frames(settings: Recording, per_s: float) -> Iterator[Frame]:
    """Pictures without end, as capture offers them: the demo clip again and again, else the simulated camera's."""
    while True:
        yield from _lap(settings, per_s) if CLIP.exists() else _simulated(settings, per_s)


def _lap(settings: Recording, per_s: float) -> Iterator[Frame]:
    reader, pace, number = VideoReader(CLIP), Pace(per_s), 0
    while still := reader.next():
        if pace.takes(still.at_ms):
            number += 1
            yield fitted(still.frame(number, still.at_ms), settings.width, settings.height)
    reader.close()


def _simulated(settings: Recording, per_s: float) -> Iterator[Frame]:
    camera, pace = SimulatedCamera(SimulatedClock(), settings), Pace(per_s)
    while frame := camera.next(patience_s=1):
        if pace.takes(frame.head.mono_ms):
            yield frame
