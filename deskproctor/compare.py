"""`deskproctor compare`: whether two photos show one person."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from appliance.edge_ai.assembly import Networks
from appliance.edge_ai.identity import SAME_PERSON, likeness
from appliance.edge_ai.settings import EdgeAISettings
from deskproctor.person import PersonFinder


class Comparison(msgspec.Struct, frozen=True):
    """Two photos: the cosine of their faces' embeddings, -1 to 1, and whether that is one person's."""

    similarity: float
    same: bool


def compared(first: Path, second: Path) -> Comparison:
    """Compares the one person on each photo. Raises `PhotoUnusable` or `NoReference`."""
    persons = PersonFinder(Networks(EdgeAISettings()))
    similarity = likeness(persons.person(first), persons.person(second))
    return Comparison(similarity, similarity >= SAME_PERSON)


@click.command()
@click.argument("first", type=click.Path(path_type=Path), metavar="PHOTO")
@click.argument("second", type=click.Path(path_type=Path), metavar="PHOTO")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(first: Path, second: Path, as_json: bool) -> None:
    """Say whether two photos show one person."""
    result = compared(first, second)
    if as_json:
        click.echo(msgspec.json.encode(result).decode())
    else:
        verdict = "the same person" if result.same else "different people"
        click.echo(f"Likeness {result.similarity:.2f}: probably {verdict} (the limit is {SAME_PERSON}).")
