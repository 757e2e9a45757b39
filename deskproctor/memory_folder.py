"""A folder in memory for what a demo's desk has filmed and not sealed yet."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from appliance.runtime.memory import is_memory
from proctoring.errors import DeskproctorError


class NoMemoryFolder(DeskproctorError, OSError):
    """This machine offers no folder in memory."""


def name_memory_folder(on_disk: bool = False) -> Path | None:
    """A folder of one's own in memory, not made yet; None where there is none and a disk will do.

    Raises NoMemoryFolder with what to do where a disk will not do.
    """
    for place in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108 (made with a name of its own, for us alone)
        if place and os.access(place, os.W_OK) and is_memory(Path(place)):
            forget_what_the_dead_left(Path(place))
            return Path(place) / f"deskproctor-{os.getpid()}-{secrets.token_hex(8)}"
    if on_disk:
        return None
    raise NoMemoryFolder(
        "This machine has no folder in memory (/dev/shm, or XDG_RUNTIME_DIR on a tmpfs), so video would touch the "
        "disk before it is sealed. Mount a tmpfs, or accept that with --incoming-on-disk."
    )


def forget_what_the_dead_left(place: Path) -> None:
    """Takes folders away whose makers were killed: video that nobody will seal any more must not stay in memory."""
    for folder in place.glob("deskproctor-*-*"):
        maker = folder.name.split("-")[1]
        if maker.isdigit() and not Path(f"/proc/{maker}").exists():
            forget(folder)


def forget(folder: Path) -> None:
    """Takes the folder away with all that is in it, as a power cut does."""
    shutil.rmtree(folder, ignore_errors=True)
