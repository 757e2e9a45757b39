"""A simulated custody with a real ledger behind it, and a desk's sync on a simulated broker."""

import http.server
import random
import threading
import time

import pytest

from appliance.runtime.clock import SimulatedClock, SystemClock, stamp
from appliance.runtime.simulated import SimulatedCustody
from appliance.sync.http import HttpStore, HttpTimes
from appliance.sync.presence import DeskPresence
from appliance.sync.service import Sync
from appliance.sync.settings import SyncSettings
from appliance.sync.simulated import SimulatedServer
from appliance.sync.timing import TimeWatch
from appliance.sync.uploads import Uploader, UploadQueue
from deskproctor.broker import EmbeddedBroker
from messaging.mqtt import MqttBus
from messaging.rights import SERVER_RIGHTS, desk_rights
from messaging.simulated import SimulatedBroker
from proctoring import ledger
from proctoring.fact import CallPressed, SegmentStored
from proctoring.segment import EndedBy, Segment
from proctoring.session import State
from proctoring.wire import (
    AskLines,
    AskOutbox,
    Denied,
    Done,
    Lines,
    OrderOutcome,
    Outbox,
    Pending,
    PendingSegment,
    TakeOrder,
    TakeReceipt,
    View,
)


def poll(condition, what, seconds=30):
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, f"{what}: not within {seconds} s"
        time.sleep(0.005)


class LedgerCustody(SimulatedCustody):
    """Keeps ledgers and segments as custody does, in memory, and forgets nothing before a receipt."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.heads = {}
        self.ledgers = {}
        self.receipted = {}
        self.pending = {}
        self.done = {}
        self.answers = {
            AskOutbox: lambda request: self.outbox(),
            AskLines: self.lines,
            TakeReceipt: self.take_receipt,
            TakeOrder: self.take_order,
        }

    def write(self, session, *facts):
        head = self.heads.get(session) or ledger.start("desk-1", session)
        for fact in facts or (CallPressed(),):
            line, head = ledger.append(head, fact, stamp(SimulatedClock()), 0)
            self.ledgers.setdefault(session, []).append(line)
        self.heads[session] = head
        self.show(
            View(desk="desk-1", prepared=True, walk_in=True, session=session, state=State.RUNNING, head_seq=head.seq)
        )

    def record(self, session, data):
        """A segment comes into custody."""
        sha = ledger.sha256(data)
        path = self.folder / f"{sha}.mp4"
        path.write_bytes(data)
        number = len(self.pending)
        segment = Segment(
            camera="main", number=number, started_ms=0, ended_ms=2000, size=len(data), sha256=sha, frames=30,
            ended_by=EndedBy.LENGTH,
        )  # fmt: skip
        self.pending[sha] = PendingSegment(session, sha, len(data), str(path))
        self.write(session, SegmentStored(segment=segment))
        return sha

    def outbox(self):
        sessions = (
            Pending(name, head.seq, self.receipted.get(name, 0))
            for name, head in self.heads.items()
            if self.receipted.get(name, 0) < head.seq
        )
        return Outbox(sessions=tuple(sessions), segments=tuple(self.pending.values()))

    def lines(self, request):
        lines = self.ledgers[request.session][request.after : request.after + request.limit]
        return Lines(session=request.session, lines=tuple(lines))

    def take_receipt(self, request):
        receipt = request.receipt
        if receipt.up_to_seq and self.ledgers[receipt.session][receipt.up_to_seq - 1].hash != receipt.up_to_hash:
            return Denied(code="receipt_differs", reason="That is not our ledger.")
        self.receipted[receipt.session] = max(self.receipted.get(receipt.session, 0), receipt.up_to_seq)
        for sha in receipt.segments:
            self.pending.pop(sha, None)
        return Done()

    def take_order(self, request):
        order = request.order
        if order.id in self.done:
            return self.done[order.id]
        self.done[order.id] = OrderOutcome(desk="desk-1", order=order.id, result="succeeded")
        return self.done[order.id]

    @property
    def all_confirmed(self):
        return not self.outbox().sessions and not self.pending


class Site:
    """Broker, server and one desk's sync, on a clock that the test moves."""

    def __init__(self, folder):
        self.clock = SimulatedClock()
        self.custody = LedgerCustody(folder)
        self.broker = SimulatedBroker()
        self.server_bus = self.broker.bus("server", rights=SERVER_RIGHTS)
        self.server = SimulatedServer(self.server_bus)
        self.server_bus.start()
        self.queue = UploadQueue(random.Random(1))
        self.uploader = Uploader(self.server, self.clock, self.queue)
        self.presence = DeskPresence("desk-1", 1, self.clock)
        self.bus = self.broker.bus("desk-desk-1", self.presence.will, rights=desk_rights("desk-1"))
        self.time = TimeWatch(self.server, self.clock, pause=lambda seconds: None)
        self.sync = Sync("desk-1", self.custody, self.bus, self.uploader, self.presence, self.clock, self.time)

    def run(self, ms=0, step_ms=100):
        """Lets that much time pass in steps; the uploads take their turns here, not on their thread."""
        for _ in range(max(1, ms // step_ms)):
            self.sync.step()
            while self.uploader.step():
                pass
            self.clock.pass_ms(step_ms if ms else 0)
        self.sync.step()


@pytest.fixture
def site(tmp_path, monkeypatch):
    made = Site(tmp_path)
    monkeypatch.setattr(made.uploader, "start", lambda: None)
    monkeypatch.setattr(made.time, "start", lambda: None)
    made.sync.start()
    yield made
    made.sync.stop()


class ReceivingHandler(http.server.BaseHTTPRequestHandler):
    """PUT by hash, as the review server does it."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sha = self.path.rpartition("/")[2]
        right = ledger.sha256(body) == sha
        if right:
            self.server.simulated.store(sha, body)
        self.send_response(201 if right else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class RealServer:
    """The embedded broker, and a server that takes facts over it and PUTs over HTTP."""

    def __init__(self, folder):
        self.broker = EmbeddedBroker(folder / "b", {"desk-1": desk_rights("desk-1"), "server": SERVER_RIGHTS})
        self.broker.start()
        self.server_bus = MqttBus(self.broker.settings_for("server"), "server")
        self.server = SimulatedServer(self.server_bus)
        self.server_bus.start()
        self.port = 0
        self.start_http()

    def start_http(self):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), ReceivingHandler)
        self.http.simulated = self.server
        self.port = self.http.server_port
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def stop_http(self):
        self.http.shutdown()
        self.http.server_close()

    def close(self):
        self.server_bus.close()
        self.stop_http()
        self.broker.stop()


class RealSite:
    """A real server with sync's real adapters in this process."""

    def __init__(self, server, custody):
        self.real = server
        self.custody = custody
        settings = SyncSettings(
            server_url=f"http://127.0.0.1:{server.port}",
            token="0123456789abcdef",
            broker=server.broker.settings_for("desk-1"),
        )
        clock = SystemClock()
        presence = DeskPresence("desk-1", 1, clock)
        bus = MqttBus(settings.broker, "desk-desk-1", presence.will)
        uploader, time = Uploader(HttpStore(settings), clock), TimeWatch(HttpTimes(settings), clock)
        self.sync = Sync("desk-1", custody, bus, uploader, presence, clock, time)
        self.sync.start()

    def until(self, condition, what):
        """Steps until the condition holds."""

        def step_and_look():
            self.sync.step()
            return condition()

        poll(step_and_look, what, seconds=90)


@pytest.fixture
def wait_until():
    return poll


@pytest.fixture
def ledger_custody(tmp_path):
    return LedgerCustody(tmp_path)


@pytest.fixture
def real_server(tmp_path):
    made = RealServer(tmp_path)
    yield made
    made.close()


@pytest.fixture
def real_site(real_server, ledger_custody):
    made = RealSite(real_server, ledger_custody)
    yield made
    made.sync.stop()
