"""From ledger entries to what a reviewer is shown. Pure: the same entries give the same page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from proctoring.cameras import cameras_of, part_words, second_camera
from proctoring.correction import Correction
from proctoring.fact import (
    AnalysisReduced,
    AnalysisSummary,
    Answered,
    CallPressed,
    CameraEnded,
    CheckInPhoto,
    ClockMeasured,
    ClockStepped,
    EncoderChosen,
    Extended,
    Fact,
    FlagEnded,
    FlagRaised,
    Gap,
    LidMoved,
    Moved,
    NoCheckInPhoto,
    Part,
    PartAbsent,
    Said,
    SegmentStored,
)
from proctoring.flag import Flag, FlagKind
from proctoring.incident import Incident, group
from proctoring.ledger import Entry
from proctoring.segment import Segment
from proctoring.session import Move, State, words
from review_server import clocks, detectors, pictures
from review_server.pictures import CheckIn, FlagPicture

SEAM_MS: Final = 250
"""Segments closer than this are one stretch of recording: a frame or two may pass while one is closed."""

SUSPICIONS: Final = {
    FlagKind.FACE_ABSENT: "No face in view",
    FlagKind.SEVERAL_FACES: "More than one face",
    FlagKind.SECOND_PERSON: "Perhaps a second person",
    FlagKind.PROHIBITED_OBJECT: "Perhaps an object that is not allowed",
    FlagKind.CAMERA_COVERED: "Camera covered",
    FlagKind.DIFFERENT_PERSON: "Perhaps a different person",
    FlagKind.LOOKING_AWAY: "Looking away",
    FlagKind.TALKING: "Perhaps talking",
    FlagKind.LEFT_SEAT: "Perhaps left the seat",
    FlagKind.FACE_HIDDEN: "Face perhaps covered",
    FlagKind.CAMERA_MOVED: "Camera moved",
    FlagKind.CAMERA_FROZEN: "Picture stands still",
    FlagKind.TOO_DARK: "Picture too dark",
    FlagKind.TOO_BRIGHT: "Picture too bright",
    FlagKind.BLURRED: "Picture not sharp",
    FlagKind.ANALYSIS_ABSENT: "Detectors not working",
}


class Span(msgspec.Struct, frozen=True):
    """Something that lasted, since the session's zero. `flag` is the flag's id, where it is one."""

    label: str
    started_ms: int
    ended_ms: int
    flag: str | None = None


class Lane(msgspec.Struct, frozen=True):
    """Spans of one kind. `tone` is one of recorded, exam, flag, technical, gap."""

    name: str
    tone: str
    spans: tuple[Span, ...]


class Note(msgspec.Struct, frozen=True):
    """Something that happened at one moment; `at_ms` is None before the session's zero."""

    at_ms: int | None
    text: str
    utc_ms: int
    """When it was, by the server's clock where the desk's was compared with it in that boot, else by the desk's."""
    is_sure: bool = True


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All that a session's page shows of its ledger."""

    length_ms: int
    flags: tuple[Flag, ...]
    incidents: tuple[Incident, ...]
    pictures: dict[str, tuple[FlagPicture, ...]]
    """By flag id, in the order of their times."""
    check_in: CheckIn | None
    gaps: tuple[Gap, ...]
    lanes: tuple[Lane, ...]
    notes: tuple[Note, ...]
    cameras: tuple[str, ...]
    """Those that filmed so far, the one that the detectors see first."""
    second_camera: str
    """The name of the desk's second camera; empty where it has one camera."""
    clock: str
    """How far the desk's clock was off, in words."""
    answered: int
    """Questions with an answer that was not taken back."""


def draw(entries: Sequence[Entry]) -> Timeline:
    """The timeline of a session, whether or not it has ended yet."""
    facts = [entry.fact for entry in entries]
    flags = newest_flags(facts)
    gaps = tuple(fact for fact in facts if isinstance(fact, Gap))
    length_ms = max([entry.at_ms or 0 for entry in entries], default=0)
    return Timeline(
        length_ms=length_ms,
        flags=flags,
        incidents=tuple(group(flags)),
        pictures=pictures.of_flags(entries),
        check_in=pictures.check_in(entries),
        gaps=gaps,
        lanes=tuple(lane for lane in _lanes(entries, flags, gaps, length_ms) if lane.spans),
        notes=tuple(_notes(entries)),
        cameras=cameras_of(facts),
        second_camera=second_camera(facts),
        clock=clocks.told_of_all(facts),
        answered=_answered(facts),
    )


def newest_flags(facts: Iterable[Fact]) -> tuple[Flag, ...]:
    """Each flag once, as the newest fact about it says, in the order in which they began."""
    found: dict[str, Flag] = {}
    for fact in facts:
        if isinstance(fact, FlagRaised | FlagEnded):
            found[fact.flag.id] = fact.flag
    return tuple(sorted(found.values(), key=lambda flag: flag.started_ms))


def name_of(flag: Flag) -> str:
    """A flag in plain words. It suspects; it does not accuse."""
    name = SUSPICIONS[flag.kind]
    return f"{name}: {flag.label}" if flag.label else name


def _answered(facts: Iterable[Fact]) -> int:
    newest = {fact.question: fact.value for fact in facts if isinstance(fact, Answered)}
    return sum(value is not None for value in newest.values())


def _lanes(entries: Sequence[Entry], flags: Sequence[Flag], gaps: Sequence[Gap], end_ms: int) -> Iterator[Lane]:
    yield from _recordings([entry.fact for entry in entries])
    yield Lane("Exam", "exam", tuple(_states(entries, end_ms)))
    for kind in FlagKind:
        spans = tuple(_flag_span(flag, end_ms) for flag in flags if flag.kind is kind)
        is_technical = any(flag.technical for flag in flags if flag.kind is kind)
        yield Lane(SUSPICIONS[kind], "technical" if is_technical else "flag", spans)
    less = detectors.reductions((entry.fact for entry in entries), end_ms)
    yield Lane("Detectors look less", "technical", tuple(Span(*one) for one in less))
    yield Lane("Gaps", "gap", tuple(Span(f"{part_words(g.part)}: {g.reason}", g.from_ms, g.to_ms) for g in gaps))


def _flag_span(flag: Flag, end_ms: int) -> Span:
    ended_ms = max(end_ms, flag.raised_ms) if flag.ended_ms is None else flag.ended_ms
    return Span(name_of(flag), flag.started_ms, ended_ms, flag.id)


def _recordings(facts: Sequence[Fact]) -> Iterator[Lane]:
    """One for each camera: what one of them missed the other does not stand for."""
    cameras = cameras_of(facts)
    for camera in cameras:
        segments = [fact.segment for fact in facts if isinstance(fact, SegmentStored)]
        name = "Recording" if len(cameras) == 1 else f"Recording: {camera}"
        yield Lane(name, "recorded", _stretches(one for one in segments if one.camera == camera))


def _stretches(segments: Iterable[Segment]) -> tuple[Span, ...]:
    spans: list[Span] = []
    for segment in sorted(segments, key=lambda s: s.started_ms):
        if spans and segment.started_ms - spans[-1].ended_ms <= SEAM_MS:
            ended_ms = max(spans[-1].ended_ms, segment.ended_ms)
            spans[-1] = msgspec.structs.replace(spans[-1], ended_ms=ended_ms)
        else:
            spans.append(Span("Recorded", segment.started_ms, segment.ended_ms))
    return tuple(spans)


def _states(entries: Iterable[Entry], end_ms: int) -> Iterator[Span]:
    """How long the exam was in each state between its start and its end."""
    shown = {State.RUNNING, State.PAUSED, State.INTERRUPTED}
    moves = [(e.at_ms, e.fact.state) for e in entries if isinstance(e.fact, Moved) and e.at_ms is not None]
    ends = [at_ms for at_ms, _ in moves[1:]] + [end_ms]
    for (at_ms, state), ended_ms in zip(moves, ends, strict=False):
        if state in shown:
            yield Span(words(state).capitalize(), at_ms, ended_ms)


def _notes(entries: Sequence[Entry]) -> Iterator[Note]:
    correction = Correction(entries)
    for entry in entries:
        text = _sentence(entry.fact)
        if text:
            utc_ms = correction.utc_ms(entry)
            yield Note(entry.at_ms, text, entry.at_utc_ms if utc_ms is None else utc_ms, utc_ms is not None)


def _sentence(fact: Fact) -> str | None:
    text = None
    match fact:
        case CheckInPhoto() | NoCheckInPhoto():
            text = pictures.told(fact)
        case Moved():
            text = _move_sentence(fact)
        case Said():
            text = f"{fact.by} to the candidate: {fact.text}"
        case Extended():
            text = f"{fact.by} granted {fact.extra_ms / 60_000:g} more minutes: {fact.reason}"
        case CallPressed():
            text = "The candidate called an invigilator."
        case CameraEnded():
            text = f"{_camera(fact.part)} gave no more pictures: {fact.reason}"
        case EncoderChosen():
            text = f"{_recording(fact.part)} is made with {fact.encoder}: {fact.reason}"
        case LidMoved():
            text = f"The case of the desk unit was {'opened' if fact.open else 'closed'}."
        case PartAbsent():
            text = f"The desk's part {part_words(fact.part)} went silent."
        case ClockMeasured() | ClockStepped():
            text = clocks.told(fact)
        case AnalysisReduced():
            text = detectors.told_of_change(fact)
        case AnalysisSummary():
            text = detectors.told_of_all(fact)
    return text


def _move_sentence(moved: Moved) -> str:
    said = {
        Move.SIGN_IN: "Signed in",
        Move.PASS_CHECK: "Camera check done",
        Move.ADMIT: "Admitted",
        Move.START: "Exam started",
        Move.PAUSE: "Exam paused",
        Move.RESUME: "Exam resumed",
        Move.INTERRUPT: "Exam interrupted",
        Move.SUBMIT: "Handed in",
        Move.TERMINATE: "Exam ended early",
        Move.SEAL: "Record sealed",
    }.get(moved.move, words(moved.move).capitalize())
    return f"{said} by {moved.by}" + (f": {moved.reason}" if moved.reason else "")


def _camera(part: Part) -> str:
    return "The second camera" if part is Part.CAPTURE_SECOND else "The camera"


def _recording(part: Part) -> str:
    return "The second camera's recording" if part is Part.CAPTURE_SECOND else "The recording"
