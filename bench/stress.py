"""A whole desk at work while every processor of the machine is kept busy by others: `python -m bench.stress`.

Broker, review server, console and desk are real processes; the camera is a clip that is looped; a candidate answers
at a human's fast pace, by HTTP and, where there is Chromium, on the exam page itself. The same exam is sat twice: on
the machine as it is, and beside as many busy processes as there are processors. A bare commit of SQLite is timed
between the answers, on the same disk: what of an answer's time is the disk's is no faster anywhere.

Pictures are counted from outside: the clip's own times tell how many a recorder at that rate has to have, the
ledger's segments how many it has, from the first to the last.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urljoin

import click
import requests

from appliance.capture.pace import Pace
from appliance.capture.video import VideoReader
from appliance.runtime.custody_link import CustodyLink
from bench.custody import ANSWER, database, inserter
from bench.places import CLIP, folder_on_disk
from bench.turns import seconds
from deskproctor.candidate import Asked, Candidate, Who
from deskproctor.candidate_browser import BrowserScreen, find_chromium
from deskproctor.candidate_http import HttpScreen
from deskproctor.demo import lines_of, newest, wait_for
from deskproctor.site import DESK, Ports, Site
from proctoring import fact as f
from proctoring import ledger, wire
from proctoring.policy import Recording
from proctoring.session import State

PACE_S: Final = 0.4
"""Between two answers: faster than anybody clicks through a paper, and never so fast that answers queue up."""

STATE_EVERY_S: Final = 1.0
"""How often the page asks how the desk stands; this candidate does the same."""

START_S: Final = 60.0
SEAL_S: Final = 90.0
BUSY: Final = "while True: pass"

Times = list[float]
"""Milliseconds."""

Beside = Callable[[], AbstractContextManager[None]]
"""What else the machine does meanwhile."""


class Phase(NamedTuple):
    """What one exam came to."""

    saved: Times
    on_screen: list[Times]
    """None or one: there may be no browser."""
    commits: Times
    facts: list[f.Fact]


def figures(seconds_each: float, clip: Path, browser: bool) -> dict[str, Any]:
    """Both exams, each `seconds_each` long: the one under pressure, and `at_rest` the other."""
    at_rest = told(exam(seconds_each, clip, browser, contextlib.nullcontext), clip)
    stressed = told(exam(seconds_each, clip, browser, pressed), clip)
    return {
        "camera": clip.name,
        "processors": os.cpu_count(),
        "busy": stressors().name,
        "seconds": seconds_each,
        **stressed,
        "p95_over_rest": round(stressed["answer_saved_ms"]["p95"] / at_rest["answer_saved_ms"]["p95"], 2),
        "at_rest": at_rest,
    }


def told(phase: Phase, clip: Path) -> dict[str, Any]:
    """One exam in numbers."""
    segments = [fact.segment for fact in phase.facts if isinstance(fact, f.SegmentStored)]
    recorded = sum(segment.frames for segment in segments)
    per_s = Recording().frames_per_s
    # A segment ends when its last picture gives way, so half a picture earlier is surely within that one's time.
    due = pictures_due(clip, per_s, segments[0].started_ms, segments[-1].ended_ms - 500 // per_s)
    analyses = [fact.analysed_fps for fact in phase.facts if isinstance(fact, f.AnalysisSummary)]
    return {
        "answer_saved_ms": spread(phase.saved),
        "screen_saved_ms": next(map(spread, phase.on_screen), None),
        "bare_commit_ms": spread(phase.commits),
        "answers": len(phase.saved),
        "frames_recorded": recorded,
        "frames_dropped": due - recorded,
        "recording_began_ms": segments[0].started_ms,
        "gaps": [f"{fact.part}: {fact.reason}" for fact in phase.facts if isinstance(fact, f.Gap)],
        "analysed_fps": next(iter(analyses), None),
    }


def spread(times: Times) -> dict[str, float]:
    """Median, 95th percentile and longest, in milliseconds. Needs two at the least."""
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    return {"p50": round(statistics.median(times), 1), "p95": round(p95, 1), "max": round(max(times), 1)}


# --- pictures ----------------------------------------------------------------------------------------


def pictures_due(clip: Path, per_s: float, from_ms: int, until_ms: int) -> int:
    """How many pictures a recorder at that rate takes of a looped clip in that time."""
    pace = Pace(per_s)
    times = itertools.takewhile(lambda at_ms: at_ms < until_ms, looped(clip))
    return sum(pace.takes(at_ms) and at_ms >= from_ms for at_ms in times)


def looped(clip: Path) -> Iterator[int]:
    """The times of a clip's pictures, lap after lap."""
    with closing(VideoReader(clip)) as reader:
        length_ms = reader.length_ms
        lap = [still.at_ms for still in iter(reader.next, None)]
    for begun_ms in itertools.count(0, max(length_ms, lap[-1] + 1)):
        yield from (begun_ms + at_ms for at_ms in lap)


# --- the exam ----------------------------------------------------------------------------------------


def exam(seconds_each: float, clip: Path, browser: bool, beside: Beside) -> Phase:
    """Sits one exam at a site of its own."""
    camera = {"source": "video", "video": str(clip.resolve()), "loop": True}
    chromium = find_chromium() if browser else None
    with ExitStack() as stack:
        folder = stack.enter_context(folder_on_disk())
        site = stack.enter_context(Site(folder, camera, Ports(), on_event=note))
        custody = stack.enter_context(closing(CustodyLink(site.desk)))
        wait_for(lambda: newest(custody).prepared, START_S, "the desk to receive its exams")
        screen: HttpScreen | BrowserScreen = BrowserScreen(chromium) if chromium else HttpScreen()
        stack.enter_context(screen)
        Candidate(screen, Who(name="Ada Example")).arrive(site.kiosk_url)
        hands: list[Hand] = [Typist(site.kiosk_url, screen.questions())]
        if isinstance(screen, BrowserScreen):
            hands.append(Clicker(screen))
        bare = stack.enter_context(closing(database(folder / "bare.db")))
        with beside():
            times = answered(seconds_each, [*(hand.answer for hand in hands), timed(inserter(bare))])
        return Phase(times[0], times[1:-1], times[-1], handed_in(custody))


def answered(seconds_each: float, ways: list[Callable[[], float]]) -> list[Times]:
    """One answer after the other in each way, for so long: what each took."""
    until_s = time.monotonic() + seconds_each
    took: list[Times] = [[] for _ in ways]
    while time.monotonic() < until_s:
        for times, way in zip(took, ways, strict=True):
            times.append(way())
            time.sleep(PACE_S / len(ways))
    return took


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """`work` as something that says how many milliseconds it took."""
    return lambda: 1000 * seconds(work)


def handed_in(custody: CustodyLink) -> list[f.Fact]:
    """Hands in, waits for the seal, and reads the whole ledger."""
    custody.ask(wire.Submit(), wire.View)
    wait_for(lambda: newest(custody).state is State.SEALED, SEAL_S, "the session to be sealed")
    session = str(newest(custody).session)
    entries, _ = ledger.verify(DESK, session, lines_of(custody, session))
    return [entry.fact for entry in entries]


class Hand(Protocol):
    """Somebody who answers."""

    def answer(self) -> float:
        """Gives one more answer; the milliseconds until it was said to be saved."""


class Typist:
    """Sends what the exam page's script would send for a text, over one connection as a browser does."""

    def __init__(self, url: str, questions: list[Asked]) -> None:
        self._url = url
        self._question = next(question for question in questions if question.kind == "text")
        self._revisions = itertools.count(self._question.revision + 1)
        self._http = requests.Session()
        self._http.trust_env = False
        self._looked_s = 0.0

    def answer(self) -> float:
        """See Hand."""
        if time.monotonic() - self._looked_s > STATE_EVERY_S:
            self._look()
        revision = next(self._revisions)
        body = {"question": self._question.id, "value": f"{ANSWER} {revision}", "revision": revision}
        return 1000 * seconds(lambda: self._send(body))

    def _look(self) -> None:
        """As the page does once a second."""
        self._looked_s = time.monotonic()
        self._token = self._http.get(urljoin(self._url, "/state.json"), timeout=START_S).json()["token"]

    def _send(self, body: dict[str, Any]) -> None:
        headers = {"X-CSRFToken": self._token}
        self._http.post(
            urljoin(self._url, "/answers"), json=body, headers=headers, timeout=START_S
        ).raise_for_status()


class Clicker:
    """Ticks a question's choices in turn, on the page itself."""

    def __init__(self, screen: BrowserScreen) -> None:
        self._screen = screen
        self._question = next(question for question in screen.questions() if question.kind == "single")
        self._choices = itertools.cycle(self._question.choices)

    def answer(self) -> float:
        """See Hand."""
        return self._screen.choose(self._question, next(self._choices))


# --- the pressure ------------------------------------------------------------------------------------


class Stressors(NamedTuple):
    """The program that keeps the processors busy."""

    name: str
    commands: list[list[str]]


def stressors() -> Stressors:
    """`stress-ng` or `stress` where there is one, else endless loops: one for each processor."""
    processors = os.cpu_count() or 1
    for program in ("stress-ng", "stress"):
        if found := shutil.which(program):
            return Stressors(f"{program} --cpu {processors}", [[found, "--cpu", str(processors)]])
    return Stressors(f"{processors} endless loops", [[sys.executable, "-c", BUSY]] * processors)


@contextmanager
def pressed() -> Iterator[None]:
    """Within, the processors have no time to spare. In sessions of their own, as if started in another terminal."""
    nowhere = subprocess.DEVNULL
    processes = [
        subprocess.Popen(command, start_new_session=True, stdout=nowhere, stderr=nowhere)
        for command in stressors().commands
    ]
    try:
        yield
        ended = [process for process in processes if process.poll() is not None]
        assert not ended, "the stressors ended before the exam did, so nothing was measured"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


# --- the command -------------------------------------------------------------------------------------


def note(text: str) -> None:
    """What the site has to say goes beside the JSON."""
    click.echo(text, err=True)


@click.command()
@click.option("--seconds", "seconds_each", default=90.0, show_default=True, help="How long each of the two exams is.")
@click.option(
    "--video", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The clip; else the demo's."
)
@click.option("--browser/--no-browser", default=True, help="Also answer on the page, in Chromium, if there is one.")
def main(seconds_each: float, video: Path | None, browser: bool) -> None:
    """An exam on a machine that is at rest otherwise, and one beside busy processes, as JSON."""
    click.echo(json.dumps(figures(seconds_each, video or CLIP, browser), indent=2))


if __name__ == "__main__":
    main(prog_name="python -m bench.stress")
