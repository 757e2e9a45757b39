"""Our face path against MediaPipe's FaceMesh in Python: the same clip, in turns, on the same one processor.

Each finds the faces of a frame and lays a mesh over the nearest. We are given I420, as the camera's owner offers it,
and MediaPipe RGB, as it asks. FaceMesh looks for further faces only while it has fewer than it was told to expect:
told to expect two it notices a second person in any frame, as ours does, and that is `face_path_over_mediapipe`; as
it comes it expects one, follows that one and looks for no other: `one_face_over_mediapipe`. Both are our frames per
second over its own, so more is better.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Final, cast

import cv2
import numpy as np

from appliance.edge_ai.assembly import Networks
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.landmarks import FaceLandmarks
from appliance.edge_ai.picture import Picture, from_i420
from appliance.edge_ai.rules import FACES
from appliance.edge_ai.settings import EdgeAISettings
from bench.figures import Figures
from bench.places import BUILD, folder_on_disk, frames
from bench.turns import Turns, in_turn
from proctoring.policy import Recording

PEER: Final = Path(__file__).with_name("mediapipe_peer.py")
PEER_PYTHON: Final = BUILD / "mediapipe-venv" / "bin" / "python"
MISSING: Final = "not set up: run `make bench-vision`"
MESH: Final = "face_landmark"

# Three seconds of the clip's first scene; half a gigabyte would serve nobody.
SHOWN: Final = 45


def figures(rounds: int) -> Figures:
    """Without MediaPipe's environment there is only a word about that."""
    if not PEER_PYTHON.exists():
        return {"mediapipe": MISSING}
    settings = Recording()
    pictures = [
        from_i420(frame.planes, frame.head.width, frame.head.height)
        for frame in islice(frames(settings, settings.frames_per_s), SHOWN)
    ]
    with ExitStack() as stack:
        stack.enter_context(one_processor())
        path = saved(pictures, stack.enter_context(folder_on_disk()))
        several, one = (stack.enter_context(peer(path, most)) for most in (2, 1))
        ours = OurPath(pictures)
        against_several = in_turn(rounds, ours.lap, several.lap)
        against_one = in_turn(rounds, ours.lap, one.lap)
    return {
        "mediapipe": "0.10.21",
        "face_path_ms": 1000 * against_several.ours_s / SHOWN,
        "mediapipe_ms": 1000 * against_several.bare_s / SHOWN,
        "face_path_over_mediapipe": faster(against_several),
        "one_face_over_mediapipe": faster(against_one),
    }


def faster(turns: Turns) -> float:
    """How many times as many frames a second as the peer."""
    return 1 / turns.over_bare


class OurPath:
    """Detector and mesh, one thread each."""

    def __init__(self, pictures: list[Picture]) -> None:
        networks = Networks(EdgeAISettings(threads=1))
        self._faces = FullRangeFaces(networks.load(FACES))
        self._landmarks = FaceLandmarks(networks.load(MESH))
        self._pictures = pictures
        self.lap()

    def lap(self) -> None:
        """Every picture once."""
        for picture in self._pictures:
            self._landmarks.measure(picture, self._faces.find(picture))


class Peer:
    """MediaPipe in its own process."""

    def __init__(self, asked: IO[str], told: IO[str]) -> None:
        self._asked = asked
        self._told = told
        self.lap()

    def lap(self) -> None:
        """Every picture once; raises where MediaPipe saw no face at all, for then nothing was compared."""
        self._asked.write("\n")
        self._asked.flush()
        answer = json.loads(self._told.readline())
        assert answer["found"], "MediaPipe found no face in the clip"


@contextmanager
def peer(path: Path, most_faces: int) -> Iterator[Peer]:
    command = [str(PEER_PYTHON), str(PEER), str(path), str(most_faces)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        yield Peer(cast(IO[str], process.stdin), cast(IO[str], process.stdout))
        process.terminate()


@contextmanager
def one_processor() -> Iterator[None]:
    """Holds this process and all that it starts on one processor, so that nobody gains by threads."""
    before, threads = os.sched_getaffinity(0), cv2.getNumThreads()
    os.sched_setaffinity(0, {max(before)})
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        cv2.setNumThreads(threads)


def saved(pictures: list[Picture], folder: Path) -> Path:
    """The pictures as RGB in a file."""
    path = folder / "frames.npy"
    np.save(path, np.stack([picture.rgb(picture.width, picture.height) for picture in pictures]))
    return path
