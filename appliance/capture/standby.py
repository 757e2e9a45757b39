"""Of two capture processes one films; the other waits, loaded, and takes over when that one is gone.

Starting Python with its libraries takes half a second on a fast machine and several on a small board, and nothing of
an exam should go unrecorded meanwhile. Who holds the lock films. The kernel takes the lock from a process that ends,
however it ended, and gives it to the one that waits.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Final

from appliance.runtime.clock import Clock
from appliance.runtime.custody_link import Custody
from appliance.runtime.life import StopSignal, notify
from appliance.runtime.settings import Desk
from proctoring.fact import Part
from proctoring.wire import View

LOOK_S: Final = 0.25
"""How often the one that waits looks for a newer View, and whether it was told to stop."""

NOTE_S: Final = 0.5
"""How long the note of how the other one ended may take."""


def lock_of(desk: Desk, part: Part) -> Path:
    """The lock of a camera, which that part films with. It holds the process id of the one that does."""
    return desk.run_dir / f"{part}.lock"


class Standby:
    """The turn to film. `view` is the newest View that was published while waiting."""

    def __init__(
        self, desk: Desk, custody: Custody, stop: StopSignal, clock: Clock, part: Part = Part.CAPTURE
    ) -> None:
        self._note = desk.run_dir / f"{part}.exit"
        self._lock = os.open(lock_of(desk, part), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._custody = custody
        self._stop = stop
        self._clock = clock
        self._turn = threading.Event()
        self._waited = False
        self.view: View | None = None

    def wait(self) -> bool:
        """Waits for the turn to film; False where this process was told to stop before it came."""
        if not self._is_free():
            self._queue_up()
        if self._stop.is_set:
            return False
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)
        return True

    def await_note(self) -> None:
        """Waits a moment for the note of how the one that filmed before ended: it is written after its end."""
        until_ms = self._clock.mono_ms() + round(NOTE_S * 1000)
        while self._waited and not self._note.exists() and self._clock.mono_ms() < until_ms:
            self._clock.wait(0.02)

    def _is_free(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _queue_up(self) -> None:
        self._waited = True
        # A note that lies here now is of one that did not film; it must not become the reason of a gap.
        self._note.unlink(missing_ok=True)
        notify("READY=1")
        threading.Thread(target=self._take, name="standby", daemon=True).start()
        while not self._turn.wait(LOOK_S) and not self._stop.is_set:
            self._look()
        self._look()

    def _look(self) -> None:
        self.view = self._custody.view() or self.view
        notify("WATCHDOG=1")

    def _take(self) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._turn.set()
