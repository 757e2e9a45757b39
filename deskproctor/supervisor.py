"""Starts processes, restarts one that dies, and stops all: what systemd does on the desk, for a laptop."""

from __future__ import annotations

import contextlib
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from proctoring.errors import DeskproctorError

FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 5.0
STABLE_S: Final = 10.0
"""A process that lived this long starts again at once; one that dies sooner waits longer each time."""

STOP_S: Final = 5.0
READY_S: Final = 60.0


class WillNotStart(DeskproctorError, RuntimeError):
    """A process ended before it was ready."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What to start: `python -m module --settings file`. `note` is where its end is written for its next run."""

    name: str
    module: str
    settings: Path
    log: Path
    note: Path | None = None
    ready_line: bool = False
    """Whether it prints one line on standard output when it is ready."""


class Child:
    """One supervised process."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.restarts = 0
        self.first_line = b""
        self._wait_s = FIRST_WAIT_S
        self._due_s = 0.0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._born_s = time.monotonic()
        with self.program.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", self.program.module, "--settings", str(self.program.settings)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.program.ready_line else log,
                stderr=log,
                start_new_session=True,
            )

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
        now_s = time.monotonic()
        if self._due_s == 0.0:
            self._wait_s = FIRST_WAIT_S if now_s - self._born_s > STABLE_S else min(self._wait_s * 2, LONGEST_WAIT_S)
            self._due_s = now_s + self._wait_s
            ending = ended_by(status)
            if self.program.note is not None:
                self.program.note.write_text(ending)
            return ending
        if now_s >= self._due_s:
            self._due_s = 0.0
            self.restarts += 1
            self.process = self._start()
        return None

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
        if self.process.stdout is not None:
            self.process.stdout.close()


class Supervisor:
    """Children in the order of their start; they are stopped in the reverse order."""

    def __init__(self, on_event: Callable[[str], None]) -> None:
        self._on_event = on_event
        self._children: dict[str, Child] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._stop_all()

    def start(self, program: Program) -> Child:
        """Starts a program and, where it says so, waits until it is ready."""
        child = Child(program)
        with self._lock:
            self._children[program.name] = child
        if program.ready_line:
            child.wait_ready()
        return child

    def child(self, name: str) -> Child:
        """The child of that name."""
        return self._children[name]

    @property
    def names(self) -> list[str]:
        """The children's names in the order of their start."""
        return list(self._children)

    def _watch(self) -> None:
        while not self._stopping.wait(0.05):
            with self._lock:
                children = list(self._children.values())
            for child in children:
                ending = child.care()
                if ending:
                    self._on_event(
                        f"{child.program.name} ended ({ending}): {last_words(child.program.log)} Starting it again."
                    )

    def _stop_all(self) -> None:
        """One after the other: what started first is still there for those that take their leave of it."""
        for child in reversed(self._children.values()):
            child.stop()
            child.reap(time.monotonic() + STOP_S)


def ended_by(status: int) -> str:
    """An exit status in words, as subprocess gives it."""
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def last_words(log: Path) -> str:
    """The last line of a log, without its level and process name."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].partition(": ")[2] or lines[-1] if lines else "it said nothing."
