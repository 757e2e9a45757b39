"""A process's life: it greets custody, says that it makes progress, and takes its leave when told to stop.

systemd is told READY and WATCHDOG by sd_notify; off systemd that is silence. Whoever starts the processes leaves a
note `<part>.exit` in the run folder that says how the last run ended; the next run hands it to custody, where it
becomes the reason of the gap.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from appliance.runtime.clock import Clock, SystemClock
from appliance.runtime.custody_link import Custody, CustodyAway
from appliance.runtime.settings import Desk
from proctoring.fact import Part
from proctoring.wire import Alive, Done, Goodbye, Hello, View

log = logging.getLogger(__name__)

BEAT_MS = 1000


def notify(state: str) -> None:
    """Tells systemd, if it listens. See sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.connect("\0" + address[1:] if address.startswith("@") else address)
        peer.sendall(state.encode())


def last_exit(run_dir: Path, part: Part) -> str | None:
    """How the last run of this part ended, if somebody left a note; the note is used up."""
    note = run_dir / f"{part}.exit"
    try:
        text = note.read_text().strip()
        note.unlink()
    except FileNotFoundError:
        return None
    return text or None


class StopSignal:
    """Set by SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self._event = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether the process was told to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits that long or until told to stop, and says which."""
        return self._event.wait(seconds)


class Life:
    """The life of one process: `with Life(...) as life: while life.goes_on: work(); life.progress()`."""

    def __init__(
        self, desk: Desk, part: Part, custody: Custody, stop: StopSignal, clock: Clock | None = None
    ) -> None:
        self._desk = desk
        self._part = part
        self._custody = custody
        self._stop = stop
        self._clock = clock or SystemClock()
        self._beat_ms = 0

    def __enter__(self) -> Self:
        after = last_exit(self._desk.run_dir, self._part)
        hello = Hello(part=self._part, pid=os.getpid(), after=after)
        while self.goes_on:
            try:
                self._custody.ask(hello, View)
                break
            except CustodyAway:
                log.warning("waiting for custody")
        notify("READY=1")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        notify("STOPPING=1")
        if kind is None:
            self._say(Goodbye(part=self._part))

    @property
    def goes_on(self) -> bool:
        """False once the process was told to stop."""
        return not self._stop.is_set

    def progress(self) -> None:
        """Call after every piece of work: custody and systemd learn of it, once a second at the most."""
        now_ms = self._clock.mono_ms()
        if now_ms - self._beat_ms < BEAT_MS:
            return
        self._beat_ms = now_ms
        notify("WATCHDOG=1")
        self._say(Alive(part=self._part))

    def _say(self, message: Alive | Goodbye) -> None:
        try:
            self._custody.ask(message, Done, patience_s=1.0)
        except CustodyAway:
            log.warning("custody does not answer")
