"""What a demo run came to, measured at its ends: the desk's ledger and files, the server's, the alerts."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from proctoring import fact as f
from proctoring import ledger
from proctoring.errors import LedgerBroken
from proctoring.ledger import Entry, Line
from proctoring.segment import Segment
from review_server.sealing import CannotOpen, Keyring


class Segments(msgspec.Struct, frozen=True):
    """Sealed files at both ends; `hashes_equal` compares the SHA-256 of their bytes with what the ledger names.

    `opened` counts those that the server's keys open to the very video that the ledger names, `cameras` those that
    the server has of each camera.
    """

    desk: int
    server: int
    hashes_equal: bool
    opened: int
    cameras: dict[str, int]


class FlagLine(msgspec.Struct, frozen=True):
    """A flag in seconds since the exam's start."""

    kind: str
    label: str | None
    start_s: float
    end_s: float | None
    peak_score: float


class Latency(msgspec.Struct, frozen=True):
    """Seconds from the frame that raised a flag to its alert at a reader of the console; None without alerts."""

    p50: float | None
    p95: float | None


class Summary(msgspec.Struct, frozen=True):
    """What `deskproctor demo --json` prints."""

    session: str
    state: str
    ledger_verified: bool
    entries: int
    segments: Segments
    flags: list[FlagLine]
    analysed_fps: float
    alert_latency_s: Latency

    @property
    def good(self) -> bool:
        """Whether the detectors worked and everything that was recorded is at the server, whole and unaltered."""
        segments = self.segments
        whole = self.state == "complete" and self.ledger_verified and segments.hashes_equal
        return whole and segments.opened == segments.server and self.analysed_fps > 0


def summarise(
    desk: str, lines: list[Line], at_server: dict[str, Any], folders: tuple[Path, Path], arrived_ms: dict[str, int]
) -> Summary:
    """The summary of a session from its ledger lines at the desk, the server's page, and the two segment folders."""
    session = at_server["session"]
    entries, verified = checked(desk, session, lines)
    facts = [entry.fact for entry in entries]
    analysis = [fact for fact in facts if isinstance(fact, f.AnalysisSummary)]
    return Summary(
        session=session,
        state=at_server["state"],
        ledger_verified=verified and bool(at_server["ledger_verified"]) and at_server["entries"] == len(lines),
        entries=len(lines),
        segments=compare([fact.segment for fact in facts if isinstance(fact, f.SegmentStored)], folders),
        flags=[
            msgspec.convert({key: flag[key] for key in FlagLine.__struct_fields__}, FlagLine)
            for flag in at_server["flags"]
        ],
        analysed_fps=round(analysis[-1].analysed_fps, 2) if analysis else 0.0,
        alert_latency_s=latency(entries, arrived_ms),
    )


def checked(desk: str, session: str, lines: list[Line]) -> tuple[list[Entry], bool]:
    """The entries, and whether the chain holds."""
    try:
        entries, _ = ledger.verify(desk, session, lines)
    except LedgerBroken:
        return [], False
    return entries, True


def compare(segments: list[Segment], folders: tuple[Path, Path]) -> Segments:
    """Reads every file at both ends, and opens those at the server with the server's keys."""
    named = {segment.sha256: segment.video_sha256 for segment in segments}
    desk, server = (hashes(folder) for folder in folders)
    opened = sum(is_video(server[sha], video, Keyring(folders[1])) for sha, video in named.items() if sha in server)
    whole = bool(named) and named.keys() <= desk.keys() and named.keys() <= server.keys()
    cameras = Counter(segment.camera for segment in segments if segment.sha256 in server)
    return Segments(len(desk.keys() & named.keys()), len(server.keys() & named.keys()), whole, opened, dict(cameras))


def hashes(folder: Path) -> dict[str, Path]:
    """Every sealed segment below a folder by the SHA-256 of its bytes, not by its name."""
    return {ledger.sha256(path.read_bytes()): path for path in folder.rglob("*.mp4.age")}


def is_video(path: Path, video_sha256: str, keyring: Keyring) -> bool:
    """Whether what is sealed in that file is this video."""
    try:
        return ledger.sha256(keyring.open(path.read_bytes())) == video_sha256
    except CannotOpen:
        return False


def latency(entries: list[Entry], arrived_ms: dict[str, int]) -> Latency:
    """From the frame that raised each flag to its alert, on the monotonic clock that both share."""
    waits = [
        (arrived_ms[entry.fact.flag.id] - (entry.mono_ms - entry.at_ms) - entry.fact.flag.raised_ms) / 1000
        for entry in entries
        if isinstance(entry.fact, f.FlagRaised) and entry.at_ms is not None and entry.fact.flag.id in arrived_ms
    ]
    if not waits:
        return Latency(None, None)
    waits.sort()
    return Latency(round(statistics.median(waits), 3), round(waits[min(len(waits) - 1, int(len(waits) * 0.95))], 3))
