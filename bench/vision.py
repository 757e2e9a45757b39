"""The analysis of a frame against the bare invoke() of the same models, and its face path against MediaPipe.

What lies between the analysis and the invokes is ours: shrinking, scaling, reading boxes out of the maps, light and
scene, and deciding where and when to look again. Frames come at the desk's pace, and the desk's schedule says which
detectors look at each; the rules that read what was seen are no part of either side.

Both sides have one thread on one processor, as for the face path: a second one makes the invokes shorter and nothing
else, so that the ratio would speak of the processor. What a desk's own number of threads gives is
`usual_threads_over_invoke`.
"""

from __future__ import annotations

import importlib
import importlib.util
import resource
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from numpy.typing import NDArray

from appliance.edge_ai.assembly import Networks, analysis
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.picture import Floats, from_i420
from appliance.edge_ai.ports import Model, Stored
from appliance.edge_ai.session_watch import SessionWatch
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.tflite import LIBRARIES
from bench import face_path
from bench.figures import Figures
from bench.places import frames, source
from bench.turns import Turns
from proctoring.policy import Policy, Recording

WARM_UP: Final = 16
SECOND: Final = 8
"""Frames in a second at the desk's pace."""


def figures(rounds: int = 5, seconds: int = 24, face_rounds: int = 7) -> Figures:
    """In each round so many `seconds` of frames are analysed, at the desk's usual pace.

    24 seconds are the whole demo clip: one person, two, nobody, each as often in every round.
    """
    usual = EdgeAISettings()
    with face_path.one_processor():
        alone = msgspec.structs.replace(usual, threads=1)
        desk = Desk(alone)
        # Before anybody loads the models a second time.
        peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        turns = rounds_of(alone, rounds, seconds)
    at_usual = rounds_of(usual, rounds, seconds)
    each = seconds * SECOND
    return {
        "pictures": source(),
        "runtime": desk.networks.runtime,
        "frames": rounds * each,
        "ms_per_frame": 1000 * turns.ours_s / each,
        "invoke_ms_per_frame": 1000 * turns.bare_s / each,
        "pipeline_over_invoke": turns.over_bare,
        "usual_threads": usual.threads,
        "usual_threads_over_invoke": at_usual.over_bare,
        "peak_rss_mb": peak_rss_mb,
        **face_path.figures(face_rounds),
    }


def rounds_of(settings: EdgeAISettings, rounds: int, seconds: int) -> Turns:
    """Frames and the invokes that they took. Each round loads the networks anew: where they come to lie in memory is
    worth two hundredths to either side.
    """
    turns = Turns([], [])
    for _ in range(rounds):
        ours, bare = _round(settings, seconds)
        turns.ours.append(ours)
        turns.bare.append(bare)
    return turns


def _round(settings: EdgeAISettings, seconds: int) -> tuple[float, float]:
    """Both sides in turns of a second: neither finds the other's numbers in the processor's memory all the time, and
    both have the machine as it is just now.

    What the networks are given is noted by a twin that sees the same frames: taking notes costs the desk nothing.
    """
    noted = ListenedNetworks(settings)
    desk, twin, bare = Desk(settings), Desk(settings, noted), BareNetworks(noted)
    noted.forget()
    pairs = [_second(desk, twin, noted, bare) for _ in range(seconds)]
    return sum(ours for ours, _ in pairs), sum(invokes for _, invokes in pairs)


def _second(desk: Desk, twin: Desk, noted: ListenedNetworks, bare: BareNetworks) -> tuple[float, float]:
    ours = desk.second()
    twin.second()
    return ours, bare.replay(noted.forget())


class Desk:
    """One session under the usual policy that has seen its first frames."""

    def __init__(self, settings: EdgeAISettings, networks: Networks | None = None) -> None:
        self.networks = networks or Networks(settings)
        self._pictures = frames(Recording(), settings.frames_per_s)
        self._analyser, models, _ = analysis(settings, self.networks)
        self._analyser.begin(None, Policy())
        self._watch = SessionWatch("bench", 0, Policy(), models, settings.rates)
        for _ in range(WARM_UP):
            self._analyse()

    def second(self) -> float:
        """Seconds that the next second of frames takes."""
        return sum(self._analyse() for _ in range(SECOND))

    def _analyse(self) -> float:
        frame = next(self._pictures)
        head = frame.head
        began = time.perf_counter()
        picture = from_i420(frame.planes, head.width, head.height)
        seen = self._analyser.observe(picture, head.mono_ms, self._watch.plan(head.mono_ms))
        took_s = time.perf_counter() - began
        self._watch.feed(seen, head.number, picture)
        return took_s


Given = list[tuple[str, NDArray[Any]]]
"""Names of networks, each with what it was given, in order."""


class ListenedNetworks(Networks):
    """The shipped networks, remembering what they were given."""

    def __init__(self, settings: EdgeAISettings) -> None:
        super().__init__(settings)
        self._given: Given = []

    def load(self, name: str) -> Model:
        """See Networks."""
        return Listened(super().load(name), name, self)

    def note(self, name: str, model: Model, batch: NDArray[Any] | None) -> None:
        """Keeps a copy, for the memory will be used again."""
        self._given.append((name, (model.room() if batch is None else batch).copy()))

    def forget(self) -> Given:
        """What was given since the last time."""
        given = list(self._given)
        self._given.clear()
        return given


class Listened:
    """A network that writes down what it is given."""

    def __init__(self, model: Model, name: str, networks: ListenedNetworks) -> None:
        self._model = model
        self._name = name
        self._networks = networks

    def room(self) -> NDArray[Any]:
        """See Model."""
        return self._model.room()

    def run(self, batch: NDArray[Any] | None = None) -> list[Floats]:
        """See Model."""
        self._networks.note(self._name, self._model, batch)
        return self._model.run(batch)

    def stored(self, batch: NDArray[Any] | None = None) -> list[Stored]:
        """See Model."""
        self._networks.note(self._name, self._model, batch)
        return self._model.stored(batch)


# --- the bare side ---------------------------------------------------------------------------------


class BareNetworks:
    """The library's interpreters by themselves, made when they are first needed."""

    def __init__(self, networks: Networks) -> None:
        library = next(name for name in LIBRARIES if importlib.util.find_spec(name))
        self._make = importlib.import_module(f"{library}.interpreter").Interpreter
        self._threads = networks.threads
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
            self._made[name] = made = self._loaded(self._catalogue.path(name), self._threads(name))
            made.invoke()
        return self._made[name]

    def _loaded(self, path: Path, threads: int) -> Any:
        network = self._make(model_path=str(path), num_threads=threads)
        network.allocate_tensors()
        return network
