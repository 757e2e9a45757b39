"""Wires the analysis."""

from __future__ import annotations

from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.objects import NanoDetItems
from appliance.edge_ai.rules import FACES, ITEMS
from appliance.edge_ai.service import EdgeAI
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.simulated import SimulatedFaces, SimulatedItems
from appliance.edge_ai.tflite import TFLiteRuntime
from appliance.runtime import log
from appliance.runtime.arguments import settings_path
from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import CustodyLink
from appliance.runtime.frames import FrameListener
from appliance.runtime.life import Life, StopSignal
from appliance.runtime.settings import load
from proctoring.fact import Part


def main() -> None:
    """Builds everything and runs."""
    desk, settings = load(settings_path("Detectors and flags."), Part.EDGE_AI, EdgeAISettings)
    analyser, models, runtime = _analysis(settings)
    stop, custody = StopSignal(), CustodyLink(desk)
    with FrameListener(desk) as frames, Life(desk, Part.EDGE_AI, custody, stop) as life:
        EdgeAI(
            custody,
            frames,
            analyser,
            SystemClock(),
            frames_per_s=settings.frames_per_s,
            models=models,
            runtime=runtime,
        ).run(life)


def _analysis(settings: EdgeAISettings) -> tuple[Analyser, dict[str, str], str]:
    if settings.detectors == "simulated":
        return Analyser(SimulatedFaces(), SimulatedItems(), settings.items_per_s), {}, "simulated"
    runtime = TFLiteRuntime(None if settings.runtime == "auto" else settings.runtime, settings.threads)
    catalogue = Catalogue()
    faces = FullRangeFaces(runtime.load(catalogue.path(FACES)))
    items = NanoDetItems(runtime.load(catalogue.path(ITEMS)))
    return Analyser(faces, items, settings.items_per_s), catalogue.hashes(), runtime.name


if __name__ == "__main__":
    log.run("edge_ai", main)
