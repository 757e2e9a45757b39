"""The desk's power is cut in mid-exam, again and again: the disk takes nothing any more, every process is gone,
and with them what lay in memory. Then the desk starts anew on the same disk, as another boot. Broker, server and
console stay up: they stand elsewhere.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from appliance.runtime.clock import SIMULATED_BOOT
from bench.faults.disk import Disk
from bench.faults.kills import RECEIPTS_S, spread
from bench.faults.lab import Lab, Say, lab
from bench.faults.tally import covered
from bench.faults.typist import Saved
from bench.faults.waiting import wait_until
from deskproctor.site import DESK
from proctoring import fact as f
from proctoring.fact import Part
from proctoring.ledger import Entry
from proctoring.session import Move, State

A_SESSION: Final = 20
"""Cuts in one session."""

WORK_S: Final = (0.3, 3.7)
"""How long the exam goes on between two cuts: at times too short for a whole segment, mostly not."""

DISK_MB: Final = 1024
"""Room for a session of the sample exam, with the desk's own margin."""

UP_MS: Final = 5000
"""A desk's processes start so long after its kernel's clock did."""


class Cut(msgspec.Struct):
    """One power cut. Times are in milliseconds; `at_ms` is since the session's zero."""

    at_ms: int
    left_ms: int
    """What the candidate had left at that moment."""
    boot: str
    """The boot that began after it."""
    off_ms: int = 0
    """Until the exam went on: reading the disk, starting, resuming."""
    left_then_ms: int = 0
    """What the candidate had left when the exam went on."""


class Cuts:
    """Carries the cuts out and keeps what they did to time and recording."""

    def __init__(self, bench: Lab, disk: Disk) -> None:
        self._lab = bench
        self._disk = disk
        self._began_ms = 0
        self.made: list[Cut] = []
        self.lost_s: list[float] = []

    def session(self, count: int) -> None:
        """One session with `count` cuts."""
        cuts: list[Cut] = []
        with self._lab.exam() as saved:
            for _ in range(count):
                time.sleep(self._lab.chance.uniform(*WORK_S))
                cuts.append(self._cut())
                self._go_on(cuts[-1], saved)
        self._judge(cuts, self._lab.entries(self._lab.sessions[-1]))
        self.made += cuts

    def _mono_ms(self) -> int:
        """The monotonic clock of the desk's present boot."""
        return time.monotonic_ns() // 1_000_000 - self._began_ms

    def _cut(self) -> Cut:
        view, looked_ms = self._lab.view(), self._mono_ms()
        self._disk.cut()
        cut_ms = self._mono_ms()
        site = self._lab.site
        site.supervisor.drop(site.desk_programs)
        for folder in {site.desk.run_dir, site.desk.incoming()}:
            empty(folder)
        assert view.left_ms is not None and view.zero_mono_ms is not None, "an exam is under way"
        return Cut(
            at_ms=cut_ms - view.zero_mono_ms,
            left_ms=view.left_ms - (cut_ms - looked_ms),
            boot=f"boot-{len(self.made)}-{cut_ms}",
            off_ms=time.monotonic_ns() // 1_000_000,
        )

    def _go_on(self, cut: Cut, saved: list[Saved]) -> None:
        """Power is back: the desk starts, and the exam goes on where it stood."""
        self._disk.unmount()
        self._disk.mount()
        self._began_ms = time.monotonic_ns() // 1_000_000 - UP_MS
        os.environ[SIMULATED_BOOT] = f"{cut.boot} {self._began_ms}"
        self._lab.site.start_desk()
        wait_until(lambda: self._lab.view().state is State.RUNNING, "the exam to go on")
        view, looked_ms, count = self._lab.view(), self._mono_ms(), len(saved)
        resumed = [entry for entry in self._lab.entries(str(view.session)) if is_resumption(entry)][-1]
        assert view.left_ms is not None and resumed.boot == cut.boot, "it was this boot that resumed the exam"
        cut.left_then_ms = view.left_ms + looked_ms - resumed.mono_ms
        cut.off_ms = self._began_ms + resumed.mono_ms - cut.off_ms
        wait_until(lambda: len(saved) > count, "answers to be saved again")

    def _judge(self, cuts: list[Cut], entries: list[Entry]) -> None:
        for part in self._lab.recorders:
            self._judge_recording(cuts, entries, part)

    def _judge_recording(self, cuts: list[Cut], entries: list[Entry], part: Part) -> None:
        spans = covered(entries, part)
        resumed = [entry for entry in entries if is_resumption(entry)]
        went_on_ms = 0
        for cut, resumption in zip(cuts, resumed, strict=True):
            kept = [ended for started, ended in spans if went_on_ms <= started < cut.at_ms]
            self.lost_s.append(max(0, cut.at_ms - max(kept, default=went_on_ms)) / 1000)
            went_on_ms = resumption.at_ms or 0


def is_resumption(entry: Entry) -> bool:
    """Whether the exam went on with this entry."""
    return isinstance(entry.fact, f.Moved) and entry.fact.move is Move.RESUME


def empty(folder: Path) -> None:
    """What lay in memory is gone with the power."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def figures(count: int, seed: int, folder: Path, say: Say, cameras: int) -> dict[str, Any]:
    """The figures of `count` power cuts of a desk with so many cameras."""
    folder.mkdir(parents=True)
    started_s, before = time.monotonic(), os.environ.get(SIMULATED_BOOT)
    try:
        with Disk(folder / "desk.img", folder / DESK, DISK_MB) as disk, lab(folder, seed, say, cameras) as bench:
            cuts = Cuts(bench, disk)
            while len(cuts.made) < count:
                cuts.session(min(A_SESSION, count - len(cuts.made)))
                say(f"{len(cuts.made)} of {count} power cuts, {time.monotonic() - started_s:.0f} s")
            bench.wait_for_receipts(RECEIPTS_S)
            bench.check_folders()
    finally:
        os.environ.pop(SIMULATED_BOOT, None)
        if before is not None:
            os.environ[SIMULATED_BOOT] = before
    return {"losses": bench.losses, **told(cuts), "sessions": len(bench.sessions)}


def told(cuts: Cuts) -> dict[str, Any]:
    """What the cuts cost. Wrong by more than 0 means that the candidate had more time than before the cut."""
    wrong_s = [(cut.left_then_ms - cut.left_ms) / 1000 for cut in cuts.made]
    return {
        "sessions_resumed": len(cuts.made),
        "time_left_wrong_s": {"least": min(wrong_s), "p50": sorted(wrong_s)[len(wrong_s) // 2], "most": max(wrong_s)},
        "off_s": spread([cut.off_ms / 1000 for cut in cuts.made]),
        "video_lost_before_a_cut_s": spread(cuts.lost_s),
    }
