"""Room for a session's recording, reserved before it begins: a file as large as what is still to be recorded.

How large it should be follows from what is durable anyway, the note of the session's need and the segments it has, so
after a crash it is set right again like at any other time. Answers go before recordings all the same: where the disk
runs full the reservation gives way until the ledger has what is kept for it (see `disk`).
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Final

from appliance.custody.history import History
from appliance.custody.store import StorageFailed, Store
from durable.files import sync
from proctoring.errors import Refused
from proctoring.policy import Policy
from proctoring.session import State

log = logging.getLogger(__name__)

FILE: Final = "reserved"

MARGIN: Final = 200 * 2**20
"""Bytes that stay free beyond the recording: ledger, salvage, and the system itself."""


class Space:
    """The reservation in a desk's data folder."""

    def __init__(self, folder: Path, store: Store, cameras: int = 1) -> None:
        self._folder = folder
        self._file = folder / FILE
        self._store = store
        self._cameras = cameras

    @property
    def reserved(self) -> int:
        """How many bytes are reserved now."""
        try:
            return self._file.stat().st_size
        except OSError:
            return 0

    def available(self) -> int:
        """What recordings and ledger can still take. Raises OSError where the disk does not say."""
        return shutil.disk_usage(self._folder).free + self.reserved

    def reserve(self, allowed_ms: int, policy: Policy) -> int:
        """Reserves the room for a new session's recording; gives the bytes, for the session's note of its need.

        Raises Refused where there is not enough, and then nothing is reserved.
        """
        self._give_back_to(0)
        need = policy.recording.bytes_for(allowed_ms, self._cameras)
        free = shutil.disk_usage(self._folder).free
        if free < need + MARGIN or not self._allocate(need):
            raise Refused("low_space", _too_little(free, need, allowed_ms, policy, self._cameras))
        return need

    def settle(self, history: History | None, about_to_store: int = 0, keep_free: int = 0) -> None:
        """Lets go of what is not to be recorded any more: the segments that are here, and one that is about to be.

        `keep_free`: where less than that is free, the reservation gives way.
        """
        wanted = max(0, self._wanted(history) - about_to_store)
        lacking = keep_free - self._free() if keep_free else 0
        self._give_back_to(min(wanted, max(0, self.reserved - max(0, lacking))))

    def restore(self, history: History | None) -> None:
        """At custody's start: a reservation that nobody wants goes, one that was lost is made anew where it fits."""
        wanted = self._wanted(history)
        try:
            self._give_back_to(wanted)
        except StorageFailed as failure:
            log.error("%s", failure)
        if self.reserved < wanted and self._free() > wanted - self.reserved + MARGIN and not self._allocate(wanted):
            log.warning("the room for the rest of this recording could not be reserved")

    def _wanted(self, history: History | None) -> int:
        if history is None or history.session.state is State.SEALED:
            return 0
        need = int(self._store.note(note_of(history.session.id)) or 0)
        return max(0, need - sum(segment.size for segment in history.segments))

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return 2**62  # a disk that does not even say how full it is does not fail for want of room

    def _allocate(self, size: int) -> bool:
        try:
            with self._file.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, max(1, size))
            sync(self._file)
        except OSError as error:
            log.warning("%d bytes could not be reserved: %s", size, error.strerror)
            self._give_back_to(0)
            return False
        return True

    def _give_back_to(self, size: int) -> None:
        """Makes the reservation no larger than that."""
        try:
            if size <= 0:
                self._file.unlink(missing_ok=True)
            elif self.reserved > size:
                os.truncate(self._file, size)
        except OSError as error:
            raise StorageFailed(f"The desk's disk does not give room back ({error.strerror}).") from error


def note_of(session: str) -> str:
    """The name of the note that says how many bytes a session's recording was given."""
    return f"need {session}"


def _too_little(free: int, need: int, allowed_ms: int, policy: Policy, cameras: int) -> str:
    hour = policy.recording.bytes_for(3_600_000, cameras) - policy.recording.bytes_for(0, cameras)
    has_h, needs_h = max(0, free - MARGIN) / hour, allowed_ms / 3_600_000 + policy.recording.spare_minutes / 60
    lacking_gb = max(need + MARGIN - free, 10**8) / 1e9
    return (
        f"This desk has no room for the recording of your exam. It has room for {has_h:.1f} hours and needs it for "
        f"{needs_h:.1f}: {lacking_gb:.1f} GB more must be free. Nothing recorded before is deleted to make room. "
        "Please call the invigilator, or use another desk."
    )
