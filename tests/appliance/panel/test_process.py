import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.runtime.settings import Desk
from appliance.runtime.sockets import Answerer
from proctoring import wire
from proctoring.fact import Part

DEADLINE_S = 30


@pytest.fixture
def desk() -> Iterator[Desk]:
    # A path that is short enough for a Unix socket, wherever pytest keeps its own folders.
    with tempfile.TemporaryDirectory() as folder:
        yield Desk(desk="desk-1", run_dir=Path(folder), data_dir=Path(folder))


@pytest.fixture
def settings(desk: Desk) -> Path:
    path = desk.run_dir / "desk.toml"
    text = (
        f'desk = "desk-1"\nrun_dir = "{desk.run_dir}"\ndata_dir = "{desk.data_dir}"\n[panel]\npin_factory = "mock"\n'
    )
    path.write_text(text)
    return path


def start(module: str, settings: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, "--settings", str(settings)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


class FarEnd:
    """Custody's end of the socket: answers and remembers."""

    def __init__(self, desk: Desk) -> None:
        self.heard: list[wire.Message] = []
        self._answerer = Answerer(desk.socket("custody"))

    def hear_until(self, kind: type[wire.Message]) -> wire.Message:
        until = time.monotonic() + DEADLINE_S
        while time.monotonic() < until:
            self._answerer.answer(self._answer, 100)
            for message in self.heard:
                if isinstance(message, kind):
                    return message
        raise AssertionError(f"no {kind.__name__} within {DEADLINE_S} s; heard {self.heard}")

    def _answer(self, data: bytes) -> bytes:
        message = wire.decode(data, wire.Request)
        self.heard.append(message)
        answers = {wire.Hello: wire.View(desk="desk-1", prepared=True, walk_in=True), wire.MoveLid: wire.Saved(seq=1)}
        return wire.encode(answers.get(type(message), wire.Done()))


def test_the_process_greets_custody_says_that_it_lives_and_takes_its_leave(desk: Desk, settings: Path) -> None:
    (desk.run_dir / "panel.exit").write_text("signal: killed KILL\n")
    far_end = FarEnd(desk)
    panel = start("appliance.panel", settings)
    try:
        hello = far_end.hear_until(wire.Hello)
        assert hello == wire.Hello(part=Part.PANEL, pid=panel.pid, after="signal: killed KILL")
        far_end.hear_until(wire.Alive)
        os.kill(panel.pid, signal.SIGTERM)
        far_end.hear_until(wire.Goodbye)
        assert panel.wait(DEADLINE_S) == 0
    finally:
        panel.kill()
        panel.communicate()


def test_letting_go_of_the_pins_needs_no_custody(settings: Path) -> None:
    gone = start("appliance.panel.let_go", settings)
    _, told = gone.communicate(timeout=DEADLINE_S)
    assert gone.returncode == 0, told


def test_a_setting_that_nobody_knows_is_refused_in_one_line(settings: Path) -> None:
    settings.write_text(settings.read_text().replace("pin_factory", "pin_factroy"))
    refused = start("appliance.panel", settings)
    _, told = refused.communicate(timeout=DEADLINE_S)
    assert refused.returncode == 1
    assert "pin_factroy" in told
    assert "Traceback" not in told
