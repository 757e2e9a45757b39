"""Captions of a recording: what is flagged at a time, and where nothing was recorded. WebVTT, as browsers read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from proctoring.fact import Gap, Part
from review_server.film import Piece
from review_server.timeline import SEAM_MS, Timeline, name_of

LEAST_MS: Final = 1500
"""A caption of a short flag stays so long that it can be read."""


def of(line: Timeline, pieces: Sequence[Piece], by: Part = Part.CAPTURE) -> str:
    """The captions of a session, on the film's clock. `by` is the part whose recording it is."""
    told = [gap for gap in line.gaps if gap.part is by]
    cues = [*_flags(line), *_holes(told, pieces)]
    texts = (f"{_time(begin)} --> {_time(end)}\n{escape(text)}\n" for begin, end, text in sorted(cues))
    return "\n".join(("WEBVTT\n", *texts))


def holes(pieces: Iterable[Piece], length_ms: int) -> Iterator[tuple[int, int]]:
    """(from, to) of the times between 0 and `length_ms` of which no piece is here."""
    covered_ms = 0
    for piece in pieces:
        if piece.started_ms - covered_ms > SEAM_MS:
            yield covered_ms, piece.started_ms
        covered_ms = max(covered_ms, piece.ended_ms)
    if length_ms - covered_ms > SEAM_MS:
        yield covered_ms, length_ms


def _flags(line: Timeline) -> Iterator[tuple[int, int, str]]:
    for flag in line.flags:
        end_ms = line.length_ms if flag.ended_ms is None else flag.ended_ms
        about = "technical problem" if flag.technical else "flagged"
        yield flag.started_ms, max(end_ms, flag.started_ms + LEAST_MS), f"{name_of(flag)} ({about})"


def _holes(gaps: Sequence[Gap], pieces: Sequence[Piece]) -> Iterator[tuple[int, int, str]]:
    for begin, end in holes(pieces, pieces[-1].ended_ms if pieces else 0):
        yield begin, end, f"No recording: {_why(gaps, begin, end)}. The picture stands still."


def _why(gaps: Iterable[Gap], begin: int, end: int) -> str:
    told = [gap.reason for gap in gaps if gap.from_ms < end and gap.to_ms > begin]
    return "; ".join(dict.fromkeys(told)) or "this piece is not here"


def _time(ms: int) -> str:
    seconds, rest = divmod(max(0, ms), 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
