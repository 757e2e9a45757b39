"""Wires the analysis."""

from __future__ import annotations

from appliance.edge_ai.assembly import analysis
from appliance.edge_ai.service import EdgeAI
from appliance.edge_ai.settings import EdgeAISettings
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
    analyser, models, runtime = analysis(settings)
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


if __name__ == "__main__":
    log.run("edge_ai", main)
