"""Waiting for real processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from proctoring.errors import DeskproctorError

LIMIT_S: Final = 60.0


class InVain(DeskproctorError, RuntimeError):
    """What was waited for did not come."""


def wait_until(done: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
    """Waits until `done()`. Raises InVain."""
    until_s = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > until_s:
            raise InVain(f"Waited {limit_s:.0f} s for {what} in vain. Run again with --folder and see its logs.")
        time.sleep(0.05)
