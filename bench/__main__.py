"""Benchmarks: `python -m bench [NAME…]` prints one JSON object, {name: figures}."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import click

from bench.figures import NAMES, figures_of


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[NAME]...")
def main(names: tuple[str, ...]) -> None:
    """Measures Deskproctor on this machine: all benchmarks, or the named ones.

    Each runs in a process of its own, so that neither memory nor processor time of one counts for another.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as processes:
        figures = {name: processes.submit(figures_of, name).result() for name in names or NAMES}
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(prog_name="python -m bench")
