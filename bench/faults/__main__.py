"""Kills and power cuts in mid-exam, counted: prints one JSON object, and nothing else on standard output."""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from bench.faults import kills, power
from bench.faults.disk import missing
from bench.faults.lab import Losses, Say, own_folder
from deskproctor.demo import interrupted_by_sigterm
from proctoring.errors import DeskproctorError

HARD = ("answers_lost", "broken_chains", "sealed_segments_lost", "fsck_faults")
"""What must be 0."""


@click.command()
@click.option("--kills", "kill_count", default=300, show_default=True, help="Processes to kill.")
@click.option("--power-cuts", "cut_count", default=100, show_default=True, help="Times to cut the power.")
@click.option("--cameras", type=click.IntRange(1, 2), default=2, show_default=True, help="Of the desk.")
@click.option("--seed", default=1, show_default=True, help="What is killed when follows from it.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep everything written here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone; how it stands is not said meanwhile.")
def main(kill_count: int, cut_count: int, cameras: int, seed: int, folder: Path | None, as_json: bool) -> None:
    """Kill random processes of a desk in mid-exam, and cut its power; count what was lost (status 1 if anything)."""
    if cut_count and (lacking := missing()):
        raise click.UsageError(f"Power cuts need {lacking}. Give --power-cuts 0 to leave them out.")

    def say(line: str) -> None:
        if not as_json:
            click.echo(line, err=True)

    try:
        # Killed like a shell kills, it still stops what it started and unmounts its disk.
        with interrupted_by_sigterm():
            result = figures(kill_count, cut_count, cameras, seed, folder, say)
    except DeskproctorError as error:
        raise click.ClickException(str(error)) from error
    print(json.dumps(result, indent=2))
    sys.exit(1 if any(result[name] for name in HARD) else 0)


def figures(
    kill_count: int, cut_count: int, cameras: int, seed: int, folder: Path | None, say: Say
) -> dict[str, Any]:
    """All figures of one run."""
    started_s, losses, parts = time.monotonic(), Losses(), {}
    with own_folder(folder) as place:
        if kill_count:
            parts["kills"] = kills.figures(kill_count, seed, place / "k", say, cameras)
        if cut_count:
            parts["power"] = power.figures(cut_count, random.Random(seed).randrange(2**32), place / "p", say, cameras)
    for part in parts.values():
        add(losses, part.pop("losses"))
    killed, cut = parts.get("kills", {}), parts.get("power", {})
    return {
        "kills": kill_count,
        "power_cuts": cut_count,
        "cameras": cameras,
        "seed": seed,
        **msgspec.structs.asdict(losses),
        "video_lost_s": killed.pop("video_lost_s", None),
        "during_kills": killed,
        "during_power_cuts": cut,
        "took_s": round(time.monotonic() - started_s, 1),
    }


def add(total: Losses, more: Losses) -> None:
    """Adds one count to another."""
    for name in Losses.__struct_fields__:
        setattr(total, name, getattr(total, name) + getattr(more, name))


if __name__ == "__main__":
    main(prog_name="python -m bench.faults")
