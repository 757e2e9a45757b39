"""False alarms in an hour: clips in which nothing is wrong, looped, by the command itself: `python -m bench.hours`.

A clip is named with the stretches that are to be looped, in seconds: `clip.mp4`, `clip.mp4@0-12.75` or
`clip.mp4@0-1.8,2.65-25`. They are joined with hard cuts, and so are the laps, as a film of an honest candidate never
is; flags that a cut brings about count all the same. One lap is encoded; the others are its packets again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import click

from appliance.capture.pace import Pace
from bench.places import folder_on_disk
from bench.turns import seconds
from proctoring.policy import Recording

HOUR_S: Final = 3600

Stretch = tuple[float, float]
"""Seconds of a clip: from, until."""


class Lap(NamedTuple):
    """What is looped."""

    clip: Path
    stretches: tuple[Stretch, ...]


class Lapped(click.ParamType[Lap]):
    """`clip.mp4@0-1.8,2.65-25`."""

    name = "CLIP[@FROM-UNTIL,…]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Lap:
        """See click."""
        name, _, stretches = str(value).partition("@")
        try:
            pairs = [tuple(map(float, stretch.split("-"))) for stretch in stretches.split(",") if stretch]
            lap = Lap(Path(name), tuple((begin, end) for begin, end in pairs) or ((0.0, float("inf")),))
        except ValueError:
            self.fail(f"{stretches!r} is no list of stretches such as 0-1.8,2.65-25", param, ctx)
        if not lap.clip.is_file():
            self.fail(f"there is no clip {lap.clip}", param, ctx)
        return lap


def figures(lap: Lap, hours: float, policy: Path | None) -> dict[str, Any]:
    """The flags that `deskproctor analyze` raises over the lap, looped to so many hours."""
    with folder_on_disk() as folder:
        film = folder / "film.mp4"
        loop(encoded(lap, folder / "lap.mp4"), film, hours)
        command = [sys.executable, "-m", "deskproctor", "analyze", str(film), "--json"]
        command += ["--policy", str(policy)] if policy else []
        answers: list[bytes] = []
        took_s = seconds(lambda: answers.append(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    found = json.loads(answers[0])
    flags = [(flag["technical"], flag["label"] or flag["kind"], flag["start_s"]) for flag in found["flags"]]
    looped_h = found["duration_s"] / HOUR_S
    return {
        "hours": round(looped_h, 3),
        "false_flags_per_hour": round(sum(not technical for technical, *_ in flags) / looped_h, 2),
        "technical_flags_per_hour": round(sum(technical for technical, *_ in flags) / looped_h, 2),
        "flags": [{"what": what, "start_s": start_s, "technical": technical} for technical, what, start_s in flags],
        "times_real_time": round(found["duration_s"] / took_s, 2),
    }


def encoded(lap: Lap, path: Path) -> Path:
    """One lap as a file of its own, at the recorder's pace."""
    with av.open(str(lap.clip)) as source, av.open(str(path), "w") as file:
        shown = source.streams.video[0]
        per_s = min(Fraction(Recording().frames_per_s), shown.average_rate or Fraction(1000))
        stream = file.add_stream("libx264", rate=per_s, options={"crf": "20", "preset": "fast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = shown.width // 2 * 2, shown.height // 2 * 2, "yuv420p"
        for number, picture in enumerate(pictures(source, lap.stretches, float(per_s))):
            still = picture.reformat(stream.width, stream.height, "yuv420p")
            still.pts, still.time_base, still.pict_type = number, 1 / per_s, 0
            file.mux(stream.encode(still))
        file.mux(stream.encode(None))
    return path


def pictures(source: Any, stretches: tuple[Stretch, ...], per_s: float) -> Iterator[av.VideoFrame]:
    """Those of the stretches, at most so many a second."""
    pace = Pace(per_s)
    for picture in source.decode(video=0):
        at_s = float(picture.time or 0)
        if any(begin <= at_s < end for begin, end in stretches) and pace.takes(round(at_s * 1000)):
            yield picture


def loop(lap: Path, film: Path, hours: float) -> None:
    """Writes the lap's packets again and again, until the film is as long as it has to be."""
    with av.open(str(lap)) as source, av.open(str(film), "w") as file:
        shown = source.streams.video[0]
        stream = file.add_stream_from_template(shown)
        packets: list[Any] = [packet for packet in source.demux(shown) if packet.pts is not None]
        step = packets[1].dts - packets[0].dts
        for begun in count(0, step * len(packets)):
            if begun * packets[0].time_base >= hours * HOUR_S:
                return
            for packet in packets:
                file.mux(moved(packet, begun, step, stream))


def moved(packet: Any, by: int, duration: int, stream: Any) -> Any:
    """A packet's copy that is shown later."""
    copy: Any = av.Packet(bytes(packet))
    copy.pts, copy.dts, copy.time_base = packet.pts + by, packet.dts + by, packet.time_base
    copy.duration, copy.is_keyframe, copy.stream = duration, packet.is_keyframe, stream
    return copy


@click.command()
@click.argument("laps", nargs=-1, required=True, type=Lapped())
@click.option("--hours", default=1.0, show_default=True, help="How long each is looped.")
@click.option("--policy", type=click.Path(path_type=Path, exists=True), help="The rules (TOML); else the shipped.")
def main(laps: tuple[Lap, ...], hours: float, policy: Path | None) -> None:
    """Loop clips in which nothing is wrong and count what is flagged all the same, as JSON."""
    names = [f"{lap.clip.name}@{','.join(f'{begin:g}-{end:g}' for begin, end in lap.stretches)}" for lap in laps]
    told = {name: figures(lap, hours, policy) for name, lap in zip(names, laps, strict=True)}
    click.echo(json.dumps(told, indent=2))


if __name__ == "__main__":
    main(prog_name="python -m bench.hours")
