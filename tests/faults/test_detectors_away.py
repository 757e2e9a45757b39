"""The detectors are really killed, again and again, during an exam. People must be told that nobody looks."""

import os
import signal

import pytest

from appliance.runtime.custody_link import CustodyLink
from bench.faults.waiting import wait_until
from deskproctor.alerts import AlertWatch
from deskproctor.candidate import Candidate, Who
from deskproctor.candidate_http import HttpScreen
from deskproctor.demo import arrived, lines_of, newest, staff
from deskproctor.site import DESK, Ports, Site
from deskproctor.supervisor import last_words
from proctoring import fact as f
from proctoring import ledger, wire
from proctoring.fact import Part
from proctoring.flag import FlagKind

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


@pytest.fixture
def exam(tmp_path):
    """A running exam on a whole site, with a simulated camera."""
    with Site(tmp_path, {"source": "simulated"}, Ports(), on_event=print) as site:
        custody = CustodyLink(site.desk)
        wait_until(lambda: newest(custody).prepared, "the desk's preparation")
        with HttpScreen() as screen:
            Candidate(screen, Who(name="Ada Example")).arrive(site.kiosk_url)
        yield site, custody


def flags_of_absence(custody, session, kind):
    entries, _ = ledger.verify(DESK, session, lines_of(custody, session))
    facts = [entry.fact for entry in entries if isinstance(entry.fact, kind)]
    return [fact.flag for fact in facts if fact.flag.kind is FlagKind.ANALYSIS_ABSENT]


def test_while_the_detectors_cannot_start_reviewers_and_invigilators_are_shown_a_technical_flag(exam):
    site, custody = exam
    session, child = newest(custody).session, site.supervisor.child(Part.EDGE_AI)

    def killed_again_until_flagged():
        if child.process.poll() is None:
            os.kill(child.process.pid, signal.SIGKILL)
        return bool(flags_of_absence(custody, session, f.FlagRaised))

    with AlertWatch(site.console_url, site.sign_in_url("console"), lambda alert: None) as alerts:
        wait_until(killed_again_until_flagged, "the flag that nobody looks")
        said = last_words(child.program.log)
        wait_until(lambda: flags_of_absence(custody, session, f.FlagEnded), f"the detectors to be back: {said}")
        (flag,) = flags_of_absence(custody, session, f.FlagEnded)
        assert flag.technical
        assert flag.ended_ms - flag.started_ms >= flag.why.dwell_ms
        wait_until(lambda: flag.id in alerts.arrived_ms, "the alert at the console")
    custody.ask(wire.Submit(), wire.View)
    with staff(site) as browser:
        shown = arrived(site, browser, session)["flags"]
    (told,) = [one for one in shown if one["kind"] == FlagKind.ANALYSIS_ABSENT]
    assert told["technical"]
    assert told["end_s"] == flag.ended_ms / 1000
