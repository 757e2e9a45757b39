"""The process as the supervisor starts it: real sockets, real signals."""

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from proctoring import wire
from proctoring.wire import View


def test_it_says_where_it_is_greets_custody_and_ends_cleanly(process):
    process.start()
    assert process.ready["ready"] is True
    with urllib.request.urlopen(process.url) as page:
        assert b"Please sign in" in page.read()
    assert process.heard(wire.Alive)
    status, logged = process.end(signal.SIGTERM)
    assert status == 0, logged
    assert (process.parts[0], process.parts[-1]) == (wire.Hello, wire.Goodbye)


def test_a_port_in_use_is_one_sentence_and_a_failure(process):
    with socket.create_server(("127.0.0.1", 0)) as other:
        process._write(other.getsockname()[1])
        run = subprocess.run(
            [sys.executable, "-m", "appliance.kiosk_ui", "--settings", str(process.settings)],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert run.returncode == 1
    assert "is in use by another program" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.browser
def test_the_page_outlives_a_kill_of_the_process_that_serves_it(process, desk, tab):
    desk.ask(wire.SignIn(code="K7M2QX"), View)
    desk.ask(wire.Consent(notice="1"), View)
    desk.ask(wire.FinishCheck(), View)
    desk.ask(wire.Begin(), View)
    process.start()
    tab.goto(process.url)
    tab.wait_for_selector("#q1:visible")
    process.end(signal.SIGKILL)
    tab.check("#q1 input[value=stop]")
    tab.wait_for_selector('#q1[data-status="waiting"]')
    assert desk.answers == {}
    process.start()
    tab.wait_for_selector('#q1[data-status="saved"]')
    assert desk.answers == {"q1": ("stop", 1)}
    tab.click("#hand-in")
    tab.click("text=Hand in now")
    tab.wait_for_url("**/handed-in")
