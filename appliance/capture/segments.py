"""The incoming folder: segments being written, and finished ones that custody has not taken yet.

They are not sealed, so the folder lies in memory: a process may die and find them again, a power cut takes them.

A file's name says all that is known of it, so nothing has to be remembered over a crash:

    <session>.<number>.<started_ms>.part                                    being written
    <session>.<number>.<started_ms>.<ended_ms>.<frames>.<ended_by>.mp4      finished
    <session>.<number>.last                                                 the highest number given so far
    <session>.<number>.<started_ms>.unreadable                              left by a crash, cannot be played

The second camera's names have a mark before the session, `second~`, so that neither takes the other's for its own.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

import msgspec

from durable.files import move, sync
from proctoring.segment import EndedBy, Segment

_PART: Final = re.compile(r"(?P<session>[^~]+)\.(?P<number>\d+)\.(?P<started_ms>\d+)\.part")
_DONE: Final = re.compile(
    r"(?P<session>[^~]+)\.(?P<number>\d+)\.(?P<started_ms>\d+)"
    r"\.(?P<ended_ms>\d+)\.(?P<frames>\d+)\.(?P<ended_by>[a-z]+)\.mp4"
)
_NUMBERED: Final = re.compile(r"(?P<session>[^~]+?)\.(?P<number>\d{6,})\..+")


class Part(msgspec.Struct, frozen=True):
    """A segment that is being written, or that a crash left so."""

    path: Path
    session: str
    number: int
    started_ms: int


class Done(msgspec.Struct, frozen=True):
    """A finished segment in the incoming folder."""

    path: Path
    session: str
    number: int
    started_ms: int
    ended_ms: int
    frames: int
    ended_by: EndedBy

    def segment(self, camera: str) -> Segment:
        """The segment with its size and SHA-256 from the file as it lies there. Raises OSError."""
        with self.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Segment(
            camera=camera,
            number=self.number,
            started_ms=self.started_ms,
            ended_ms=self.ended_ms,
            size=self.path.stat().st_size,
            sha256=sha256,
            frames=self.frames,
            ended_by=self.ended_by,
        )


class Incoming:
    """One camera's files in the folder, each name with its `mark` in front. One writer; custody only takes away."""

    def __init__(self, folder: Path, mark: str = "") -> None:
        self._folder = folder
        self._mark = mark
        self._stored: dict[str, int] = {}

    def count_on(self, session: str, number: int) -> None:
        """Custody holds the session's segments up to this number. Memory forgets the marks; the ledger does not."""
        self._stored = {session: number}

    def begin(self, session: str, started_ms: int) -> Part:
        """The next segment of that session; its file is not made yet."""
        number = self._last_number(session) + 1
        path = self._folder / f"{self._mark}{session}.{number:06d}.{started_ms}.part"
        return Part(path, session, number, started_ms)

    def finish(self, part: Part, ended_ms: int, frames: int, ended_by: EndedBy) -> Done:
        """Gives a written segment its final name, durably where the folder lies on a disk. Raises OSError."""
        sync(part.path)
        self._remember(part)
        stem = f"{self._mark}{part.session}.{part.number:06d}.{part.started_ms}"
        path = move(part.path, self._folder / f"{stem}.{ended_ms}.{frames}.{ended_by}.mp4")
        return Done(path, part.session, part.number, part.started_ms, ended_ms, frames, ended_by)

    def set_aside(self, part: Part) -> Path:
        """Names a part that cannot be played so that it is not tried again. Its bytes stay."""
        self._remember(part)
        return move(part.path, part.path.with_suffix(".unreadable"))

    def done(self) -> list[Done]:
        """Finished segments, the oldest of each session first."""
        return [_done(path, match) for path, match in self._matches(_DONE)]

    def parts(self) -> list[Part]:
        """Unfinished segments."""
        return [
            Part(path, match["session"], int(match["number"]), int(match["started_ms"]))
            for path, match in self._matches(_PART)
        ]

    def _matches(self, pattern: re.Pattern[str]) -> list[tuple[Path, re.Match[str]]]:
        ours = (path for path in sorted(self._folder.iterdir()) if path.name.startswith(self._mark))
        found = ((path, pattern.fullmatch(path.name, len(self._mark))) for path in ours)
        return [(path, match) for path, match in found if match]

    def _last_number(self, session: str) -> int:
        matches = (match for _, match in self._matches(_NUMBERED) if match["session"] == session)
        return max([self._stored.get(session, 0), *(int(match["number"]) for match in matches)])

    def _remember(self, part: Part) -> None:
        # Before the final name shows: custody may take the file away at once, and its number with it.
        # The highest stays: what a crash left is closed over while the next segments are being written.
        new = self._folder / f"{self._mark}{part.session}.{part.number:06d}.last"
        new.touch()
        marks = self._folder.glob(f"{self._mark}{part.session}.??????.last")
        for old in sorted(marks)[:-1]:
            old.unlink(missing_ok=True)


def _done(path: Path, match: re.Match[str]) -> Done:
    return Done(
        path,
        match["session"],
        int(match["number"]),
        int(match["started_ms"]),
        int(match["ended_ms"]),
        int(match["frames"]),
        EndedBy(match["ended_by"]),
    )
