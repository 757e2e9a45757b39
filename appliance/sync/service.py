"""The loop: the newest View, what arrived from the broker, presence, facts, and custody's outbox once a while."""

from __future__ import annotations

import logging
import queue
from collections import deque
from typing import Final

from appliance.runtime.clock import Clock
from appliance.runtime.custody_link import Custody, CustodyAway
from appliance.sync.orders import carry_out
from appliance.sync.outbox import FactsOutbox, Window, fitting
from appliance.sync.presence import DeskPresence
from appliance.sync.timing import TimeWatch
from appliance.sync.uploads import Uploader
from messaging.ports import Bus, BusFull
from proctoring.errors import Refused
from proctoring.wire import (
    HOST_TOPIC,
    AskLines,
    AskOutbox,
    Done,
    Facts,
    HostState,
    Lines,
    Order,
    OrderOutcome,
    Outbox,
    Receipt,
    Remote,
    TakeReceipt,
    TakeTime,
    desk_topic,
)

log = logging.getLogger(__name__)

VIEW_WAIT_MS: Final = 20
"""How long an order waits at most while nothing happens at the desk."""
OUTBOX_EVERY_MS: Final = 1_000
PATIENCE_S: Final = 1.0
ARRIVALS_LIMIT: Final = 1_000
WINDOWS_A_STEP: Final = 4


class Sync:
    """One desk's facts, bytes and orders. `step` does all there is to do; nothing it meets is lost."""

    def __init__(
        self,
        desk: str,
        custody: Custody,
        bus: Bus,
        uploader: Uploader,
        presence: DeskPresence,
        clock: Clock,
        time: TimeWatch,
    ) -> None:
        self._time = time
        self._measured: TakeTime | None = None
        self._desk = desk
        self._custody = custody
        self._bus = bus
        self._uploader = uploader
        self._presence = presence
        self._clock = clock
        self._outbox = FactsOutbox()
        self._arrivals: queue.Queue[Remote] = queue.Queue(ARRIVALS_LIMIT)
        self._held: deque[Remote] = deque()
        self._outcomes: deque[OrderOutcome] = deque()
        self._outbox_due_ms = 0
        self._host_run = 0

    def start(self) -> None:
        """Connects, in the background."""
        for topic in (desk_topic(self._desk, "orders"), desk_topic(self._desk, "receipts"), HOST_TOPIC):
            self._bus.subscribe(topic, self._arrived)
        self._bus.on_connected(self._presence.connected)
        self._bus.on_connected(self._time.ask)
        self._bus.start()
        self._uploader.start()
        self._time.start()

    def step(self) -> None:
        """One round. What custody is needed for waits while it is away."""
        self._uploader.check()
        try:
            self._hear_view()
            self._tell_time()
            self._take_arrivals()
            self._ask_outbox()
            if self._bus.connected:
                self._send_facts()
        except CustodyAway:
            log.warning("custody does not answer; what is here is held")
        except BusFull as full:
            log.warning("%s", full)
        self._speak()

    def stop(self) -> None:
        """Says good-bye."""
        if self._bus.connected:
            self._bus.publish(self._presence.topic, self._presence.offline(), retain=True)
        self._bus.close()
        self._uploader.close()
        self._time.close()

    def _arrived(self, topic: str, message: Remote) -> None:
        try:
            self._arrivals.put_nowait(message)
        except queue.Full:  # whoever sent it sends it again: receipts follow facts, and no outcome follows this order
            log.error("a message on %s was put aside: too many wait for custody", topic)

    def _hear_view(self) -> None:
        view = self._custody.view(VIEW_WAIT_MS)
        if view is None:
            return
        self._presence.show(view)
        if view.session is None:
            return
        self._outbox.prefer(view.session)
        if self._outbox.knows(view.session):
            self._outbox.learn(view.session, view.head_seq, confirmed=0)
        else:
            self._outbox_due_ms = 0

    def _tell_time(self) -> None:
        """Before orders are taken: whether one comes too late is for the server's time to say."""
        self._measured = self._time.news() or self._measured
        if self._measured is not None:
            self._custody.ask(self._measured, Done, PATIENCE_S)
            self._measured = None

    def _take_arrivals(self) -> None:
        while not self._arrivals.empty():
            self._held.append(self._arrivals.get_nowait())
        while self._held:
            self._take(self._held[0])
            self._held.popleft()

    def _take(self, message: Remote) -> None:
        match message:
            case Order():
                self._outcomes.append(carry_out(message, self._custody))
            case Receipt():
                self._take_receipt(message)
            case HostState() if message.online or message.run >= self._host_run:
                self._host_run = message.run
                self._outbox.server_is(message.online)

    def _take_receipt(self, receipt: Receipt) -> None:
        try:
            self._custody.ask(TakeReceipt(receipt=receipt), Done, PATIENCE_S)
        except Refused as refused:
            log.error("custody refuses the receipt up to entry %d: %s", receipt.up_to_seq, refused.reason)
            self._outbox.refused(receipt.session, receipt.up_to_seq)
            return
        self._outbox.receipt(receipt.session, receipt.up_to_seq, self._clock.mono_ms())
        if receipt.segments:  # custody lists the next few
            self._uploader.confirm(receipt.segments)
            self._outbox_due_ms = 0

    def _ask_outbox(self) -> None:
        now_ms = self._clock.mono_ms()
        if now_ms < self._outbox_due_ms:
            return
        outbox = self._custody.ask(AskOutbox(), Outbox, PATIENCE_S)
        self._outbox_due_ms = now_ms + OUTBOX_EVERY_MS
        for pending in outbox.sessions:
            self._outbox.learn(pending.session, pending.head_seq, pending.receipted_seq)
        self._uploader.offer(outbox.segments)

    def _send_facts(self) -> None:
        for _ in range(WINDOWS_A_STEP):
            window = self._outbox.next(self._clock.mono_ms())
            if window is None:
                return
            self._send(window)

    def _send(self, window: Window) -> None:
        request = AskLines(session=window.session, after=window.after, limit=window.limit)
        lines = fitting(self._custody.ask(request, Lines, PATIENCE_S).lines)
        if not lines:
            self._outbox.nothing_after(window.session, window.after)
            return
        facts = Facts(desk=self._desk, session=window.session, lines=lines)
        self._bus.publish(desk_topic(self._desk, "facts"), facts)
        self._outbox.sent(window.session, window.after + len(lines), self._clock.mono_ms())

    def _speak(self) -> None:
        try:
            while self._outcomes:
                self._bus.publish(desk_topic(self._desk, "outcomes"), self._outcomes[0])
                self._outcomes.popleft()
            if self._bus.connected and (presence := self._presence.due()):
                self._bus.publish(self._presence.topic, presence, retain=True)
                self._presence.said(presence)
        except BusFull as full:
            log.warning("%s", full)
