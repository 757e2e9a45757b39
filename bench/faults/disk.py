"""A disk of our own whose power can be cut: ext4 in a file, mounted through a loop device.

The cut is ext4's own shutdown without a flush of its journal (EXT4_IOC_SHUTDOWN): from that moment nothing reaches
the file any more, and what had not reached it is lost, as when the plug is pulled. Mounting replays the journal.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from proctoring.errors import DeskproctorError

EXT4_IOC_SHUTDOWN: Final = 2 << 30 | 4 << 16 | ord("X") << 8 | 125
"""_IOR('X', 125, __u32), of the kernel's fs/ext4/ext4.h."""

NO_LOG_FLUSH: Final = 2
BUSY_S: Final = 20.0


class DiskMissing(DeskproctorError, OSError):
    """This machine cannot mount a disk of our own."""


def missing() -> str | None:
    """What this machine lacks for it; None where nothing is."""
    if os.geteuid() != 0:
        return "root (mounting needs it)"
    if not Path("/dev/loop-control").exists():
        return "loop devices (/dev/loop-control)"
    for tool in ("mkfs.ext4", "mount", "umount", "truncate"):
        if shutil.which(tool) is None:
            return f"the program {tool} (Debian: e2fsprogs, mount, coreutils)"
    return None


def run(*command: str) -> None:
    """Runs a program. Raises DiskMissing with what it said."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise DiskMissing(f"`{' '.join(command)}` failed: {ran.stderr.strip()}. A disk of our own cannot be mounted.")


class Disk:
    """`with Disk(image, mount, megabytes) as disk:` an empty ext4 at `mount`, unmounted at the end."""

    def __init__(self, image: Path, mount: Path, megabytes: int) -> None:
        self._image = image
        self._mount = mount
        self._megabytes = megabytes

    def __enter__(self) -> Self:
        lacking = missing()
        if lacking:
            raise DiskMissing(f"A disk whose power can be cut needs {lacking}.")
        self._mount.mkdir(parents=True, exist_ok=True)
        run("truncate", "-s", f"{self._megabytes}M", str(self._image))
        # No share is held back for root: a desk's processes are not root, and full is to mean full.
        run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self.mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(DiskMissing):
            run("umount", "--lazy", str(self._mount))

    def mount(self) -> None:
        """Mounts it; the journal is replayed where that is due."""
        run("mount", "-o", "loop", str(self._image), str(self._mount))

    def unmount(self) -> None:
        """Takes it away, waiting a moment for who still has a file open."""
        until_s = time.monotonic() + BUSY_S
        while True:
            try:
                return run("umount", str(self._mount))
            except DiskMissing:
                if time.monotonic() > until_s:
                    raise
                time.sleep(0.1)

    def remount(self, options: str) -> None:
        """Changes the mount's options, such as "ro"."""
        run("mount", "-o", f"remount,{options}", str(self._mount))

    def cut(self) -> None:
        """The power is gone."""
        folder = os.open(self._mount, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(folder)
