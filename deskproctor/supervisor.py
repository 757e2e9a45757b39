"""Starts processes, restarts one that dies, and stops all: what systemd does on the desk, for a laptop."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from proctoring.errors import DeskproctorError

FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 5.0
STABLE_S: Final = 5.0
"""A process that lived this long starts again at once; one that dies sooner waits, longer each time."""

STOP_S: Final = 5.0
READY_S: Final = 60.0


class WillNotStart(DeskproctorError, RuntimeError):
    """A process ended before it was ready."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What to start: `python -m module --settings file`, then `more`.

    `note` is where its end is written for its next run.
    """

    name: str
    module: str
    settings: Path
    log: Path
    more: tuple[str, ...] = ()
    note: Path | None = None
    niceness: int = 0
    """As nice(1) counts it. Below 0 it is root's to give; for others it is then 0."""
    ready_line: bool = False
    """Whether it prints one line on standard output when it is ready."""


class Child:
    """One supervised process."""

    def __init__(self, program: Program, tether: Tether) -> None:
        self.program = program
        self._tether = tether
        self.restarts = 0
        self.first_line = b""
        self._wait_s = 0.0
        self._due_s = 0.0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._born_s = time.monotonic()
        with self.program.log.open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    self.program.module,
                    "--settings",
                    str(self.program.settings),
                    *self.program.more,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.program.ready_line else log,
                stderr=log,
                start_new_session=True,
            )
        self._tether.hold(process.pid)
        prefer(process.pid, self.program.niceness)
        return process

    def wait_ready(self) -> bytes:
        """The line that the process prints when it is ready. Raises WillNotStart with its last words."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], READY_S)
        self.first_line = self.process.stdout.readline() if readable else b""
        if not self.first_line:
            self.process.kill()
            self.process.wait()
            raise WillNotStart(f"The {self.program.name} did not start: {last_words(self.program.log)}")
        return self.first_line

    def care(self) -> str | None:
        """Restarts the process if it is dead and due; says how it ended when that is first seen."""
        status = self.process.poll()
        if status is None:
            return None
        self._tether.let_go(self.process.pid)
        now_s, ending = time.monotonic(), None
        if self._due_s == 0.0:
            stable = now_s - self._born_s > STABLE_S
            self._wait_s = 0.0 if stable else min(max(self._wait_s * 2, FIRST_WAIT_S), LONGEST_WAIT_S)
            self._due_s = now_s + self._wait_s
            ending = ended_by(status)
            if self.program.note is not None:
                self.program.note.write_text(ending)
        if now_s >= self._due_s:
            self._due_s = 0.0
            self.restarts += 1
            self.process = self._start()
        return ending

    def stop(self) -> None:
        """Asks the process to end."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def reap(self, until_s: float) -> None:
        """Waits for the end; kills what does not end in time."""
        try:
            self.process.wait(max(0.0, until_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._tether.let_go(self.process.pid)
        if self.process.stdout is not None:
            self.process.stdout.close()


class Tether:
    """Ends the processes that it holds where this program is killed and cannot do so itself."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deskproctor.tether"], stdin=subprocess.PIPE, start_new_session=True
        )

    def hold(self, pid: int) -> None:
        """From now on it ends with this program."""
        with self._lock:
            self._held.add(pid)
            self._say(f"+{pid}\n")

    def let_go(self, pid: int) -> None:
        """It has ended; another process may come by its number."""
        with self._lock:
            if pid in self._held:
                self._held.remove(pid)
                self._say(f"-{pid}\n")

    def close(self) -> None:
        """Lets go of all: whoever started them is still there to end them."""
        for pid in list(self._held):
            self.let_go(pid)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        # Whoever kills the tether has only lost it.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


class Supervisor:
    """Children in the order of their start; they are stopped in the reverse order."""

    def __init__(self, on_event: Callable[[str], None]) -> None:
        self._on_event = on_event
        self._children: dict[str, Child] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._tether = Tether()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._stop_all()
        self._tether.close()

    def start(self, program: Program) -> Child:
        """Starts a program and, where it says so, waits until it is ready."""
        child = Child(program, self._tether)
        with self._lock:
            self._children[program.name] = child
        if program.ready_line:
            child.wait_ready()
        return child

    def hold(self, pid: int) -> None:
        """This process, too, ends where this program is killed: one that somebody else starts and stops."""
        self._tether.hold(pid)

    def child(self, name: str) -> Child:
        """The child of that name."""
        return self._children[name]

    def drop(self, names: Iterable[str]) -> None:
        """Kills these children together and forgets them: what a power cut does to a machine."""
        with self._lock:
            gone = [self._children.pop(name) for name in names if name in self._children]
        for child in gone:
            child.process.kill()
        for child in gone:
            child.reap(time.monotonic() + STOP_S)

    @property
    def names(self) -> list[str]:
        """The children's names in the order of their start."""
        return list(self._children)

    def _watch(self) -> None:
        while not self._stopping.wait(0.05):
            with self._lock:
                # Within the lock: a child that is dropped just now must not be started again.
                endings = [(child, child.care()) for child in self._children.values()]
            for child, ending in endings:
                if ending:
                    self._on_event(
                        f"{child.program.name} ended ({ending}): {last_words(child.program.log)} Starting it again."
                    )

    def _stop_all(self) -> None:
        """One after the other: what started first is still there for those that take their leave of it."""
        for child in reversed(self._children.values()):
            child.stop()
            child.reap(time.monotonic() + STOP_S)


def prefer(pid: int, niceness: int) -> None:
    """Sets a process's niceness, as far as this user may."""
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
    # Linux may weigh sessions against each other and pass their processes' niceness over: see sched(7), autogroup.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness))


def ended_by(status: int) -> str:
    """An exit status in words, as subprocess gives it."""
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def last_words(log: Path) -> str:
    """The last line of a log, without its level and process name."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].partition(": ")[2] or lines[-1] if lines else "it said nothing."
