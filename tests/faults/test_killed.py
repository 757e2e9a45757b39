"""Each desk process is really killed in the middle of an exam. Nothing that was acknowledged may be lost."""

import os
import random
import signal

import pytest

from appliance.runtime.custody_link import CustodyLink
from bench.faults.tally import answers_lost, segments_lost, stored_hashes
from bench.faults.typist import begin_exam
from bench.faults.waiting import wait_until
from deskproctor.demo import lines_of, newest
from deskproctor.site import DESK, PARTS, Ports, Site
from deskproctor.supervisor import last_words
from proctoring import fact as f
from proctoring import ledger, wire
from proctoring.fact import Part
from proctoring.session import State

pytestmark = pytest.mark.journey


@pytest.fixture
def exam(tmp_path):
    """A running exam on a whole site, with a simulated camera, and a typist at work."""
    with Site(tmp_path, {"source": "simulated"}, Ports(), on_event=print) as site:
        custody = CustodyLink(site.desk)
        with begin_exam(site, custody, random.Random(1)) as typist:
            wait_until(lambda: len(segments(site)) >= 2 and typist.saved, "the exam to be under way")
            yield site, custody, typist


def segments(site):
    return list((site.desk.data_dir / "segments").glob("*.mp4.age"))


def kill(site, part):
    """Kills the process and waits until another has taken its place."""
    child = site.supervisor.child(part)
    pid = child.process.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: child.process.pid != pid and child.process.poll() is None, f"{part} to be started again")


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_process_costs_no_answer_and_leaves_a_gap_with_its_reason(exam, part):
    site, custody, typist = exam
    before, saved_before = len(segments(site)), len(typist.saved)
    kill(site, part)
    session = newest(custody).session
    gaps = lambda: [fact for fact in facts(custody, session) if isinstance(fact, f.Gap) and fact.part is Part(part)]  # noqa: E731
    wait_until(lambda: any("SIGKILL" in gap.reason for gap in gaps()), f"the gap of {part}")
    wait_until(lambda: len(segments(site)) > before + 1, f"the recording to go on: {logs(site)}")
    wait_until(lambda: len(typist.saved) > saved_before, "answers to be saved again")
    typist.stop()
    custody.ask(wire.Submit(), wire.View)
    wait_until(lambda: newest(custody).state is State.SEALED, f"the seal: {logs(site)}")
    wait_until(lambda: custody.ask(wire.AskRecord(), wire.Record).receipted, f"the server's receipts: {logs(site)}")
    entries, _ = ledger.verify(DESK, session, lines_of(custody, session))
    assert answers_lost(typist.saved, entries) == []
    assert all(gap.to_ms >= gap.from_ms for gap in gaps())
    at_server = stored_hashes([site.server_data])
    assert segments_lost(entries, at_server) == []


def facts(custody, session):
    entries, _ = ledger.verify(DESK, session, lines_of(custody, session))
    return [entry.fact for entry in entries]


def logs(site):
    return {name: last_words(site.supervisor.child(name).program.log) for name in site.supervisor.names}
