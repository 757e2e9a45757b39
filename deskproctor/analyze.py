"""`deskproctor analyze`: the flags that a desk would have raised over a video, and a report with the reasons."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from appliance.edge_ai.assembly import Networks, analysis
from appliance.edge_ai.session_watch import SessionWatch
from appliance.edge_ai.settings import EdgeAISettings
from deskproctor.offline import SESSION, Pictures, Watched, in_video, read_policy, watch
from deskproctor.person import PersonFinder
from deskproctor.report import write_report
from deskproctor.soundtrack import heard_in
from proctoring.errors import DeskproctorError
from proctoring.flag import Flag, Why
from proctoring.policy import Policy, Recording


class ReportUnwritable(DeskproctorError, OSError):
    """The report's file cannot be written."""


class FlagFound(msgspec.Struct, frozen=True):
    """A flag, in seconds of the video. `why` is as in the ledger, with times in seconds and boxes in pixels."""

    kind: str
    label: str | None
    technical: bool
    start_s: float
    end_s: float
    peak_score: float
    why: dict[str, Any]


class Analysis(msgspec.Struct, frozen=True):
    """What `analyze --json` prints."""

    duration_s: float
    frames_read: int
    frames_analysed: int
    models: dict[str, str]
    """Name to SHA-256."""
    flags: tuple[FlagFound, ...]


def found(watched: Watched, models: dict[str, str], recording: Recording) -> Analysis:
    """The analysis in the units of the command's answer."""
    return Analysis(
        duration_s=watched.duration_ms / 1000,
        frames_read=watched.frames_read,
        frames_analysed=watched.frames_analysed,
        models=models,
        flags=tuple(_flag(flag, watched, recording) for flag in watched.flags),
    )


def _flag(flag: Flag, watched: Watched, recording: Recording) -> FlagFound:
    assert flag.ended_ms is not None
    return FlagFound(
        kind=flag.kind,
        label=flag.label,
        technical=flag.technical,
        start_s=flag.started_ms / 1000,
        end_s=flag.ended_ms / 1000,
        peak_score=flag.peak_score,
        why=_why(flag.why, watched, recording),
    )


def _why(why: Why, watched: Watched, recording: Recording) -> dict[str, Any]:
    reasons: dict[str, Any] = msgspec.to_builtins(why)
    reasons["dwell_s"] = reasons.pop("dwell_ms") / 1000
    reasons["scores"] = [[at_ms / 1000, score] for at_ms, score in why.scores]
    reasons["boxes"] = [in_video(box, watched.width, watched.height, recording) for box in why.boxes]
    return reasons


def analysed(video: Path, policy: Policy, reference: Path | None) -> tuple[Watched, dict[str, str], str]:
    """Analyses a video with a progress bar on standard error: what came of it, the models' hashes, the runtime.

    Raises `VideoUnusable`, `PhotoUnusable` or `NoReference`, and what the models raise.
    """
    settings = EdgeAISettings()
    pictures = Pictures(video, policy.recording, settings.frames_per_s)
    networks = Networks(settings)
    photo = PersonFinder(networks).person(reference) if reference else None
    analyser, models, runtime = analysis(settings, networks)
    analyser.begin(photo, policy)
    voices = heard_in(video, pictures.start_ms)
    models = models | voices.models
    watcher = SessionWatch(SESSION, 0, policy, models)
    with click.progressbar(
        length=max(pictures.length_ms, 1), label=f"Analysing {video.name}", file=sys.stderr, show_pos=False
    ) as bar:
        far = lambda at_ms: bar.update(max(0, at_ms - bar.pos))  # noqa: E731
        watched = watch(pictures, analyser, watcher, far, voices=voices)
        bar.update(max(0, (bar.length or 0) - bar.pos))
    return watched, models, runtime


def told(result: Analysis) -> str:
    """The analysis for people."""
    lines = [
        f"{result.duration_s:.1f} s, {result.frames_read} frames read, {result.frames_analysed} analysed, "
        f"{len(result.flags)} flags"
    ]
    for flag in result.flags:
        name = flag.kind.replace("_", " ") + (f" ({flag.label})" if flag.label else "")
        technical = ", technical" if flag.technical else ""
        lines.append(f"  {flag.start_s:6.1f} to {flag.end_s:6.1f} s  {name}{technical}, score {flag.peak_score}")
    return "\n".join(lines)


@click.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--policy", "policy_file", type=click.Path(path_type=Path), help="The rules (TOML); else the shipped.")
@click.option("--reference", type=click.Path(path_type=Path), help="A photo of the candidate, alone, from the front.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON and nothing else.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a report: one HTML file.")
def analyze(
    video: Path, policy_file: Path | None, reference: Path | None, as_json: bool, report: Path | None
) -> None:
    """Say which flags the desk would have raised over a video."""
    policy = read_policy(policy_file)
    _check_writable(report)
    watched, models, runtime = analysed(video, policy, reference)
    if report:
        write_report(report, video, watched, policy, runtime)
    result = found(watched, models, policy.recording)
    click.echo(msgspec.json.encode(result).decode() if as_json else told(result))


def _check_writable(report: Path | None) -> None:
    """Before the work, not after it."""
    if report and not report.parent.is_dir():
        raise ReportUnwritable(f"There is no folder {report.parent} for the report. Make it first.")
