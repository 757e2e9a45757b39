"""The analysis of a frame against the bare invoke() of the same models on what they were given for that frame.

What lies between is ours: shrinking, scaling, reading boxes out of the maps, and deciding where to look again.
"""

from __future__ import annotations

import importlib
import importlib.util
import resource
import statistics
import time
from itertools import islice
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.objects import NanoDetItems
from appliance.edge_ai.picture import Floats, from_i420
from appliance.edge_ai.ports import Model
from appliance.edge_ai.rules import FACES, ITEMS
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.tflite import LIBRARIES, TFLiteRuntime
from appliance.runtime.frames import Frame
from bench.figures import Figures
from bench.places import frames, source
from bench.turns import Turns
from proctoring.policy import Recording

WARM_UP: Final = 4


def figures(count: int = 96) -> Figures:
    """`count` frames are analysed, at the desk's usual pace and with its usual settings."""
    settings = EdgeAISettings()
    pictures = frames(Recording(), settings.frames_per_s)
    library = next(name for name in LIBRARIES if importlib.util.find_spec(name))
    runtime, paths = TFLiteRuntime(library, settings.threads), model_paths()
    models = {name: Listened(runtime.load(path)) for name, path in paths.items()}
    analyser = Analyser(FullRangeFaces(models[FACES]), NanoDetItems(models[ITEMS]), settings.items_per_s)
    for frame in islice(pictures, WARM_UP):
        analyse(analyser, frame)
    # Before the bare side loads the models a second time.
    peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bare = {name: Bare(library, path, settings.threads) for name, path in paths.items()}
    replay(models, bare)
    pairs = [(analyse(analyser, frame), replay(models, bare)) for frame in islice(pictures, count)]
    turns = Turns([ours for ours, _ in pairs], [invokes for _, invokes in pairs])
    return {
        "pictures": source(),
        "runtime": runtime.name,
        "frames": count,
        "ms_per_frame": 1000 * turns.ours_s,
        "p95_ms_per_frame": 1000 * statistics.quantiles(turns.ours, n=20)[-1],
        "invoke_ms_per_frame": 1000 * turns.bare_s,
        "pipeline_over_invoke": turns.over_bare,
        "peak_rss_mb": peak_rss_mb,
    }


def model_paths() -> dict[str, Path]:
    catalogue = Catalogue()
    return {name: catalogue.path(name) for name in (FACES, ITEMS)}


def analyse(analyser: Analyser, frame: Frame) -> float:
    """Seconds that one frame takes."""
    began = time.perf_counter()
    picture = from_i420(frame.planes, frame.head.width, frame.head.height)
    analyser.observe(picture, frame.head.mono_ms)
    return time.perf_counter() - began


class Listened:
    """A model that remembers what it was given."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.given: list[NDArray[Any]] = []

    def run(self, batch: NDArray[Any]) -> list[Floats]:
        """See Model."""
        self.given.append(batch)
        return self._model.run(batch)


# --- the bare side ---------------------------------------------------------------------------------


class Bare:
    """The library's interpreter by itself."""

    def __init__(self, library: str, path: Path, threads: int) -> None:
        module = importlib.import_module(f"{library}.interpreter")
        self._interpreter: Any = module.Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input: int = self._interpreter.get_input_details()[0]["index"]

    def invoke(self, batch: NDArray[Any]) -> float:
        """Seconds of invoke() alone; the input is in place before."""
        self._interpreter.set_tensor(self._input, batch)
        began = time.perf_counter()
        self._interpreter.invoke()
        return time.perf_counter() - began


def replay(models: dict[str, Listened], bare: dict[str, Bare]) -> float:
    """Seconds that the bare interpreters take for what the models were given since the last time."""
    took_s = 0.0
    for name, model in models.items():
        took_s += sum(bare[name].invoke(batch) for batch in model.given)
        model.given.clear()
    return took_s
