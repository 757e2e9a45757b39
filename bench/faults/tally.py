"""What a session lost: its ledger and files, against what the kiosk called saved and when something was killed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from bench.faults.typist import Saved
from proctoring import fact as f
from proctoring.fact import Part
from proctoring.ledger import Entry, sha256
from proctoring.session import Move

JITTER_MS: Final = 20
"""Times are whole milliseconds and pictures jitter: less than this between two segments is no hole."""

BEFORE_MS: Final = 400
"""A hole begins with the last picture that reached the file, a few before the kill that made it."""

AFTER_MS: Final = 4000
"""A kill longer ago than this did not make the hole."""

SILENT_MS: Final = 1000
"""From here on the house promises an entry for what is missing: see STALL_MS of the recorder."""


SIDE: Final = "side"
RECORDERS: Final = {Part.CAPTURE: "front", Part.CAPTURE_SECOND: SIDE}
"""The parts that film, and the cameras that they film with."""


class Kill(msgspec.Struct, frozen=True):
    """A process was killed at that moment of CLOCK_MONOTONIC."""

    part: Part
    mono_ms: int


class Hole(msgspec.Struct, frozen=True):
    """Exam time that no segment of a recorder covers, since the session's zero."""

    from_ms: int
    to_ms: int
    recorder: Part = Part.CAPTURE

    @property
    def length_s(self) -> float:
        """In seconds."""
        return (self.to_ms - self.from_ms) / 1000


def facts_of(entries: Iterable[Entry], kind: type[f.Fact]) -> list[f.Fact]:
    """The facts of one kind."""
    return [entry.fact for entry in entries if isinstance(entry.fact, kind)]


def answers_lost(saved: Iterable[Saved], entries: Iterable[Entry]) -> list[Saved]:
    """What the kiosk called saved and the ledger does not have, word for word."""
    held = {
        (entry.fact.question, entry.fact.revision, entry.fact.value)
        for entry in entries
        if isinstance(entry.fact, f.Answered)
    }
    return [word for word in saved if tuple(word) not in held]


def stored_hashes(folders: Iterable[Path]) -> set[str]:
    """The SHA-256 of every file at the desk and at the server, by its bytes."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {sha256(path.read_bytes()) for path in files if path.suffix not in (".db", ".db-wal", ".db-shm")}


def segments_lost(entries: Iterable[Entry], stored: set[str]) -> list[str]:
    """Segments that the ledger names and nobody holds."""
    return [
        entry.fact.segment.sha256
        for entry in entries
        if isinstance(entry.fact, f.SegmentStored) and entry.fact.segment.sha256 not in stored
    ]


def zero_ms(entries: Iterable[Entry]) -> int:
    """The session's zero on the monotonic clock of the last boot."""
    return [entry.mono_ms - entry.at_ms for entry in entries if entry.at_ms is not None][-1]


def end_ms(entries: Iterable[Entry]) -> int:
    """When the exam ended, since its zero."""
    ends = [e.at_ms for e in entries if isinstance(e.fact, f.Moved) and e.fact.move in (Move.SUBMIT, Move.TERMINATE)]
    assert ends and ends[0] is not None, "a sealed session has ended"
    return ends[0]


def covered(entries: Iterable[Entry], recorder: Part = Part.CAPTURE) -> list[tuple[int, int]]:
    """The times of a recorder's segments, in order."""
    segments = [entry.fact.segment for entry in entries if isinstance(entry.fact, f.SegmentStored)]
    return sorted((one.started_ms, one.ended_ms) for one in segments if one.camera == RECORDERS[recorder])


def holes(entries: list[Entry], recorder: Part = Part.CAPTURE) -> list[Hole]:
    """What that recorder did not record between its first picture and the exam's end."""
    spans, end = covered(entries, recorder), end_ms(entries)
    if not spans:
        return [Hole(0, end, recorder)]
    found, reached_ms = [], spans[0][0]
    for started_ms, ended_ms in (*spans, (end, end)):
        if min(started_ms, end) - reached_ms > JITTER_MS:
            found.append(Hole(reached_ms, min(started_ms, end), recorder))
        reached_ms = max(reached_ms, ended_ms)
    return found


def maker_of(hole: Hole, kills: list[Kill], zero: int) -> Kill | None:
    """The kill that made a hole: one of its own recorder where that fits, else any but the other recorder's."""
    from_ms, to_ms = zero + hole.from_ms - BEFORE_MS, zero + hole.to_ms
    near = [kill for kill in kills if max(from_ms, to_ms - AFTER_MS) <= kill.mono_ms <= to_ms]
    own = [kill for kill in near if kill.part is hole.recorder]
    return next(iter(own or (kill for kill in near if kill.part not in RECORDERS)), None)


def untold(hole: Hole, entries: Iterable[Entry]) -> bool:
    """Whether a hole is long enough to be told of, and no entry does."""
    others = RECORDERS.keys() - {hole.recorder}
    gaps = [entry.fact for entry in entries if isinstance(entry.fact, f.Gap) and entry.fact.part not in others]
    told = any(gap.from_ms < hole.to_ms and gap.to_ms > hole.from_ms for gap in gaps)
    return hole.to_ms - hole.from_ms > SILENT_MS and not told


def without_reason(entries: Iterable[Entry]) -> int:
    """Gaps whose reason is not said."""
    return sum(isinstance(entry.fact, f.Gap) and not entry.fact.reason.strip() for entry in entries)


def pictures_missing(entries: Iterable[Entry], per_s: float) -> float:
    """The share of pictures that are missing inside the segments, at `per_s` a second."""
    segments = [entry.fact.segment for entry in entries if isinstance(entry.fact, f.SegmentStored)]
    expected = sum(one.ended_ms - one.started_ms for one in segments) * per_s / 1000
    return max(0.0, 1 - sum(one.frames for one in segments) / expected) if expected else 0.0
