"""A desk that a test speaks for, and a console that listens to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient

from invigilation.console import make_console
from invigilation.events import Stream
from invigilation.service import Console
from invigilation.settings import Settings
from messaging.rights import CONSOLE_RIGHTS, desk_rights
from messaging.simulated import SimulatedBroker
from proctoring import wire
from proctoring.fact import DiskTrouble, Fact, FlagEnded, FlagRaised, Moved, SessionOpened
from proctoring.flag import TECHNICAL, Flag, FlagKind, Why
from proctoring.ledger import Line, Stamp, append, start
from proctoring.policy import Mode
from proctoring.session import Move, State
from web.clock import SimulatedClock
from web.serve import Face

KEY = "a-key-for-the-tests-only"


def jpeg(shade: int = 120) -> bytes:
    """A real, small picture."""
    picture = np.full((90, 160, 3), shade, np.uint8)
    cv2.circle(picture, (80, 40), 22, (170, 190, 230), -1)
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


class DeskVoice:
    """Writes a session's ledger as a desk does, by a clock that the test moves."""

    def __init__(self, clock: SimulatedClock, name: str = "desk-1", session: str = "s-1") -> None:
        self.clock = clock
        self.name = name
        self.session = session
        self.slow_ms = 0
        """How far this desk's wall clock is behind."""
        self.boot = "boot-1"
        self._head = start(name, session)
        self._zero_ms = clock.now().mono_ms

    def line(self, fact: Fact) -> Line:
        now = self.clock.now()
        stamp = Stamp(at_utc_ms=now.utc_ms - self.slow_ms, mono_ms=now.mono_ms + 7_000_000, boot=self.boot)
        line, self._head = append(self._head, fact, stamp, now.mono_ms - self._zero_ms)
        return line

    def facts(self, *facts: Fact) -> wire.Facts:
        return self.send(*(self.line(fact) for fact in facts))

    def send(self, *lines: Line) -> wire.Facts:
        return wire.Facts(desk=self.name, session=self.session, lines=lines)

    def opened(self, candidate: str = "Ada Example", minutes: float = 30) -> SessionOpened:
        return SessionOpened(
            candidate=candidate,
            booking=None,
            exam="sample",
            exam_title="A sample exam",
            exam_sha256="0" * 64,
            mode=Mode.LIVE,
            policy="default-1",
            allowed_ms=round(minutes * 60_000),
            software="0.1.0",
        )

    def moved(self, move: Move, state: State, reason: str = "") -> Moved:
        return Moved(move=move, state=state, by="candidate", reason=reason)

    def running(self) -> tuple[Fact, ...]:
        return (self.opened(), self.moved(Move.START, State.RUNNING))

    def flag(self, kind: FlagKind = FlagKind.SEVERAL_FACES, label: str | None = None, ended: bool = False) -> Flag:
        at_ms = self.clock.now().mono_ms - self._zero_ms
        why = Why(threshold=0.6, dwell_ms=700, share=0.6, rule_version="1", scores=(), boxes=(), models={})
        return Flag(
            id=f"{kind}:{label or ''}:5200",
            kind=kind,
            label=label,
            technical=kind in TECHNICAL,
            started_ms=5200,
            raised_ms=at_ms,
            ended_ms=9800 if ended else None,
            peak_score=0.91,
            why=why,
        )

    def raised(self, kind: FlagKind = FlagKind.SEVERAL_FACES, label: str | None = None) -> FlagRaised:
        return FlagRaised(flag=self.flag(kind, label), thumbnail=jpeg())

    def ended(self, kind: FlagKind = FlagKind.SEVERAL_FACES, label: str | None = None) -> FlagEnded:
        return FlagEnded(flag=self.flag(kind, label, ended=True))

    def presence(
        self,
        online: bool = True,
        run: int = 1,
        seated: bool = True,
        state: State | None = None,
        disk: DiskTrouble | None = None,
    ) -> wire.Presence:
        return wire.Presence(
            desk=self.name,
            run=run,
            online=online,
            at_utc_ms=self.clock.now().utc_ms - self.slow_ms,
            state=state,
            session=self.session if seated else None,
            candidate="Ada Example" if seated else None,
            disk=disk,
        )


class Site:
    """A console on a simulated broker, and the desks that a test speaks for."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.broker = SimulatedBroker()
        self.stream = Stream()
        self.bus = self.broker.bus("console", rights=CONSOLE_RIGHTS)
        self.console = Console(self.bus, self.stream, self.clock)
        self.settings = Settings(staff_key=KEY, room="Room 12")
        self.app = make_console(self.settings, self.console)
        self.bus.start()

    def desk(self, name: str = "desk-1", session: str = "s-1") -> DeskVoice:
        return DeskVoice(self.clock, name, session)

    def tell(self, message: wire.Facts | wire.Presence | wire.OrderOutcome) -> None:
        """A desk publishes a message."""
        what = {wire.Facts: "facts", wire.Presence: "presence", wire.OrderOutcome: "outcomes"}[type(message)]
        self.broker.accept(wire.desk_topic(message.desk, what), wire.encode(message), retain=what == "presence")

    def answer_orders(self, desk: str, answer: Callable[[wire.Order], wire.OrderOutcome | None]) -> list[wire.Order]:
        """Lets a desk answer orders; gives the list that they are noted in."""
        taken: list[wire.Order] = []
        bus = self.broker.bus(desk, rights=desk_rights(desk))

        def take(_topic: str, order: wire.Remote) -> None:
            assert isinstance(order, wire.Order)
            taken.append(order)
            outcome = answer(order)
            if outcome:
                bus.publish(wire.desk_topic(desk, "outcomes"), outcome)

        bus.subscribe(wire.desk_topic(desk, "orders"), take)
        bus.start()
        return taken


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def desk(clock: SimulatedClock) -> DeskVoice:
    return DeskVoice(clock)


@pytest.fixture(scope="session")
def make_desk() -> type[DeskVoice]:
    return DeskVoice


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def browser(site: Site) -> FlaskClient:
    """A staff member's browser, without the browser."""
    client = site.app.test_client()
    site.app.config["WTF_CSRF_ENABLED"] = False
    client.get(f"/sign-in?key={KEY}")
    return client


@pytest.fixture
def served(site: Site) -> Iterator[str]:
    """The address of the site's console, really served."""
    stop = threading.Event()
    face = Face(site.app, "127.0.0.1", 0)
    threading.Thread(target=face.run, daemon=True).start()
    ticking = threading.Thread(target=site.console.run, args=(stop,), daemon=True)
    ticking.start()
    yield f"http://127.0.0.1:{face.port}"
    stop.set()
    ticking.join(5)
    face.close()
