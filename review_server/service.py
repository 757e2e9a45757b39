"""The server at work: facts in by the bus, a notice that it is there, and patience that runs out."""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from messaging.ports import Bus, Will
from messaging.topics import EVERY_DESK
from proctoring.session import State
from proctoring.wire import HOST_TOPIC, Facts, HostState, OrderOutcome, Presence, Remote, desk_topic
from review_server.calendar import Preparation
from review_server.holds import Holds
from review_server.ingest import Ingest
from review_server.ports import Stop
from review_server.retention import Keeper
from review_server.standing import Patience, settle
from review_server.store import Store
from review_server.tables import RunRow, SessionRow
from web.clock import Clock

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0


def begin_run(store: Store, clock: Clock) -> int:
    """Counts this start of the server."""
    with store.write() as tx:
        row = RunRow(at_utc_ms=clock.utc_ms())
        tx.add(row)
        tx.flush()
        return row.number


def notice(run: int, online: bool, clock: Clock) -> HostState:
    """Says whether this server is there."""
    return HostState(run=run, online=online, at_utc_ms=clock.utc_ms())


def will(run: int, clock: Clock) -> Will:
    """What the broker says for us should we vanish."""
    return Will(HOST_TOPIC, notice(run, False, clock))


class Service:
    """Runs until told to stop."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        patience: Patience,
        preparation: Preparation,
        holds: Holds,
        keeper: Keeper,
    ) -> None:
        self._holds = holds
        self._keeper = keeper
        self._store = store
        self._clock = clock
        self._patience = patience
        self._preparation = preparation

    def listen(self, bus: Bus, ingest: Ingest) -> None:
        """Hands each kind of message to whom it is for."""
        preparation = self._preparation

        def hear(_topic: str, message: Remote) -> None:
            match message:
                case Facts():
                    ingest.take(message)
                case Presence():
                    preparation.meet(message)
                    self._holds.meet(message)
                case OrderOutcome():
                    preparation.note(message)
                case _:
                    log.warning("a message of type %s is not for this server", type(message).__name__)

        bus.subscribe(desk_topic(EVERY_DESK, "facts"), hear)
        bus.subscribe(desk_topic(EVERY_DESK, "presence"), hear)
        bus.subscribe(desk_topic(EVERY_DESK, "outcomes"), hear)

    def run(self, bus: Bus, run: int, stop: Stop) -> None:
        """Says that it is there, looks after waiting sessions, and says goodbye."""
        bus.on_connected(lambda: bus.publish(HOST_TOPIC, notice(run, True, self._clock), retain=True))
        bus.start()
        while not stop.wait(LOOK_EVERY_S):
            self.look()
        bus.publish(HOST_TOPIC, notice(run, False, self._clock), retain=True)
        bus.close()

    def look(self) -> None:
        """Gives up waiting where nothing came for too long, tells desks of a new key, deletes what is over."""
        try:
            self._preparation.renew()
            self._keeper.tick()
            with self._store.write() as tx:
                for row in tx.scalars(select(SessionRow).where(SessionRow.state == State.RECEIVING)):
                    settle(tx, row, self._clock.utc_ms(), self._patience)
        except OperationalError as error:
            log.error("the database cannot be written (%s): free disk space", error.orig)
