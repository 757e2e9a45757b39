"""The analysis of a frame against the bare invoke() of the same models, and its face path against MediaPipe.

What lies between the analysis and the invokes is ours: shrinking, scaling, reading boxes out of the maps, light and
scene, and deciding where to look again.
"""

from __future__ import annotations

import importlib
import importlib.util
import resource
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.assembly import Networks, analysis
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.picture import Floats, from_i420
from appliance.edge_ai.ports import Model, Stored
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.tflite import LIBRARIES
from appliance.runtime.frames import Frame
from bench import face_path
from bench.figures import Figures
from bench.places import frames, source
from bench.turns import Turns
from proctoring.policy import Recording

WARM_UP: Final = 16


def figures(rounds: int = 12, each: int = 8, face_rounds: int = 7) -> Figures:
    """In each round `each` frames are analysed, at the desk's usual pace and with its usual settings."""
    settings = EdgeAISettings()
    pictures = frames(Recording(), settings.frames_per_s)
    networks = ListenedNetworks(settings)
    analyser, _, runtime = analysis(settings, networks)
    for frame in islice(pictures, WARM_UP):
        analyse(analyser, frame)
        networks.forget()
    # Before the bare side loads the models a second time.
    peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    turns = rounds_of(analyser, networks, pictures, rounds, each)
    return {
        "pictures": source(),
        "runtime": runtime,
        "frames": rounds * each,
        "ms_per_frame": 1000 * turns.ours_s / each,
        "invoke_ms_per_frame": 1000 * turns.bare_s / each,
        "pipeline_over_invoke": turns.over_bare,
        "peak_rss_mb": peak_rss_mb,
        **face_path.figures(face_rounds),
    }


def rounds_of(
    analyser: Analyser, networks: ListenedNetworks, pictures: Iterator[Frame], rounds: int, each: int
) -> Turns:
    """Frames and the invokes that they took, in turns."""
    bare = BareNetworks(networks.settings)
    turns = Turns([], [])
    for _ in range(rounds):
        pairs = [(analyse(analyser, frame), bare.replay(networks.forget())) for frame in islice(pictures, each)]
        turns.ours.append(sum(ours for ours, _ in pairs))
        turns.bare.append(sum(invokes for _, invokes in pairs))
    return turns


def analyse(analyser: Analyser, frame: Frame) -> float:
    """Seconds that one frame takes."""
    began = time.perf_counter()
    picture = from_i420(frame.planes, frame.head.width, frame.head.height)
    analyser.observe(picture, frame.head.mono_ms)
    return time.perf_counter() - began


Given = list[tuple[str, NDArray[Any]]]
"""Names of networks, each with what it was given, in order."""


class ListenedNetworks(Networks):
    """The shipped networks, remembering what they were given."""

    def __init__(self, settings: EdgeAISettings) -> None:
        super().__init__(settings)
        self.settings = settings
        self._given: Given = []

    def load(self, name: str) -> Model:
        """See Networks."""
        return Listened(super().load(name), name, self._given)

    def forget(self) -> Given:
        """What was given since the last time."""
        given = list(self._given)
        self._given.clear()
        return given


class Listened:
    """A network that writes down what it is given."""

    def __init__(self, model: Model, name: str, given: Given) -> None:
        self._model = model
        self._name = name
        self._given = given

    def run(self, batch: NDArray[Any]) -> list[Floats]:
        """See Model."""
        self._given.append((self._name, batch))
        return self._model.run(batch)

    def stored(self, batch: NDArray[Any]) -> list[Stored]:
        """See Model."""
        self._given.append((self._name, batch))
        return self._model.stored(batch)


# --- the bare side ---------------------------------------------------------------------------------


class BareNetworks:
    """The library's interpreters by themselves, made when they are first needed."""

    def __init__(self, settings: EdgeAISettings) -> None:
        library = next(name for name in LIBRARIES if importlib.util.find_spec(name))
        self._make = importlib.import_module(f"{library}.interpreter").Interpreter
        self._threads = settings.threads
        self._catalogue = Catalogue()
        self._made: dict[str, Any] = {}

    def replay(self, given: Given) -> float:
        """Seconds that the invokes alone take; each input is in place before."""
        return sum(self._invoke(self._network(name), batch) for name, batch in given)

    def _invoke(self, network: Any, batch: NDArray[Any]) -> float:
        network.set_tensor(network.get_input_details()[0]["index"], batch)
        began = time.perf_counter()
        network.invoke()
        return time.perf_counter() - began

    def _network(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = made = self._loaded(self._catalogue.path(name))
            made.invoke()
        return self._made[name]

    def _loaded(self, path: Path) -> Any:
        network = self._make(model_path=str(path), num_threads=self._threads)
        network.allocate_tensors()
        return network
