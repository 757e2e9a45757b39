"""Whether a folder lies in memory, so that what is written there is gone with the power."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from appliance.runtime.settings import BadSettings, Desk

log = logging.getLogger(__name__)

MEMORY: Final = frozenset({"tmpfs", "ramfs"})

MOUNTS: Final = Path("/proc/self/mountinfo")
SWAPS: Final = Path("/proc/swaps")


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """The type of the file system that a folder lies on, as `proc(5)` names it; "unknown" where it is not listed."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == wanted:
            return source.split()[0]
    return "unknown"


def is_memory(folder: Path) -> bool:
    """Whether the folder's file system is in memory."""
    return file_system(folder) in MEMORY


def swap_on_disk(swaps: Path = SWAPS) -> list[str]:
    """Swap areas that are not themselves compressed memory: there the kernel may write what lies in memory."""
    lines = swaps.read_text().splitlines()[1:] if swaps.exists() else []
    return [area for area in (line.split()[0] for line in lines) if not area.startswith("/dev/zram")]


def incoming_in_memory(desk: Desk) -> Path:
    """The desk's incoming folder. Raises BadSettings where it lies on a disk and the settings do not allow that."""
    folder = desk.incoming()
    if is_memory(folder):
        for area in swap_on_disk():
            log.warning("This machine may move memory to %s, plain video with it. Turn that swap area off.", area)
        return folder
    if desk.incoming_on_disk:
        log.warning("Recordings that are not sealed yet lie on a disk, in %s, as the settings allow.", folder)
        return folder
    raise BadSettings(
        f"Recordings that are not sealed yet would lie on a disk, in {folder} ({file_system(folder)}). "
        "Set incoming_dir to a folder on a tmpfs; or, where a thief may find video, set incoming_on_disk = true."
    )
