"""A whole site in a folder of its own, and what its sessions came to."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from appliance.runtime.custody_link import CustodyLink
from bench.faults.tally import RECORDERS, SIDE, answers_lost, segments_lost, stored_hashes, without_reason
from bench.faults.typist import Saved, begin_exam
from bench.faults.waiting import wait_until
from deskproctor.demo import lines_of, newest
from deskproctor.fsck import check
from deskproctor.site import DESK, Ports, Site
from proctoring import ledger, wire
from proctoring.errors import LedgerBroken
from proctoring.fact import Part
from proctoring.finding import Level
from proctoring.ledger import Entry
from proctoring.session import State

CAMERA: Final = {"source": "simulated"}
SECOND_CAMERA: Final = {"source": "simulated", "camera": SIDE}
TABLES: Final = {"edge_ai": {"detectors": "simulated"}}

Say = Callable[[str], None]


class Losses(msgspec.Struct):
    """What must stay nothing."""

    answers_saved: int = 0
    answers_lost: int = 0
    broken_chains: int = 0
    segments: int = 0
    sealed_segments_lost: int = 0
    gaps_without_reason: int = 0
    not_at_server: int = 0
    fsck_faults: int = 0

    def count(self, saved: list[Saved], entries: list[Entry], stored: set[str]) -> None:
        """Adds one session."""
        lost = segments_lost(entries, stored)
        self.answers_saved += len(saved)
        self.answers_lost += len(answers_lost(saved, entries))
        self.segments += sum(type(entry.fact).__name__ == "SegmentStored" for entry in entries)
        self.sealed_segments_lost += len(lost)
        self.gaps_without_reason += without_reason(entries)


class Lab:
    """The site at work, with one candidate at a time."""

    def __init__(self, site: Site, chance: random.Random, say: Say) -> None:
        self.site = site
        self.custody = CustodyLink(site.desk)
        self.chance = chance
        self.losses = Losses()
        self.sessions: list[str] = []
        self.say = say

    @property
    def recorders(self) -> tuple[Part, ...]:
        """The parts that film at this desk."""
        return tuple(part for part in RECORDERS if part in self.site.desk_programs)

    def view(self) -> wire.View:
        """The desk as it stands."""
        return newest(self.custody)

    @contextmanager
    def exam(self) -> Iterator[list[Saved]]:
        """A session with somebody typing, to whom something may happen within; at the end handed in and sealed."""
        with begin_exam(self.site, self.custody, self.chance) as typist:
            session = str(self.view().session)
            self.sessions.append(session)
            wait_until(lambda: len(typist.saved) > 0 and self._stored(session) > 0, "the exam to be under way")
            yield typist.saved
            self.hand_in()
        wait_until(lambda: self.view().state is State.SEALED, "the seal")
        self.losses.count(typist.saved, self.entries(session), self._files())

    def hand_in(self) -> None:
        """Pressed until it is taken."""
        self.custody.ask(wire.Submit(), wire.View, patience_s=30)

    def entries(self, session: str) -> list[Entry]:
        """A session's ledger, its chain checked."""
        try:
            return ledger.verify(DESK, session, lines_of(self.custody, session))[0]
        except LedgerBroken as broken:
            self.say(f"The ledger of {session} is broken: {broken}")
            self.losses.broken_chains += 1
            return []

    def wait_for_receipts(self, limit_s: float) -> None:
        """Waits until the server has everything; what it has not by then is counted."""
        until_s = time.monotonic() + limit_s
        while (left := self._without_receipt()) and time.monotonic() < until_s:
            time.sleep(0.5)
        self.losses.not_at_server = len(left)

    def check_folders(self) -> None:
        """What `deskproctor fsck` finds wrong with the desk's and the server's folders, down to the hashes."""
        for folder in (self.site.desk.data_dir, self.site.server_data):
            faults = [finding for finding in check(folder).findings if finding.level is Level.FAULT]
            self.losses.fsck_faults += len(faults)
            for finding in faults:
                self.say(str(finding))

    def _without_receipt(self) -> set[str]:
        outbox = self.custody.ask(wire.AskOutbox(), wire.Outbox, patience_s=20)
        return {one.session for one in outbox.sessions} | {one.session for one in outbox.segments}

    def _stored(self, session: str) -> int:
        return self.custody.ask(wire.AskRecord(), wire.Record, patience_s=20).segments if session else 0

    def _files(self) -> set[str]:
        return stored_hashes((self.site.desk.data_dir, self.site.server_data))


@contextmanager
def lab(folder: Path, seed: int, say: Say, cameras: int = 1) -> Iterator[Lab]:
    """The site in `folder`, running; its desk has so many cameras, one or two."""
    second = dict(SECOND_CAMERA) if cameras > 1 else None
    with Site(folder, dict(CAMERA), Ports(), lambda _: None, TABLES, second_camera=second) as site:
        yield Lab(site, random.Random(seed), say)


@contextmanager
def own_folder(kept: Path | None) -> Iterator[Path]:
    """The folder named, kept; else a short-lived one."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        yield Path(folder)
