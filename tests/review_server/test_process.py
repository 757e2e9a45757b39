"""The real program as its own process, at a real broker."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import tomli_w

from deskproctor.broker import EmbeddedBroker
from messaging.mqtt import MqttBus
from messaging.rights import SERVER_RIGHTS, desk_rights
from proctoring.wire import HOST_TOPIC, HostState, Order, Prepare, Presence, Receipt, desk_topic

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30


@pytest.fixture
def broker(tmp_path):
    users = {"review-server": SERVER_RIGHTS, "desk-1": desk_rights("desk-1")}
    with EmbeddedBroker(tmp_path / "broker", users) as broker:
        yield broker


@pytest.fixture
def run(broker, bench, tmp_path):
    """Starts the program; gives its process and what it said when it was ready."""
    started: list[subprocess.Popen[str]] = []
    table = {"host": "127.0.0.1", "port": broker.port, "username": "review-server"}
    settings = {
        "staff_key": bench.KEY,
        "data_dir": str(tmp_path / "server"),
        "broker": table | {"password": broker.settings_for("review-server").password},
        "desks": {"desk-1": bench.TOKEN},
    }
    path = tmp_path / "review.toml"
    path.touch(0o600)
    path.write_text(tomli_w.dumps(settings))

    def start(**more):
        path.write_text(tomli_w.dumps(more | settings))
        command = [sys.executable, "-m", "review_server", "--settings", str(path)]
        log = (tmp_path / "server.log").open("a")
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        started.append(process)
        line = process.stdout.readline()
        assert line, (tmp_path / "server.log").read_text()
        return process, json.loads(line)

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def desk(broker):
    """A desk's client, and the receipts, orders and notices that it hears."""
    bus = MqttBus(broker.settings_for("desk-1"), "desk-1")
    bus.heard = queue.Queue()
    for topic in (desk_topic("desk-1", "receipts"), desk_topic("desk-1", "orders"), HOST_TOPIC):
        bus.subscribe(topic, lambda _topic, message: bus.heard.put(message))
    bus.start()
    yield bus
    bus.close()


def hear(desk, kind: type, **fields: object):
    """The next message of a kind with these values, whatever else comes before it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        message = desk.heard.get(timeout=max(0.1, deadline - time.monotonic()))
        if isinstance(message, kind) and all(getattr(message, name) == value for name, value in fields.items()):
            return message


def test_a_session_arrives_is_confirmed_and_shown_and_a_restart_loses_nothing(run, desk, bench, tmp_path):
    process, ready = run()
    url = ready["url"]
    assert requests.get(f"{url}/health", timeout=5).text == "ok"
    first = hear(desk, HostState, online=True)
    desk.publish(
        desk_topic("desk-1", "presence"), Presence(desk="desk-1", run=1, online=True, at_utc_ms=1), retain=True
    )
    assert isinstance(hear(desk, Order).command, Prepare)
    writer, pieces = bench.whole(tmp_path)
    desk.publish(desk_topic("desk-1", "facts"), writer.facts())
    assert hear(desk, Receipt).up_to_hash == writer.head.hash

    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert hear(desk, HostState, online=False).run == first.run
    desk.publish(desk_topic("desk-1", "facts"), writer.facts())
    _, ready = run()
    assert hear(desk, HostState, online=True).run > first.run
    assert hear(desk, Receipt).up_to_hash == writer.head.hash

    headers = {"Authorization": f"Bearer {bench.TOKEN}"}
    for piece in pieces:
        sha256 = hashlib.sha256(piece).hexdigest()
        answer = requests.put(f"{ready['url']}/segments/{sha256}", data=piece, headers=headers, timeout=10)
        assert answer.status_code == 201
        assert hear(desk, Receipt, segments=(sha256,))
    staff = requests.Session()
    staff.get(ready["url"] + ready["sign_in"], timeout=5)
    shown = staff.get(f"{ready['url']}/sessions/session-1.json", timeout=5).json()
    assert (shown["state"], shown["ledger_verified"]) == ("complete", True)
    part = staff.get(f"{ready['url']}/sessions/session-1/recording.mp4", headers={"Range": "bytes=0-99"}, timeout=30)
    assert (part.status_code, len(part.content)) == (206, 100)


def test_it_ends_cleanly_when_told_to_and_says_so(run, desk):
    process, _ = run()
    number = hear(desk, HostState, online=True).run
    process.terminate()
    assert process.wait(timeout=PATIENCE_S) == 0
    assert hear(desk, HostState, online=False).run == number


def test_a_port_that_is_in_use_is_said_clearly(run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AssertionError, match=f"Port {port} on 127.0.0.1 is in use by another program"):
            run(port=port)


def test_two_servers_never_work_in_one_folder(run):
    run()
    with pytest.raises(AssertionError, match="Another review server works in"):
        run()


def test_settings_that_are_not_there_are_one_line_and_status_1(tmp_path):
    command = [sys.executable, "-m", "review_server", "--settings", str(tmp_path / "none.toml")]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
