"""Everything that can stand in a ledger. A fact is never edited; a later fact may say otherwise."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from proctoring.exam import Answer
from proctoring.flag import Flag
from proctoring.naming import snake
from proctoring.policy import Mode
from proctoring.segment import Segment
from proctoring.session import Move, State


class Part(StrEnum):
    """The desk's processes."""

    CUSTODY = "custody"
    CAPTURE = "capture"
    EDGE_AI = "edge_ai"
    KIOSK_UI = "kiosk_ui"
    SYNC = "sync"
    PANEL = "panel"


class _Fact(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="fact",
    tag=snake,
):
    pass


class SessionOpened(_Fact, frozen=True):
    """A candidate signed in. `allowed_ms` already holds what the booking grants extra."""

    candidate: str
    booking: str | None
    exam: str
    exam_title: str
    exam_sha256: str
    mode: Mode
    policy: str
    allowed_ms: int
    software: str


class Consented(_Fact, frozen=True):
    """The candidate read the notice of this version and agreed."""

    notice: str


class CheckPassed(_Fact, frozen=True):
    """The candidate has seen their own picture and went on."""


class Moved(_Fact, frozen=True):
    """The session took a move of its table.

    `effective_ms` is since the session's zero and counts for the exam clock; it differs from the entry's own time
    where the desk learnt of the move later, as after a power cut.
    """

    move: Move
    state: State
    by: str
    reason: str = ""
    effective_ms: int = 0


class MoveRefused(_Fact, frozen=True):
    """A move that the table does not have was asked for."""

    move: Move
    state: State
    by: str
    reason: str


class Extended(_Fact, frozen=True):
    """More exam time was granted."""

    extra_ms: int
    by: str
    reason: str


class Answered(_Fact, frozen=True):
    """The candidate answered, or took an answer back (None)."""

    question: str
    value: Answer
    revision: int


class FlagRaised(_Fact, frozen=True):
    """A detector's suspicion begins. The thumbnail is a small JPEG in base64, empty where there is none."""

    flag: Flag
    thumbnail: bytes = b""


class FlagEnded(_Fact, frozen=True):
    """A flag's end, with all of its scores."""

    flag: Flag


class SegmentStored(_Fact, frozen=True):
    """A segment's bytes are durable on the desk."""

    segment: Segment


class Gap(_Fact, frozen=True):
    """A part of the desk did not work for a while: from `from_ms` to `to_ms` since the session's zero."""

    part: Part
    from_ms: int
    to_ms: int
    reason: str


class PartAbsent(_Fact, frozen=True):
    """A part has gone silent and is not back yet. A Gap follows when it is."""

    part: Part
    since_ms: int


class CameraEnded(_Fact, frozen=True):
    """The picture source gives no more frames."""

    reason: str


class AnalysisSummary(_Fact, frozen=True):
    """How the detectors worked over the session."""

    frames_analysed: int
    frames_skipped: int
    analysed_fps: float
    models: dict[str, str]
    runtime: str


class HandedOver(_Fact, frozen=True):
    """After the exam's end: this part has given custody all it had."""

    part: Part


class CallPressed(_Fact, frozen=True):
    """The candidate called an invigilator."""


class LidMoved(_Fact, frozen=True):
    """The case of the desk unit was opened or closed."""

    open: bool


class OrderTaken(_Fact, frozen=True):
    """An order was carried out or refused, with who gave it."""

    order: str
    what: str
    by: str
    result: str
    reason: str = ""


class Said(_Fact, frozen=True):
    """A message from the invigilator to the candidate."""

    text: str
    by: str


class Sealed(_Fact, frozen=True):
    """The last entry: what the whole session holds."""

    segments: int
    answers: int
    flags: int


Fact = (
    SessionOpened
    | Consented
    | CheckPassed
    | Moved
    | MoveRefused
    | Extended
    | Answered
    | FlagRaised
    | FlagEnded
    | SegmentStored
    | Gap
    | PartAbsent
    | CameraEnded
    | AnalysisSummary
    | HandedOver
    | CallPressed
    | LidMoved
    | OrderTaken
    | Said
    | Sealed
)
