"""Ends what a program started, where that program itself was killed and could not: `python -m deskproctor.tether`.

Standard input is a pipe that the program alone holds open. Each line on it names a process: `+123` was started,
`-123` has ended. Where the pipe ends, nobody is left to end those that are still named.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import Final

GRACE_S: Final = 5.0
"""For finishing a segment and taking leave; then by force."""
LOOK_S: Final = 0.05


def named(lines: Iterable[str]) -> set[int]:
    """The processes that were started and have not ended, once there are no more lines."""
    pids: set[int] = set()
    for line in lines:
        change = pids.add if line.startswith("+") else pids.discard
        change(int(line[1:]))
    return pids


def end(pids: set[int]) -> None:
    """Asks processes to end, and ends what has not after a while."""
    send(pids, signal.SIGTERM)
    until_s = time.monotonic() + GRACE_S
    while (pids := {pid for pid in pids if is_there(pid)}) and time.monotonic() < until_s:
        time.sleep(LOOK_S)
    send(pids, signal.SIGKILL)


def send(pids: set[int], number: signal.Signals) -> None:
    """Sends a signal to those that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def is_there(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    end(named(sys.stdin))
