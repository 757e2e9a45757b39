"""The page with the published figures, written from an evaluation's JSON."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page(figures: dict[str, Any]) -> str:
    """Markdown."""
    surroundings = Environment(
        loader=PackageLoader("deskproctor"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  Markdown, not HTML
    )
    surroundings.filters["share"] = share
    surroundings.filters["plain"] = lambda name: name.replace("_", " ")
    return surroundings.get_template("detectors.md").render(figures)


def share(value: float | None) -> str:
    """A share as people read it."""
    return "–" if value is None else f"{100 * value:.0f} %"
