"""A session as its desk and the review server keep it, made by their own code on a clock that stands still."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from appliance.custody.service import Custody
from appliance.custody.settings import CustodySettings
from appliance.custody.store import Store as DeskStore
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.settings import Desk
from deskproctor.enrolment import enrol
from messaging.simulated import SimulatedBroker
from proctoring import wire
from proctoring.exam import Exam, TextQuestion
from proctoring.fact import Part
from proctoring.flag import Flag, FlagKind, Why
from proctoring.policy import Policy
from proctoring.segment import EndedBy, Segment
from proctoring.wire import Facts, Receipt, desk_topic
from review_server.ingest import Ingest
from review_server.receipts import Receipts
from review_server.sealing import Keyring
from review_server.segments import SegmentFiles, Segments
from review_server.standing import Patience
from review_server.store import Store as ServerStore
from signing.certificate import Certificate, Role
from web.clock import SimulatedClock as ServerClock

DESK: Final = "desk-1"
EXAM: Final = Exam(id="bench", title="Bench", minutes=30, questions=(TextQuestion(id="q1", text="Why?"),))
PATIENCE: Final = Patience(60_000, 600_000)
SEGMENT_MS: Final = 2000


class Kept(NamedTuple):
    """Where a session is kept, and who vouches for it."""

    desk: Path
    server: Path
    authority: Path
    session: str


class DeskInMemory:
    """Custody in this process, on a real database and folder."""

    def __init__(self, folder: Path, recipients: tuple[str, ...] = (), clock: SimulatedClock | None = None) -> None:
        self.desk = Desk(desk=DESK, run_dir=folder / "run", data_dir=folder / DESK)
        self.clock = clock or SimulatedClock()
        self._recipients = recipients
        enrol(folder / "authority", self.desk.data_dir, DESK)
        self.start()

    def start(self, after: str | None = None) -> None:
        """Starts custody on what its last life left."""
        self.store = DeskStore(self.desk.folder("custody") / "custody.db")
        settings = CustodySettings()
        self.custody = Custody(self.desk, settings, self.store, self.clock, settings.identity(self.desk), after)

    def kill(self) -> None:
        """Ends custody as SIGKILL would, and starts it again a little later."""
        self.store._db.conn.close()
        self.clock.pass_ms(700)
        self.start("killed by SIGKILL")

    def ask(self, request: wire.Message) -> Any:
        """Custody's answer. A refusal ends the run."""
        answer = wire.decode(self.custody.handle(wire.encode(request)), wire.Reply)
        assert not isinstance(answer, wire.Denied), answer
        return answer

    def begin(self) -> str:
        """From preparation to the exam's start; gives the session's name."""
        policy = Policy(identity=False)
        prepare = wire.Prepare(exams=(EXAM,), policy=policy, walk_in_exam=EXAM.id, recipients=self._recipients)
        now_ms = self.clock.utc_ms()
        order = wire.Order(
            id="o1",
            desk=DESK,
            session=None,
            by="bench",
            issued_utc_ms=now_ms,
            expires_utc_ms=now_ms + 60_000,
            command=prepare,
        )
        steps = (
            wire.TakeOrder(order=order),
            wire.SignIn(name="Ada Example"),
            wire.Consent(notice="1"),
            wire.FinishCheck(),
            wire.Begin(),
        )
        for step in steps:
            view = self.ask(step)
        return str(view.session)

    def record(self, session: str, number: int, video: bytes) -> None:
        """Two seconds in which a segment comes to be, and custody looks after itself."""
        for _ in range(SEGMENT_MS // 1000):
            self.clock.pass_ms(1000)
            for part in Part:
                self.ask(wire.Alive(part=part))
            self.custody.tick()
        self.offer(session, number, video)

    def offer(self, session: str, number: int, video: bytes) -> None:
        """A segment as capture hands it over."""
        file = self.desk.incoming() / f"{number}.mp4"
        file.write_bytes(video)
        self.ask(wire.StoreSegment(session=session, segment=segment(number, video), file=str(file)))

    def flag(self, session: str, at_ms: int) -> None:
        """A flag of a second."""
        self.ask(wire.RaiseFlag(session=session, flag=flag(at_ms, None)))
        self.ask(wire.EndFlag(session=session, flag=flag(at_ms, at_ms + 1000)))

    def end(self, session: str) -> None:
        """Hand-in and seal."""
        self.ask(wire.Submit())
        for part in (Part.CAPTURE, Part.EDGE_AI):
            self.ask(wire.Drained(session=session, part=part))
        self.custody.tick()


def keep(folder: Path, videos: Sequence[bytes], kills: Sequence[int] = (), seal: bool = True, lost: int = 0) -> Kept:
    """A session of these videos; custody dies after the ones in `kills`, and `lost` never reach the server."""
    server = folder / "review-server"
    server.mkdir()
    enrol(folder / "authority", server, "review-server", Role.REVIEW_SERVER)
    keyring = Keyring(server)
    keyring.begin(0)
    desk = DeskInMemory(folder, keyring.recipients())
    session = desk.begin()
    for number, video in enumerate(videos, 1):
        desk.record(session, number, video)
        desk.ask(wire.SaveAnswer(question="q1", value=f"because {number}", revision=number))
        if number == 2:
            desk.flag(session, 1000)
        if number in kills:
            desk.kill()
    if seal:
        desk.end(session)
    with _server(folder, server, desk) as (ingest, segments):
        lines = desk.ask(wire.AskLines(session=session, after=0, limit=10_000)).lines
        ingest.take(Facts(desk=DESK, session=session, lines=lines))
        for _ in range(len(videos) - lost):
            one = desk.ask(wire.AskOutbox()).segments[0]
            segments.take(DESK, one.sha256, BytesIO(Path(one.file).read_bytes()), one.size)
    desk.store.close()
    return Kept(desk.desk.data_dir, server, folder / "authority" / "ca.crt", session)


@contextlib.contextmanager
def _server(folder: Path, data_dir: Path, desk: DeskInMemory) -> Iterator[tuple[Ingest, Segments]]:
    store, clock, broker = ServerStore(data_dir / "review.db"), ServerClock(), SimulatedBroker()
    bus, far = broker.bus("review-server"), broker.bus("desk")

    def hear(_topic: str, message: wire.Remote) -> None:
        assert isinstance(message, Receipt)
        desk.ask(wire.TakeReceipt(receipt=message))

    far.subscribe(desk_topic(DESK, "receipts"), hear)
    far.start()
    bus.start()
    receipts = Receipts(bus)
    authority = Certificate.read((folder / "authority" / "ca.crt").read_bytes())
    ingest = Ingest(store, receipts, clock, PATIENCE, authority)
    yield ingest, Segments(store, SegmentFiles(data_dir), receipts, clock, PATIENCE)
    store.close()


def segment(number: int, video: bytes) -> Segment:
    """A segment as capture announces it."""
    return Segment(
        camera="desk",
        number=number,
        started_ms=(number - 1) * SEGMENT_MS,
        ended_ms=number * SEGMENT_MS,
        size=len(video),
        sha256=hashlib.sha256(video).hexdigest(),
        frames=30,
        ended_by=EndedBy.LENGTH,
    )


def flag(at_ms: int, ended_ms: int | None) -> Flag:
    """A suspicion with its reasons."""
    why = Why(threshold=0.6, dwell_ms=700, share=0.6, rule_version="1", scores=(), boxes=(), models={})
    return Flag(
        id=f"{FlagKind.SEVERAL_FACES}:{at_ms}",
        kind=FlagKind.SEVERAL_FACES,
        label=None,
        technical=False,
        started_ms=at_ms,
        raised_ms=at_ms + 750,
        ended_ms=ended_ms,
        peak_score=0.89,
        why=why,
    )
