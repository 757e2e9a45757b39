"""SIGKILL to one random process of the desk after the other, through exam, hand-in and seal."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from appliance.capture.standby import lock_of
from bench.faults.lab import Lab, Say, lab
from bench.faults.tally import Hole, Kill, covered, holes, maker_of, pictures_missing, untold, zero_ms
from bench.faults.waiting import wait_until
from deskproctor.site import PARTS, SECOND_STANDBY, STANDBY
from proctoring.fact import Part
from proctoring.ledger import Entry
from proctoring.policy import Recording

A_SESSION: Final = 30
"""Kills in one session."""

AFTER_HAND_IN: Final = 2
"""So many of them come when the candidate has handed in: while what is left is handed over and sealed."""

PAUSE_S: Final = (0.5, 2.1)
"""Between a process that is back and the next kill."""

RECEIPTS_S: Final = 60.0

WAITING: Final = {Part.CAPTURE: STANDBY, Part.CAPTURE_SECOND: SECOND_STANDBY}
"""The recorders, and the names of those that wait beside them."""


class Kills:
    """Carries the kills out and keeps what they did to the recording."""

    def __init__(self, bench: Lab) -> None:
        self._lab = bench
        self._made: list[Kill] = []
        self.lost: dict[Kill, float] = {}
        self.unexplained: list[Hole] = []
        self.untold = 0
        self.began_s: list[float] = []
        self.pictures_missing: list[float] = []
        self._next = deck(bench.chance, [*PARTS, *(part for part in bench.recorders if part not in PARTS)])

    def session(self, count: int) -> None:
        """One session with `count` kills."""
        self._made = []
        with self._lab.exam():
            for number in range(count):
                if number == max(0, count - AFTER_HAND_IN):
                    self._lab.hand_in()
                time.sleep(self._lab.chance.uniform(*PAUSE_S))
                self._made.append(self._kill(next(self._next)))
        self._judge(self._lab.entries(self._lab.sessions[-1]))

    def _kill(self, part: Part) -> Kill:
        """Kills that part's process and waits until another has taken its place."""
        name = self._filming(part) if part in WAITING else str(part)
        child = self._lab.site.supervisor.child(name)
        process = child.process
        kill = Kill(part, time.monotonic_ns() // 1_000_000)
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: child.process is not process and child.process.poll() is None, f"{name} to start again")
        return kill

    def _filming(self, part: Part) -> str:
        """Which of a camera's two recorders films: the other one's end would cost nothing."""
        children = {name: self._lab.site.supervisor.child(name) for name in (str(part), WAITING[part])}
        with contextlib.suppress(OSError):
            holder = lock_of(self._lab.site.desk, part).read_text()
            return next((name for name, child in children.items() if str(child.process.pid) == holder), part)
        return part

    def _judge(self, entries: list[Entry]) -> None:
        zero = zero_ms(entries)
        lost = dict.fromkeys(self._made, 0.0)
        for hole in (hole for part in self._lab.recorders for hole in holes(entries, part)):
            kill = maker_of(hole, self._made, zero)
            if kill is None:
                self.unexplained.append(hole)
            else:
                lost[kill] += hole.length_s
            self.untold += untold(hole, entries)
        self.lost |= lost
        self.began_s += [covered(entries, part)[0][0] / 1000 for part in self._lab.recorders]
        self.pictures_missing.append(pictures_missing(entries, Recording().frames_per_s))


def deck(chance: random.Random, parts: Sequence[Part]) -> Iterator[Part]:
    """Parts in random order, each as often as any other."""
    while True:
        yield from chance.sample(parts, len(parts))


def figures(count: int, seed: int, folder: Path, say: Say, cameras: int) -> dict[str, Any]:
    """The figures of `count` kills at a desk with so many cameras."""
    started_s = time.monotonic()
    with lab(folder, seed, say, cameras) as bench:
        kills = Kills(bench)
        while len(kills.lost) < count:
            kills.session(min(A_SESSION, count - len(kills.lost)))
            say(f"{len(kills.lost)} of {count} kills, {time.monotonic() - started_s:.0f} s: {told(kills)}")
        bench.wait_for_receipts(RECEIPTS_S)
        bench.check_folders()
    return {"losses": bench.losses, **recording(kills), "sessions": len(bench.sessions)}


def told(kills: Kills) -> str:
    """How it stands, for people."""
    cost = [lost for kill, lost in kills.lost.items() if kill.part in WAITING]
    return f"kills of a recorder cost {median(cost or [0]):.2f} s, at most {max(cost or [0]):.2f} s"


def recording(kills: Kills) -> dict[str, Any]:
    """What the kills cost of the recording."""
    by_part = Counter(str(kill.part) for kill in kills.lost)
    others = [lost for kill, lost in kills.lost.items() if kill.part not in WAITING]
    own = {part: [lost for kill, lost in kills.lost.items() if kill.part is part] for part in WAITING}
    return {
        "killed": dict(sorted(by_part.items())),
        "video_lost_s": spread([lost for costs in own.values() for lost in costs]),
        "video_lost_s_by_process": {str(part): spread(costs) for part, costs in own.items()},
        "video_lost_s_kills_of_other_parts": spread(others),
        "video_lost_s_all_kills": spread(list(kills.lost.values())),
        "video_lost_unexplained_s": round(sum(hole.length_s for hole in kills.unexplained), 3),
        "holes_untold": kills.untold,
        "first_picture_s": spread(kills.began_s),
        "pictures_missing_share": spread(kills.pictures_missing),
    }


def spread(values: list[float]) -> dict[str, float] | None:
    """Median and most; None of nothing."""
    return {"p50": round(median(values), 3), "max": round(max(values), 3), "n": len(values)} if values else None
