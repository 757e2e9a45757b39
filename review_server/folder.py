"""The server's folder, for one process at a time."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from proctoring.errors import DeskproctorError


class FolderUnusable(DeskproctorError, OSError):
    """The folder for the data cannot be had."""


def claim(folder: Path) -> IO[bytes]:
    """Makes the folder if need be and holds it until the file is closed. Raises FolderUnusable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = (folder / "in-use").open("wb")
    except OSError as error:
        reason = f"The folder {folder} cannot be used: {error.strerror}. Name another as data_dir in the settings."
        raise FolderUnusable(reason) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        reason = f"Another review server works in {folder}. Stop it, or name another data_dir in the settings."
        raise FolderUnusable(reason) from error
    return held
