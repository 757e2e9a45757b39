"""Writing a file so that after a power cut the new one is there whole, or else what was there before.

The order is part file → write → fsync → rename → fsync of the folder. Until the rename nothing has its final name;
from then on the name stands for bytes that are on the disk. Whatever fails on the way takes the part file with it:
after a failed fsync the kernel may have dropped what it could not write, and a second fsync would not say so. What a
kill or a power cut leaves is a part file, which the next one to write there removes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

PART: Final = ".part"
"""The end of a part file's name, for who looks for what a crash left."""


def keep(path: Path, data: bytes, mode: int = 0o644, part: Path | None = None) -> None:
    """Writes a whole file; everything else as `keeping`."""
    with keeping(path, mode, part) as file:
        file.write(data)


@contextlib.contextmanager
def keeping(path: Path, mode: int = 0o644, part: Path | None = None) -> Iterator[IO[bytes]]:
    """A file to write to that becomes `path`, durably, when the block ends; nothing of it where the block raises.

    Nobody whom `mode` (less the process's umask) leaves out can read it at any time. `part` is where it grows, on the
    same file system: `path` with `.part` behind it if not given. Of two writers each needs a part file of its own.

    Raises OSError. Where only the last step failed, the folder's fsync, the new file has its name already, and a
    power cut may give the name back to what was there before.
    """
    part = part or path.with_name(path.name + PART)
    # What a crash left may have had wider rights, or somebody who reads it still.
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    sync(path.parent)


def move(path: Path, to: Path) -> Path:
    """Renames a file, durably; its bytes are as durable as they were. Gives its new path. Raises OSError."""
    moved = path.rename(to)
    # The new name first: in between, a power cut may leave both names, and never none.
    sync(to.parent)
    if to.parent != path.parent:
        sync(path.parent)
    return moved


def sync(path: Path) -> None:
    """Has a file's bytes, or a folder's names, on the disk when it returns. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
