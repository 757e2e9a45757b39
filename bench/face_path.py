"""Our face path against MediaPipe's FaceMesh in Python: the same clip, in turns, on the same one processor.

Each finds the faces of a frame and lays a mesh over the nearest. We are given I420, as the camera's owner offers it,
and MediaPipe RGB, as it asks. Both follow a face by its mesh. As it comes, FaceMesh expects one face and looks for no
other while it has that one: `face_path_over_mediapipe`. Ours looks for further faces twice a second; told to expect
two, FaceMesh does in each frame: `face_path_over_two_faces`. Both are our frames per second over its own, so more is
better.
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
from appliance.edge_ai.face_path import FacePath
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.landmarks import FaceLandmarks
from appliance.edge_ai.picture import Picture, from_i420
from appliance.edge_ai.rules import FACES
from appliance.edge_ai.settings import EdgeAISettings
from appliance.runtime.frames import Frame
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
    shown = list(islice(frames(settings, settings.frames_per_s), SHOWN))
    with ExitStack() as stack:
        stack.enter_context(one_processor())
        path = saved(shown, stack.enter_context(folder_on_disk()))
        one, two = (stack.enter_context(peer(path, most)) for most in (1, 2))
        ours = OurPath(shown)
        against_one = in_turn(rounds, ours.lap, one.lap)
        against_two = in_turn(rounds, ours.lap, two.lap)
    return {
        "mediapipe": "0.10.21",
        "face_path_ms": 1000 * against_one.ours_s / SHOWN,
        "mediapipe_ms": 1000 * against_one.bare_s / SHOWN,
        "face_path_over_mediapipe": faster(against_one),
        "face_path_over_two_faces": faster(against_two),
    }


def faster(turns: Turns) -> float:
    """How many times as many frames a second as the peer."""
    return 1 / turns.over_bare


class OurPath:
    """The desk's own, one thread each, without what MediaPipe does not look at either: eyes and covers."""

    def __init__(self, shown: list[Frame]) -> None:
        networks = Networks(EdgeAISettings(threads=1))
        faces, landmarks = FullRangeFaces(networks.load(FACES)), FaceLandmarks(networks.load(MESH))
        self._path = FacePath(faces, landmarks, covers=False)
        self._shown = shown
        self.lap()

    def lap(self) -> None:
        """Every frame once, a session of its own; raises where no face was seen in one."""
        found = [self._path.follow(picture_of(frame), frame.head.mono_ms) for frame in self._shown]
        assert all(found), "not every frame has a face"


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


def picture_of(frame: Frame) -> Picture:
    """A fresh view of the frame: nothing that was made of it in the lap before is left."""
    return from_i420(frame.planes, frame.head.width, frame.head.height)


def saved(shown: list[Frame], folder: Path) -> Path:
    """The frames as RGB in a file."""
    path = folder / "frames.npy"
    pictures = [picture_of(frame) for frame in shown]
    np.save(path, np.stack([picture.rgb(picture.width, picture.height) for picture in pictures]))
    return path
