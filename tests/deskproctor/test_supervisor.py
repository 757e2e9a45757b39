"""The supervisor with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deskproctor.supervisor import Program, Supervisor
from deskproctor.tether import named

SLEEPER = """
import sys, time
sys.stdout.write("ready\\n")
sys.stdout.flush()
time.sleep(600)
"""

PARENT = """
import sys
from pathlib import Path
from deskproctor.supervisor import Program, Supervisor
folder = Path(sys.argv[1])
with Supervisor(print) as supervisor:
    program = Program(name="sleeper", module="sleeper", settings=folder, log=folder / "log", ready_line=True)
    print(supervisor.start(program).process.pid, flush=True)
    sys.stdin.read()
"""


def is_there(pid: int) -> bool:
    """Whether it still runs; one that only waits to be reaped has ended."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(") ")[2][0] != "Z"


def until(done, what: str, limit_s: float = 30.0) -> None:
    end_s = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < end_s, f"waited {limit_s} s for {what} in vain"
        time.sleep(0.02)


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a program that is ready at once and then sleeps."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return tmp_path


def program(folder: Path, niceness: int = 0) -> Program:
    return Program(
        name="sleeper", module="sleeper", settings=folder, log=folder / "log", niceness=niceness, ready_line=True
    )


def test_a_process_that_dies_is_started_again_and_its_end_is_noted(sleeper: Path) -> None:
    told: list[str] = []
    with Supervisor(told.append) as supervisor:
        child = supervisor.start(program(sleeper))
        first = child.process.pid
        os.kill(first, signal.SIGKILL)
        until(lambda: child.process.pid != first, "another process in its place")
        assert child.restarts == 1
    assert not is_there(child.process.pid)
    assert any("killed by SIGKILL" in text for text in told)


def test_what_is_dropped_is_gone_at_once_and_stays_gone(sleeper: Path) -> None:
    told: list[str] = []
    with Supervisor(told.append) as supervisor:
        child = supervisor.start(program(sleeper))
        supervisor.drop(["sleeper", "never-started"])
        assert not is_there(child.process.pid)
        assert supervisor.names == []
        again = supervisor.start(program(sleeper))
        assert is_there(again.process.pid)
    assert child.restarts == 0
    assert told == []


def test_where_the_supervising_program_is_killed_what_it_started_ends_too(sleeper: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PARENT, str(sleeper)], stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert is_there(pid)
        parent.kill()
    until(lambda: not is_there(pid), "the orphan's end")


def test_a_process_that_was_let_go_is_left_alone() -> None:
    assert named(["+10\n", "+11\n", "-10\n", "+12\n", "-99\n"]) == {11, 12}


@pytest.mark.parametrize(
    "niceness", [5, pytest.param(-5, marks=pytest.mark.skipif(os.geteuid() != 0, reason="root's to give"))]
)
def test_a_process_and_its_session_get_their_niceness_and_so_does_its_successor(sleeper: Path, niceness: int) -> None:
    with Supervisor(print) as supervisor:
        child = supervisor.start(program(sleeper, niceness))
        first = child.process.pid
        assert nicenesses(first) == {niceness}
        os.kill(first, signal.SIGKILL)
        until(lambda: child.process.pid != first, "another process in its place")
        until(lambda: nicenesses(child.process.pid) == {niceness}, "its niceness")


def nicenesses(pid: int) -> set[int]:
    """The process's own and, where the kernel weighs sessions, its session's."""
    group = Path(f"/proc/{pid}/autogroup")
    own = os.getpriority(os.PRIO_PROCESS, pid)
    return {own, int(group.read_text().rpartition("nice ")[2])} if group.exists() else {own}
