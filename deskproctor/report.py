"""The report of an analysis: one HTML file with everything in it, for a reader who asks why."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from appliance.edge_ai.session_watch import Sighting
from deskproctor.offline import Watched
from proctoring.flag import Flag, Moment
from proctoring.policy import Policy
from review_server.timeline import SUSPICIONS

TICKS_S: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)
MOST_TICKS: Final = 7

# The chart of the scores, in SVG units.
CHART_WIDTH, CHART_HEIGHT = 320.0, 90.0


MOMENTS: Final = {Moment.ONSET: "Start", Moment.PEAK: "Highest score", Moment.NEWEST: "End"}


class Shown(msgspec.Struct, frozen=True):
    """A thumbnail: what it shows, and the picture as a data address."""

    caption: str
    source: str


class Bar(msgspec.Struct, frozen=True):
    """A flag on its lane: where, as shares of the video's length in per cent."""

    number: int
    left: float
    width: float
    title: str
    technical: bool


class Lane(msgspec.Struct, frozen=True):
    """All flags of one kind and label."""

    name: str
    bars: tuple[Bar, ...]


class Told(msgspec.Struct, frozen=True):
    """A flag with its reasons, as the report shows it."""

    number: int
    name: str
    flag: Flag
    start: str
    end: str
    length_s: float
    line: str
    """The scores as points of a polyline."""
    threshold_y: float
    moments: tuple[Shown, ...]


def write_report(out: Path, video: Path, watched: Watched, policy: Policy, runtime: str) -> None:
    """Writes the report."""
    told = [_told(number, sighting) for number, sighting in enumerate(watched.sightings, 1)]
    page = Environment(
        loader=PackageLoader("deskproctor"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template("report.html")
    out.write_text(
        page.render(
            video=video.name,
            watched=watched,
            duration=clock(watched.duration_ms),
            policy=policy,
            runtime=runtime,
            lanes=lanes(watched),
            ticks=ticks(watched.duration_ms),
            flags=told,
            suspicions=sum(not flag.technical for flag in watched.flags),
            models=sorted({pair for flag in watched.flags for pair in flag.why.models.items()}),
            chart=(CHART_WIDTH, CHART_HEIGHT),
        )
    )


def name_of(flag: Flag) -> str:
    """A flag's kind in plain words, with its label."""
    return SUSPICIONS[flag.kind] + (f": {flag.label}" if flag.label else "")


def clock(at_ms: int) -> str:
    """A time as people read it: minutes, seconds and tenths."""
    minutes, ms = divmod(at_ms, 60_000)
    return f"{minutes}:{ms / 1000:04.1f}"


def lanes(watched: Watched) -> list[Lane]:
    """The flags by kind and label, in the order in which each first appears."""
    rows: dict[str, list[Bar]] = {}
    for number, flag in enumerate(watched.flags, 1):
        rows.setdefault(name_of(flag), []).append(_bar(number, flag, max(watched.duration_ms, 1)))
    return [Lane(name, tuple(bars)) for name, bars in rows.items()]


def ticks(duration_ms: int) -> list[tuple[float, str]]:
    """Where the time axis is marked, in per cent, and with what."""
    duration_s = max(duration_ms / 1000, 0.001)
    step_s = next((step for step in TICKS_S if duration_s / step <= MOST_TICKS), TICKS_S[-1])
    marks = range(0, int(duration_s) + 1, step_s)
    return [(100 * at_s / duration_s, f"{at_s // 60}:{at_s % 60:02d}") for at_s in marks]


def _told(number: int, sighting: Sighting) -> Told:
    flag = sighting.flag
    ended_ms = flag.ended_ms or flag.raised_ms
    return Told(
        number=number,
        name=name_of(flag),
        flag=flag,
        start=clock(flag.started_ms),
        end=clock(ended_ms),
        length_s=(ended_ms - flag.started_ms) / 1000,
        line=_line(flag),
        threshold_y=_y(flag.why.threshold),
        moments=tuple(
            Shown(f"{MOMENTS[one.moment]}, {clock(one.at_ms)}, score {one.score:.2f}", _data(one.jpeg))
            for one in sighting.thumbnails
        ),
    )


def _bar(number: int, flag: Flag, duration_ms: int) -> Bar:
    ended_ms = flag.ended_ms or flag.raised_ms
    return Bar(
        number=number,
        left=round(100 * flag.started_ms / duration_ms, 3),
        width=round(100 * (ended_ms - flag.started_ms) / duration_ms, 3),
        title=f"{number}. {name_of(flag)}, {clock(flag.started_ms)} to {clock(ended_ms)}",
        technical=flag.technical,
    )


def _line(flag: Flag) -> str:
    scores = flag.why.scores
    if not scores:
        return ""
    first_ms, last_ms = scores[0][0], scores[-1][0]
    scale = CHART_WIDTH / max(last_ms - first_ms, 1)
    return " ".join(f"{(at_ms - first_ms) * scale:.1f},{_y(score):.1f}" for at_ms, score in scores)


def _y(score: float) -> float:
    return round(CHART_HEIGHT * (1 - min(max(score, 0.0), 1.0)), 1)


def _data(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
