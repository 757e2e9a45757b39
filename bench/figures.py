"""What a benchmark finds out. Each module named in NAMES has a `figures()`; its arguments are its size."""

from __future__ import annotations

import importlib
from typing import Final, cast

Figures = dict[str, float | str]

NAMES: Final = ("ledger", "outbox", "custody", "vision", "recording", "flips", "playback")


def figures_of(name: str) -> Figures:
    """The figures of one benchmark at its usual size, to four digits."""
    figures = cast(Figures, importlib.import_module(f"bench.{name}").figures())
    return {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in figures.items()}
