"""The desk's disk as custody finds it: whether it takes what must be kept, and how much room it has left.

Answers go before recordings. Where the disk runs full, recordings wait in memory and leave the last of the room to
the ledger; where it takes nothing at all, nothing is called saved. Either way the screen and the
room's console say so at once, by the View, and the ledger as soon as it can be written.
"""

from __future__ import annotations

from typing import Final

from appliance.custody.scribe import Scribe
from appliance.custody.space import Space
from appliance.custody.store import StorageFailed
from proctoring.fact import DiskTrouble, Gap, Part
from proctoring.session import ACTIVE, ENDED

RESERVE: Final = 64 * 2**20
"""Bytes for the ledger alone. Three hours of an answer each second, 2 kB long and written twice (journal and table),
are 43 MB. Less than what is free when a session begins (space.MARGIN): none begins where its recording must wait."""


class NoRoom(StorageFailed):
    """What is left of the disk is kept for answers."""


class Disk:
    """Watches over the data folder."""

    def __init__(self, scribe: Scribe, space: Space) -> None:
        self._scribe = scribe
        self._space = space
        self._full_since_ms: int | None = None
        self._failed: tuple[int, str] | None = None

    @property
    def trouble(self) -> DiskTrouble | None:
        """What is wrong with it, None where all is well."""
        if self._failed:
            return DiskTrouble.FAILS
        return None if self._full_since_ms is None else DiskTrouble.FULL

    def make_room(self, size: int) -> None:
        """Lets go of so much of what is reserved for the recording at this desk. Raises NoRoom as `check_room`."""
        self.check_room()
        self._space.settle(self._scribe.history, about_to_store=size)

    def check_room(self) -> None:
        """Raises NoRoom where a recording would take the room that is kept for answers."""
        if self._is_full():
            raise NoRoom(
                f"Less than {RESERVE >> 20} MB are free on the desk's disk, and they are kept for answers. "
                "Recordings wait in memory. Call the invigilator."
            )

    def failed(self, failure: StorageFailed) -> None:
        """Something could not be written. A recording that waits for room is none of that."""
        if self._failed is None and not isinstance(failure, NoRoom):
            self._failed = (self._scribe.now_ms(), str(failure.__cause__ or failure))

    def works(self) -> None:
        """Call once a second, after something was written: what was wrong goes into the ledger."""
        if self._failed:
            since_ms, why = self._failed
            reason = f"The desk's disk took nothing ({why}). What was saved before is whole."
            self._tell(since_ms, reason, DiskTrouble.FAILS)
            self._failed = None
        self._space.settle(self._scribe.history, keep_free=RESERVE)
        full = self._is_full()
        if full and self._full_since_ms is None:
            self._full_since_ms = self._scribe.now_ms()
            reason = "The desk's disk is nearly full. Recordings wait; answers are saved."
            self._tell(self._full_since_ms, reason, DiskTrouble.FULL)
        elif not full and self._full_since_ms is not None:
            reason = "The desk's disk was nearly full. Recordings waited; answers were saved."
            self._tell(self._full_since_ms, reason, DiskTrouble.FULL)
            self._full_since_ms = None

    def _is_full(self) -> bool:
        try:
            return self._space.available() < RESERVE
        except OSError:
            return False  # a disk that does not even say how full it is does not fail for want of room

    def _tell(self, since_ms: int, reason: str, trouble: DiskTrouble) -> None:
        history = self._scribe.history
        if history and history.zero_mono_ms is not None and history.session.state in ACTIVE | ENDED:
            to_ms = self._scribe.now_ms()
            self._scribe.write(Gap(part=Part.CUSTODY, from_ms=since_ms, to_ms=to_ms, reason=reason, disk=trouble))
