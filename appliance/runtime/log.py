"""One line a record on standard error, for the journal: level, process, message. Never an answer, never a secret."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from proctoring.errors import DeskproctorError


def start(part: str) -> None:
    """Sets logging up for a process."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"%(levelname)s {part}: %(message)s", force=True
    )


def run(part: str, main: Callable[[], None]) -> None:
    """Runs `main()`. An error that we foresaw becomes one line and exit status 1; any other, a crash."""
    start(part)
    try:
        main()
    except DeskproctorError as error:
        logging.getLogger(part).error("%s", error)
        sys.exit(1)
