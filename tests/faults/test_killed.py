"""Each desk process is really killed in the middle of an exam. Nothing that was acknowledged may be lost."""

import json
import os
import signal
import threading
import time

import pytest
import requests

from appliance.runtime.custody_link import CustodyLink
from deskproctor.demo import lines_of, newest
from deskproctor.site import DESK, PARTS, Ports, Site
from deskproctor.supervisor import last_words
from proctoring import fact as f
from proctoring import ledger, wire
from proctoring.fact import Part
from proctoring.session import State

pytestmark = pytest.mark.journey


def until(done, what, limit_s=60):
    end = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < end, f"waited {limit_s} s for {what} in vain"
        time.sleep(0.05)


class Typist(threading.Thread):
    """A candidate who never stops answering, and remembers what the screen said was saved."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url = url.rstrip("/")
        self.saved = {}
        self.browser = requests.Session()
        self.stopping = threading.Event()

    def token(self):
        return self.browser.get(f"{self.url}/state.json", timeout=5).json()["token"]

    def post(self, path, data):
        reply = self.browser.post(
            f"{self.url}{path}", data=data, headers={"X-CSRFToken": self.token(), "Referer": self.url}, timeout=10
        )
        reply.raise_for_status()
        return reply

    def run(self):
        revision = 0
        while not self.stopping.is_set():
            revision += 1
            body = {"question": "", "value": f"answer {revision}", "revision": revision}
            for question in self.questions:
                try:
                    self.post("/answers", json.dumps({**body, "question": question}))
                    self.saved[question] = revision
                except (requests.RequestException, ValueError, KeyError):
                    time.sleep(0.1)

    def stop(self):
        self.stopping.set()
        self.join(30)
        assert not self.is_alive()


@pytest.fixture
def exam(tmp_path):
    """A running exam on a whole site, with a simulated camera, and a typist at work."""
    with Site(tmp_path, {"source": "simulated"}, Ports(), on_event=print) as site:
        custody = CustodyLink(site.desk)
        until(lambda: newest(custody).prepared, "the desk's preparation")
        custody.ask(wire.SignIn(name="Ada"), wire.View)
        custody.ask(wire.Consent(notice="1"), wire.View)
        custody.ask(wire.FinishCheck(), wire.View)
        custody.ask(wire.Begin(), wire.View)
        typist = Typist(site.kiosk_url)
        paper = custody.ask(wire.AskPaper(), wire.Paper)
        typist.questions = [q.id for q in paper.exam.questions if type(q).__name__ == "TextQuestion"]
        assert typist.questions
        typist.start()
        until(
            lambda: len(segments(site)) >= 2 and len(typist.saved) == len(typist.questions),
            "the exam to be under way",
        )
        yield site, custody, typist
        typist.stopping.set()


def segments(site):
    return list((site.desk.data_dir / "segments").glob("*.mp4"))


def kill(site, part):
    """Kills the process and waits until another has taken its place."""
    child = site.supervisor.child(part)
    pid = child.process.pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: child.process.pid != pid and child.process.poll() is None, f"{part} to be started again")


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_process_costs_no_answer_and_leaves_a_gap_with_its_reason(exam, part):
    site, custody, typist = exam
    before = len(segments(site))
    saved_before = dict(typist.saved)
    kill(site, part)
    session = newest(custody).session
    gaps = lambda: [fact for fact in facts(custody, session) if isinstance(fact, f.Gap) and fact.part is Part(part)]  # noqa: E731
    until(lambda: any("SIGKILL" in gap.reason for gap in gaps()), f"the gap of {part}")
    until(lambda: len(segments(site)) > before + 1, f"the recording to go on: {logs(site)}")
    until(lambda: all(typist.saved[q] > saved_before[q] for q in typist.questions), "answers to be saved again")
    typist.stop()
    custody.ask(wire.Submit(), wire.View)
    until(lambda: newest(custody).state is State.SEALED, f"the seal: {logs(site)}")
    until(lambda: custody.ask(wire.AskRecord(), wire.Record).receipted, f"the server's receipts: {logs(site)}")
    answers = {fact.question: fact.revision for fact in facts(custody, session) if isinstance(fact, f.Answered)}
    lost = {question: revision for question, revision in typist.saved.items() if answers.get(question, 0) < revision}
    assert lost == {}
    assert all(gap.to_ms >= gap.from_ms for gap in gaps())
    at_server = {path.stem for path in site.server_data.rglob("*.mp4")}
    assert {path.stem for path in segments(site)} <= at_server


def facts(custody, session):
    entries, _ = ledger.verify(DESK, session, lines_of(custody, session))
    return [entry.fact for entry in entries]


def logs(site):
    return {name: last_words(site.supervisor.child(name).program.log) for name in site.supervisor.names}
