"""Wires the analysis."""

from __future__ import annotations

import os

from appliance.edge_ai.assembly import Networks, analysis, photographer
from appliance.edge_ai.budget import Budget
from appliance.edge_ai.check_in import CheckIn
from appliance.edge_ai.hearing import Ears, Hearing
from appliance.edge_ai.service import EdgeAI
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.voice import SileroVoice
from appliance.runtime import log
from appliance.runtime.arguments import settings_path
from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import CustodyLink
from appliance.runtime.frames import FrameListener
from appliance.runtime.life import Life, StopSignal
from appliance.runtime.settings import load
from appliance.runtime.sounds import SoundListener
from proctoring.fact import Part


def main() -> None:
    """Builds everything and runs."""
    desk, settings = load(settings_path("Detectors and flags."), Part.EDGE_AI, EdgeAISettings)
    networks = None if settings.detectors == "simulated" else Networks(settings)
    detectors, clock = analysis(settings, networks), SystemClock()
    budget = Budget(settings.cpu_share, len(os.sched_getaffinity(0)), settings.rates)
    check_in = CheckIn(photographer(settings, networks), clock)
    stop, custody = StopSignal(), CustodyLink(desk)
    hearing = None if settings.detectors == "simulated" else Hearing(SileroVoice())
    with (
        FrameListener(desk) as frames,
        SoundListener(desk) as sounds,
        Life(desk, Part.EDGE_AI, custody, stop) as life,
    ):
        ears = hearing and Ears(sounds, hearing)
        EdgeAI(custody, frames, detectors, check_in, clock, budget, ears).run(life)


if __name__ == "__main__":
    log.run("edge_ai", main)
