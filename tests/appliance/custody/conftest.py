import hashlib

import pyrage
import pytest

from appliance.custody.service import Custody
from appliance.custody.settings import CustodySettings
from appliance.custody.store import Store
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.custody_link import expect
from appliance.runtime.settings import Desk
from deskproctor.enrolment import enrol
from proctoring import ledger, wire
from proctoring.exam import load_exam
from proctoring.fact import Part
from proctoring.policy import Policy
from proctoring.segment import Segment

EXAM = load_exam(
    """
id = "sample"
title = "Sample"
minutes = 10
[[questions]]
kind = "single"
id = "q1"
text = "?"
choices = [{id = "a", text = "A"}, {id = "b", text = "B"}]
[[questions]]
kind = "text"
id = "q2"
text = "?"
"""
)


SERVER = pyrage.x25519.Identity.generate()
"""The review server's key: what opens segments. No desk has it."""


class DeskUnderTest:
    """Custody on a real database, a simulated clock, and words for what happens at a desk."""

    def __init__(self, folder):
        self.desk = Desk(desk="desk-1", run_dir=folder / "run", data_dir=folder / "data")
        self.clock = SimulatedClock()
        enrol(folder / "authority", self.desk.data_dir, "desk-1")
        self.identity = CustodySettings().identity(self.desk)
        self.start()

    def start(self, after=None):
        self.store = Store(self.desk.folder("custody") / "custody.db")
        self.custody = Custody(self.desk, CustodySettings(), self.store, self.clock, self.identity, after)

    def die_and_start_again(self, after=None):
        """What a SIGKILL leaves: the database as it is."""
        self.store._db.conn.close()
        self.start(after)

    def ask(self, request, answer=wire.View):
        return expect(wire.decode(self.custody.handle(wire.encode(request)), wire.Reply), answer)

    def order(self, command, id_="o1", session=None, expires_ms=60_000):
        now = self.clock.utc_ms()
        order = wire.Order(
            id=id_,
            desk="desk-1",
            session=session,
            by="ann",
            issued_utc_ms=now,
            expires_utc_ms=now + expires_ms,
            command=command,
        )
        return self.ask(wire.TakeOrder(order=order), wire.OrderOutcome)

    def prepare(self, policy=None, **more):
        more = {"recipients": (str(SERVER.to_public()),)} | more
        prepare = wire.Prepare(exams=(EXAM,), policy=policy or Policy(), walk_in_exam="sample", **more)
        assert self.order(prepare, id_=f"prepare-{self.clock.utc_ms()}").result == "succeeded"

    def run_exam(self, policy=None):
        self.prepare(policy)
        self.ask(wire.SignIn(name="Ada"))
        self.ask(wire.Consent(notice="1"))
        self.ask(wire.FinishCheck())
        return self.ask(wire.Begin())

    def pass_s(self, seconds, silent=()):
        for _ in range(seconds):
            self.clock.pass_ms(1000)
            for part in set(Part) - {Part.CUSTODY} - set(silent):
                self.ask(wire.Alive(part=part), wire.Done)
            self.custody.tick()

    def segment(self, data=b"moving pictures", number=1):
        file = self.desk.incoming() / f"{number}.mp4"
        file.write_bytes(data)
        segment = Segment(
            camera="desk",
            number=number,
            started_ms=0,
            ended_ms=2000,
            size=len(data),
            frames=30,
            ended_by="length",
            sha256=hashlib.sha256(data).hexdigest(),
        )
        return wire.StoreSegment(session=self.view.session, segment=segment, file=str(file))

    def opened(self):
        """The videos in the folder of segments, as the review server opens them."""
        files = sorted((self.desk.data_dir / "segments").iterdir())
        return [pyrage.decrypt(file.read_bytes(), [SERVER]) for file in files]

    def server_key(self):
        """What the review server opens segments with."""
        return SERVER

    def finish(self):
        self.ask(wire.Submit())
        for part in (Part.CAPTURE, Part.EDGE_AI):
            self.ask(wire.Drained(session=self.view.session, part=part), wire.Done)
        self.custody.tick()

    @property
    def view(self):
        return self.ask(wire.AskView())

    def facts(self, kind=None, session=None):
        lines = self.store.lines(session or self.view.session)
        entries, _ = ledger.verify("desk-1", session or self.view.session, lines)
        return [e.fact for e in entries if kind is None or isinstance(e.fact, kind)]


@pytest.fixture
def desk(tmp_path):
    made = DeskUnderTest(tmp_path)
    yield made
    (made.desk.data_dir / "reserved").unlink(missing_ok=True)
