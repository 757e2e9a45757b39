"""Sync as the process that it is: started, killed, asked to end; the test plays custody over the real sockets."""

import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from appliance.runtime.settings import Desk
from appliance.runtime.sockets import Answerer, Teller
from proctoring import ledger, wire
from proctoring.wire import Admit, Alive, Goodbye, Hello, Message, Order, desk_topic


class CustodyAtSockets:
    """Answers the processes of a desk with a simulated custody."""

    def __init__(self, desk, custody):
        self._desk = desk
        self._custody = custody
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        with Answerer(self._desk.socket("custody")) as answerer, Teller(self._desk.socket("view")) as teller:
            told = None
            while not self._stop.is_set():
                answerer.answer(self._answer, timeout_ms=10)
                if self._custody.current is not told:
                    told = self._custody.current
                    teller.tell(wire.encode(told))

    def _answer(self, data):
        request = wire.decode(data, wire.Request)
        expected = wire.View if isinstance(request, Hello) else wire.Done
        if isinstance(request, Alive | Goodbye | Hello):
            return wire.encode(self._custody.ask(request, expected))
        return wire.encode(self._custody.ask(request, Message))


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "r").mkdir()
    return Desk(desk="desk-1", run_dir=tmp_path / "r", data_dir=tmp_path / "d")


@pytest.fixture
def settings(tmp_path, desk, real_server):
    broker = real_server.broker.settings_for("desk-1")
    path = tmp_path / "desk.toml"
    path.touch(mode=0o600)
    path.write_text(
        f"""
desk = "desk-1"
run_dir = "{desk.run_dir}"
data_dir = "{desk.data_dir}"
[sync]
server_url = "http://127.0.0.1:{real_server.port}"
token = "0123456789abcdef"
[sync.broker]
port = {broker.port}
username = "{broker.username}"
password = "{broker.password}"
"""
    )
    return path


@pytest.fixture
def custody(desk, ledger_custody):
    with CustodyAtSockets(desk, ledger_custody):
        yield ledger_custody


@contextmanager
def running(settings, log):
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "appliance.sync", "--settings", str(settings)], stderr=errors
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def online(real_server):
    return bool(real_server.server.presences) and real_server.server.presences[-1].online


def test_entries_segments_and_orders_go_their_ways_and_it_ends_as_asked(
    settings, custody, real_server, wait_until, tmp_path
):
    server = real_server.server
    with running(settings, tmp_path / "log") as process:
        wait_until(lambda: online(real_server), "the desk's presence")
        custody.record("s1", b"segment")
        custody.write("s1")
        wait_until(lambda: custody.all_confirmed, "the confirmation")
        assert [ledger.read(line).seq for line in server.lines["s1"]] == [1, 2]
        order = Order(
            id="o1", desk="desk-1", session=None, by="Iva", issued_utc_ms=0, expires_utc_ms=1, command=Admit()
        )
        real_server.server_bus.publish(desk_topic("desk-1", "orders"), order)
        wait_until(lambda: server.outcomes, "the order's outcome")
        assert server.outcomes[0].result == "succeeded"
        process.terminate()
        assert process.wait(10) == 0
    wait_until(lambda: not online(real_server), "the last word")
    assert custody.asked_for(Goodbye)
    assert "0123456789abcdef" not in (tmp_path / "log").read_text()


def test_killed_it_is_seen_as_offline_and_the_next_run_carries_on(
    settings, custody, real_server, wait_until, tmp_path
):
    server = real_server.server
    with running(settings, tmp_path / "log") as process:
        wait_until(lambda: online(real_server), "the desk's presence")
        process.kill()
        process.wait()
    wait_until(lambda: not online(real_server), "the will")
    for _ in range(10):
        custody.write("s1")
    first_run = server.presences[-1].run
    with running(settings, tmp_path / "log"):
        wait_until(lambda: custody.all_confirmed, "the confirmation")
        wait_until(lambda: online(real_server), "the presence of the second run")
    assert len(server.lines["s1"]) == 10
    assert server.presences[-1].run > first_run


def test_settings_that_everybody_can_read_end_it_with_one_clear_line(settings, tmp_path):
    settings.chmod(0o644)
    with running(settings, tmp_path / "log") as process:
        assert process.wait(20) == 1
    [line] = (tmp_path / "log").read_text().splitlines()
    assert "chmod 600" in line
