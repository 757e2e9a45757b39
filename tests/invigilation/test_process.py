"""The console as a process of its own, with a real broker."""

import json
import signal
import socket
import subprocess
import sys
import time

import msgspec
import pytest
import requests
import tomli_w

from deskproctor.broker import EmbeddedBroker
from messaging.mqtt import MqttBus
from messaging.rights import CONSOLE_RIGHTS, desk_rights
from proctoring.wire import desk_topic
from web.clock import SystemClock

KEY = "a-key-for-the-tests-only"


@pytest.fixture
def broker(tmp_path):
    with EmbeddedBroker(tmp_path / "broker", {"console": CONSOLE_RIGHTS, "desk-1": desk_rights("desk-1")}) as broker:
        yield broker


@pytest.fixture
def start(tmp_path):
    processes = []

    def start(broker=None, **changes):
        table = {"staff_key": KEY, **changes}
        if broker:
            settings = msgspec.to_builtins(broker.settings_for("console"))
            table["broker"] = {name: value for name, value in settings.items() if value is not None}
        path = tmp_path / "console.toml"
        path.write_text(tomli_w.dumps(table))
        path.chmod(0o600)
        process = subprocess.Popen(
            [sys.executable, "-m", "invigilation", "--settings", str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def until(condition, seconds=30):
    """Polls until `condition` holds; fails where it never does."""
    deadline_s = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline_s, "it did not happen"
        time.sleep(0.02)
    return result


@pytest.fixture
def voice(broker, make_desk):
    """A desk at the real broker, with its presence retained there."""
    desk = make_desk(SystemClock())
    bus = MqttBus(broker.settings_for("desk-1"), "desk-1")
    bus.start()
    bus.publish(desk_topic("desk-1", "presence"), desk.presence(), retain=True)
    desk.say = lambda facts: bus.publish(desk_topic("desk-1", "facts"), facts)
    until(lambda: bus.connected)
    yield desk
    bus.close()


def signed_in(console):
    """A staff member's browser at a console that hears the desks: the retained presence came."""
    ready = json.loads(console.stdout.readline())
    assert ready["ready"] is True
    browser = requests.Session()
    assert browser.get(ready["url"] + ready["sign_in"], timeout=10).status_code == 200
    until(lambda: ask(browser, ready["url"], "desks"))
    return browser, ready["url"]


def ask(browser, url, what):
    return browser.get(f"{url}/{what}.json", timeout=10).json()[what]


def test_it_says_where_it_is_shows_what_desks_say_and_ends_when_told(broker, start, voice):
    console = start(broker)
    browser, url = signed_in(console)
    assert requests.get(url + "/health", timeout=10).text == "ok"
    voice.say(voice.facts(*voice.running(), voice.raised()))
    (alert,) = until(lambda: ask(browser, url, "alerts"))
    assert (alert["desk"], alert["kind"], alert["earlier"]) == ("desk-1", "several_faces", False)
    with browser.get(url + "/events", stream=True, timeout=10) as events:
        assert next(events.iter_lines()) == b"event: beat"
        console.send_signal(signal.SIGTERM)
        assert console.wait(2) == 0
    assert KEY not in console.stderr.read()


def test_what_desks_said_while_it_was_dead_is_there_when_it_is_back(broker, start, voice):
    console = start(broker)
    signed_in(console)
    console.kill()
    console.wait(10)
    voice.say(voice.facts(*voice.running(), voice.raised()))
    browser, url = signed_in(start(broker))
    until(lambda: ask(browser, url, "alerts"))
    (card,) = ask(browser, url, "desks")
    assert card["ledger"] == "verified"


def test_a_port_in_use_is_said_in_a_sentence(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        console = start(port=taken.getsockname()[1])
        assert console.wait(30) == 1
    error = console.stderr.read()
    assert "is in use by another program. Choose another port" in error
    assert "Traceback" not in error


def test_bad_settings_are_said_in_a_sentence(start):
    console = start(colour=1)
    assert console.wait(30) == 1
    error = console.stderr.read()
    assert "Correct that line" in error and "Traceback" not in error and KEY not in error
