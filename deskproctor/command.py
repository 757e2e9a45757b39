"""The command `deskproctor`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from appliance.edge_ai import voice
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.panel.pins import load_pins
from deskproctor import demo as demo_run
from deskproctor.analyze import analyze
from deskproctor.cameras import choose, second
from deskproctor.compare import compare
from deskproctor.detect import detect
from deskproctor.enrolment import enrol_command
from deskproctor.evaluate import evaluate
from deskproctor.export import export_command
from deskproctor.fsck import fsck_command
from deskproctor.hardware_sheet import load_parts, parts_table, pins_table, wiring_svg
from deskproctor.keys import keys
from deskproctor.retention import retention_command
from deskproctor.screens import pick
from deskproctor.site import Ports
from deskproctor.summary import Summary
from deskproctor.verify import verify_command
from proctoring.errors import DeskproctorError


class Plainly(click.Group):
    """A group whose foreseen errors are one sentence on standard error and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except DeskproctorError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Plainly)
@click.version_option(package_name="deskproctor")
def main() -> None:
    """Deskproctor: an exam-room kiosk appliance."""


@main.command()
@click.option("--video", type=click.Path(path_type=Path), help="Picture source: a video file, played in real time.")
@click.option(
    "--second-video", type=click.Path(path_type=Path), help="A second camera films too: this file, again and again."
)
@click.option("--auto", is_flag=True, help="Play the candidate too, hand in when the clip ends, print a summary.")
@click.option("--json", "as_json", is_flag=True, help="With --auto: print the summary as JSON and nothing else.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep everything that is written here."
)
@click.option(
    "--incoming-on-disk", is_flag=True, help="Let video touch the disk before it is sealed, where there is no tmpfs."
)
@click.option("--kiosk-port", default=0, help="The candidate's screen; 0 takes a free port.", show_default=True)
@click.option("--server-port", default=0, help="The review server.", show_default=True)
@click.option("--console-port", default=0, help="The invigilator's console.", show_default=True)
def demo(  # noqa: PLR0913, PLR0917 (one for each option)
    video: Path | None,
    second_video: Path | None,
    auto: bool,
    as_json: bool,
    folder: Path | None,
    incoming_on_disk: bool,
    kiosk_port: int,
    server_port: int,
    console_port: int,
) -> None:
    """Run a broker, the review server, the console and one desk on this machine."""
    if as_json and not auto:
        raise click.UsageError("--json prints the summary of an exam that is played: give --auto too.")
    camera, what = choose(video, loop=not auto)
    side = second(second_video) if second_video else None
    check_models()
    say(f"Picture source: {what}")
    if second_video:
        say(f"Second camera: {second_video}")
    ports = Ports(kiosk=kiosk_port, server=server_port, console=console_port)
    options = demo_run.Options(
        camera=camera,
        second_camera=side,
        ports=ports,
        folder=folder,
        incoming_on_disk=incoming_on_disk,
    )
    if not auto:
        return demo_run.watch(options, say)
    summary = demo_run.play(options, pick(), say)
    click.echo(msgspec.json.encode(summary).decode() if as_json else told(summary))
    sys.exit(0 if summary.good else 1)


@main.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the sheet.")
def hardware(out: Path) -> None:
    """Draw the wiring (SVG) and list pins and parts (Markdown) from the data that the panel reads."""
    pins = load_pins()
    out.mkdir(parents=True, exist_ok=True)
    (out / "wiring.svg").write_text(wiring_svg(pins))
    (out / "pins.md").write_text(pins_table(pins))
    (out / "parts.md").write_text(parts_table(load_parts(pins)))
    say(f"Wrote wiring.svg, pins.md and parts.md to {out}.")


for command in (
    detect,
    analyze,
    compare,
    evaluate,
    keys,
    fsck_command,
    export_command,
    verify_command,
    enrol_command,
    retention_command,
):
    main.add_command(command)


def check_models() -> None:
    """Raises ModelBroken where a detector's file is not what its manifest says."""
    catalogue = Catalogue()
    for name in catalogue.hashes():
        catalogue.path(name)
    voice.measured()


def say(text: str) -> None:
    """Progress goes to standard error, so that --json leaves standard output to the JSON."""
    click.echo(text, err=True)


def told(summary: Summary) -> str:
    """The summary for people."""
    segments, latency = summary.segments, summary.alert_latency_s
    lines = [
        f"Session {summary.session}: {summary.state}",
        f"Ledger: {summary.entries} entries, {'verified' if summary.ledger_verified else 'NOT VERIFIED'}",
        f"Recording: {segments.desk} segments at the desk, {segments.server} at the server, "
        f"{'the same bytes' if segments.hashes_equal else 'NOT THE SAME'}, {segments.opened} opened by its key",
        f"Analysed: {summary.analysed_fps} frames a second",
        f"Alerts: half within {latency.p50} s, 95 % within {latency.p95} s" if latency.p50 else "Alerts: none",
    ]
    for flag in summary.flags:
        end = "…" if flag.end_s is None else f"{flag.end_s:.1f}"
        label = f" ({flag.label})" if flag.label else ""
        lines.append(
            f"  {flag.start_s:6.1f} to {end:>6} s  {flag.kind.replace('_', ' ')}{label}, score {flag.peak_score}"
        )
    return "\n".join(lines)
