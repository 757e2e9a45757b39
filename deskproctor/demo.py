"""The demo: a whole session on this machine, watched or played by itself."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec
import requests

from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import CustodyLink
from deskproctor.alerts import Alert, AlertWatch
from deskproctor.candidate import Candidate, Screen, Who
from deskproctor.site import Ports, Site
from deskproctor.summary import Summary, summarise
from proctoring import wire
from proctoring.errors import DeskproctorError
from proctoring.ledger import Line
from proctoring.session import State

Say = Callable[[str], None]

PREPARE_S: Final = 30.0
SEAL_S: Final = 90.0
LIVE_MS: Final = 30_000
"""How long the played candidate sits before a live camera."""
WHO: Final = Who(name="Ada Example")


class DemoFailed(DeskproctorError, RuntimeError):
    """The demo could not come to its end."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to run."""

    camera: dict[str, Any]
    second_camera: dict[str, Any] | None = None
    """The table [second_camera]; None where one camera films."""
    ports: Ports = Ports()
    folder: Path | None = None
    """Where everything is kept; None takes a folder that is deleted at the end."""
    incoming_on_disk: bool = False
    """Whether video may touch the disk before it is sealed, where no folder in memory is to be had."""


def watch(options: Options, say: Say) -> None:
    """Runs everything for people to use, until they press Ctrl-C."""
    with running(options, say):
        try:
            with interrupted_by_sigterm():
                say("Press Ctrl-C to stop.")
                while True:
                    # A signal that comes just before a wait without end would be noticed after it.
                    time.sleep(1)
        except KeyboardInterrupt:
            say("Stopping ...")
    say("All stopped.")


def play(options: Options, screen: Screen, say: Say) -> Summary:
    """Runs everything, sits the exam at `screen` until the clip ends, and waits until the server has it all."""
    with interrupted_by_sigterm(), running(options, say) as (site, alerts):
        custody = CustodyLink(site.desk)
        wait_for(lambda: newest(custody).prepared, PREPARE_S, "the desk to receive its exams")
        say(f"The candidate is played in {screen.name}.")
        live = options.camera["source"] != "video"
        with screen:
            candidate = Candidate(screen, WHO)
            candidate.sit(site.kiosk_url, until=lambda: is_over(newest(custody), SystemClock().mono_ms(), live))
        say("The exam is handed in; waiting for the seal and the server's receipts ...")
        session = newest(custody).session
        wait_for(lambda: newest(custody).state is State.SEALED, SEAL_S, "the session to be sealed")
        with staff(site) as browser:
            at_server = arrived(site, browser, str(session))
        folders = (site.desk.data_dir / "segments", site.server_data)
        return summarise(site.desk.desk, lines_of(custody, str(session)), at_server, folders, alerts.arrived_ms)


@contextmanager
def running(options: Options, say: Say) -> Iterator[tuple[Site, AlertWatch]]:
    """The site at work, its addresses said, its alerts said as they happen."""
    with folder_for(options) as folder, site_in(folder, options, say) as site:
        say(f"Candidate's screen:  {site.kiosk_url}")
        say(f"Invigilator's room:  {site.sign_in_url('console')}")
        say(f"Reviewer's desk:     {site.sign_in_url('server')}")
        with AlertWatch(site.console_url, site.sign_in_url("console"), lambda alert: say(told(alert))) as alerts:
            yield site, alerts


def site_in(folder: Path, options: Options, say: Say) -> Site:
    """The site that the options describe."""
    site = Site(
        folder,
        options.camera,
        options.ports,
        say,
        incoming_on_disk=options.incoming_on_disk,
        second_camera=options.second_camera,
    )
    if site.desk.incoming_dir is None:
        say("There is no folder in memory here: as asked, video may lie on the disk until it is sealed.")
    return site


@contextmanager
def folder_for(options: Options) -> Iterator[Path]:
    """The folder to work in."""
    if options.folder is not None:
        yield options.folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="deskproctor-") as folder:
        yield Path(folder)


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Within, SIGTERM ends the program the way Ctrl-C does: cleanly."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def told(alert: Alert) -> str:
    """An alert as one line."""
    when = "before the exam" if alert["start_s"] is None else f"{alert['start_s']:7.1f} s"
    return f"  {when}  {'technical' if alert['technical'] else 'alert'}: {alert['words']}"


def is_over(view: wire.View, mono_ms: int, live: bool) -> bool:
    """Whether the played candidate hands in: the clip has ended, or a live camera, which never does, ran its time."""
    running_ms = 0 if view.zero_mono_ms is None else mono_ms - view.zero_mono_ms
    return view.camera_ended or (live and running_ms > LIVE_MS)


def newest(custody: CustodyLink) -> wire.View:
    """The desk as it stands now."""
    return custody.ask(wire.AskView(), wire.View, patience_s=20)


def lines_of(custody: CustodyLink, session: str) -> list[Line]:
    """The session's whole ledger at the desk."""
    lines: list[Line] = []
    while True:
        more = custody.ask(wire.AskLines(session=session, after=len(lines)), wire.Lines).lines
        if not more:
            return lines
        lines += more


@contextmanager
def staff(site: Site) -> Iterator[requests.Session]:
    """A reviewer's browser, signed in."""
    with requests.Session() as browser:
        browser.get(site.sign_in_url("server"), timeout=10).raise_for_status()
        yield browser


def arrived(site: Site, browser: requests.Session, session: str) -> dict[str, Any]:
    """The session's page at the server once it is no longer receiving; what it is by then otherwise."""
    until_s = time.monotonic() + SEAL_S
    page: dict[str, Any] = {}
    while time.monotonic() < until_s:
        page = browser.get(f"{site.server_url}/sessions/{session}.json", timeout=10).json()
        if page.get("state") not in (None, "receiving"):
            break
        SystemClock().wait(0.2)
    if "state" not in page:
        raise DemoFailed("The session never reached the review server. See the logs with --folder.")
    return {**page, "session": session}


def wait_for(done: Callable[[], bool], limit_s: float, what: str) -> None:
    """Waits until `done()`, at most so long."""
    until_s = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > until_s:
            raise DemoFailed(f"Waited {limit_s:.0f} s for {what} in vain. Run again with --folder and see its logs.")
        SystemClock().wait(0.1)
