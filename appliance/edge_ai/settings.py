"""The `[edge_ai]` table of the desk's settings."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from appliance.edge_ai.schedule import Rates

Rate = Annotated[float, msgspec.Meta(gt=0, le=30)]


class EdgeAISettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the analysis runs on this machine. What counts as a flag is the policy's, not the machine's."""

    detectors: Literal["models", "simulated"] = "models"
    """`simulated` always sees one face and nothing else: for trying out a desk without its models."""
    runtime: Literal["auto", "ai_edge_litert", "tflite_runtime"] = "auto"
    """The library that runs the models; `auto` takes the first that is installed."""
    threads: Annotated[int, msgspec.Meta(ge=1, le=16)] = 2
    """CPU threads for one run of a model; the smallest ones always take one."""
    frames_per_s: Rate = 8.0
    """Frames analysed in a second, at the most."""
    items_per_s: Rate = 8.0
    """Frames in a second that are also searched for things and persons, at the most: where something is suspected."""
    cpu_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    """How much of all its processor cores the analysis may take; where that is too little it leaves out looks, in a
    stated order. Half: of a Raspberry Pi's four cores recording takes about one, browser and the rest another. The
    unit's CPUQuota is the fence behind it, a quarter further out."""

    @property
    def rates(self) -> Rates:
        """For the schedule."""
        return Rates(self.frames_per_s, self.items_per_s)
