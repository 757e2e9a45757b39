"""Everything that can stand in a ledger. A fact is never edited; a later fact may say otherwise."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from proctoring.check_in import Photo, PhotoFault
from proctoring.exam import Answer
from proctoring.flag import Flag, Moment, Thumbnail
from proctoring.naming import snake
from proctoring.policy import Mode, Retention
from proctoring.segment import Segment
from proctoring.session import Move, State


class Part(StrEnum):
    """The desk's processes."""

    CUSTODY = "custody"
    CAPTURE = "capture"
    CAPTURE_SECOND = "capture_second"
    """The process that films with the second camera, where a desk has one."""
    EDGE_AI = "edge_ai"
    KIOSK_UI = "kiosk_ui"
    SYNC = "sync"
    PANEL = "panel"


class DiskTrouble(StrEnum):
    """What is wrong with a desk's disk."""

    FULL = "full"
    """Nearly: what room there is is kept for answers; recordings wait."""
    FAILS = "fails"
    """It takes nothing."""


class Reduction(StrEnum):
    """What the analysis leaves out where the machine is short of time. The first is left out first."""

    FEWER_OBJECT_LOOKS = "fewer_object_looks"
    FEWER_IDENTITY_LOOKS = "fewer_identity_looks"
    NO_GAZE = "no_gaze"
    FEWER_FRAMES = "fewer_frames"
    FEWEST_FRAMES = "fewest_frames"
    """As few as the rules need to vote."""


class _Fact(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="fact",
    tag=snake,
):
    pass


class SessionOpened(_Fact, frozen=True, omit_defaults=True):
    """A candidate signed in. `allowed_ms` already holds what the booking grants extra.

    `certificate` (PEM) is that of the desk's key, which signs this ledger; empty in ledgers from before signatures.
    `recipients` are the age public keys that the session's segments are sealed to. Ledgers from before sealing have
    none, and where there is none the text leaves them out.
    """

    candidate: str
    booking: str | None
    exam: str
    exam_title: str
    exam_sha256: str
    mode: Mode
    policy: str
    allowed_ms: int
    software: str
    recipients: tuple[str, ...] = ()
    certificate: str = ""
    second_camera: str = ""
    """The name of the desk's second camera as the session began; empty where one camera films. The candidate is told
    of two, so no other session is filmed by a second one, and where this one is not any more, that is a gap."""
    retention: Retention | None = None
    """How long the recording is kept, as the candidate was told; None in ledgers from before it was said here."""
    clock_trusted: bool = True
    """False where the desk's wall clock was known to be wrong and the server's was not known yet: the times of day of
    these entries mean nothing until a ClockMeasured of the same boot says by how much."""


class Consented(_Fact, frozen=True):
    """The candidate read the notice of this version and agreed."""

    notice: str


class CheckInPhoto(_Fact, frozen=True):
    """The photo that was taken when the candidate had checked their own picture: who this session is compared to."""

    photo: Photo


class NoCheckInPhoto(_Fact, frozen=True):
    """The session goes on without a photo. The candidate is then who sits alone at the desk as the exam begins."""

    fault: PhotoFault
    attempts: int


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
    """A detector's suspicion begins, with its pictures so far."""

    flag: Flag
    thumbnail: bytes = b""
    """The one picture of ledgers before there were several."""
    thumbnails: tuple[Thumbnail, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def pictures(self) -> tuple[Thumbnail, ...]:
        """Its thumbnails, in the order of their times."""
        if self.thumbnails is not msgspec.UNSET or not self.thumbnail:
            return self.thumbnails or ()
        moment = Thumbnail(
            moment=Moment.NEWEST, at_ms=self.flag.raised_ms, score=self.flag.peak_score, jpeg=self.thumbnail
        )
        return (moment,)


class FlagEnded(_Fact, frozen=True):
    """A flag's end, with all of its scores, and its final pictures where the detector itself ended it."""

    flag: Flag
    thumbnails: tuple[Thumbnail, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def pictures(self) -> tuple[Thumbnail, ...]:
        """Its thumbnails, in the order of their times; none where FlagRaised has the last ones."""
        return self.thumbnails or ()


class SegmentStored(_Fact, frozen=True):
    """A segment's bytes are durable on the desk."""

    segment: Segment


class Gap(_Fact, frozen=True, omit_defaults=True):
    """A part of the desk did not work for a while: from `from_ms` to `to_ms` since the session's zero."""

    part: Part
    from_ms: int
    to_ms: int
    reason: str
    disk: DiskTrouble | None = None
    """Set where the disk was at fault: who watched was told by the desk's presence while it lasted."""


class PartAbsent(_Fact, frozen=True):
    """A part has gone silent and is not back yet. A Gap follows when it is."""

    part: Part
    since_ms: int


MICROPHONE: Final = "microphone:"
"""How the reason of a gap begins that has pictures and lacks their sound."""


class CameraEnded(_Fact, frozen=True, omit_defaults=True):
    """The picture source gives no more frames. `part` says whose; the first camera's is left out of the text."""

    reason: str
    part: Part = Part.CAPTURE


class EncoderChosen(_Fact, frozen=True, omit_defaults=True):
    """The recording is made with this encoder, as FFmpeg calls it, from now on."""

    encoder: str
    reason: str
    part: Part = Part.CAPTURE


class AnalysisReduced(_Fact, frozen=True):
    """From `at_ms` on the analysis leaves out the first `level` of Reduction; at level 0 it is whole (again).

    `was` is the level before.
    """

    at_ms: int
    level: int
    was: int
    left_out: tuple[Reduction, ...]
    reason: str


class AnalysisSummary(_Fact, frozen=True):
    """How the detectors worked over the session."""

    frames_analysed: int
    frames_skipped: int
    analysed_fps: float
    models: dict[str, str]
    runtime: str
    latency_ms_median: int | None = None
    """From the moment a frame was taken until its Observation was made."""
    latency_ms_p95: int | None = None
    looks_skipped: dict[str, int] = {}
    """By what was looked for: how many of the analysed frames were not searched for it."""


class HandedOver(_Fact, frozen=True):
    """After the exam's end: this part has given custody all it had."""

    part: Part


class CallPressed(_Fact, frozen=True):
    """The candidate called an invigilator."""


class LidMoved(_Fact, frozen=True):
    """The case of the desk unit was opened or closed."""

    open: bool


class ClockMeasured(_Fact, frozen=True):
    """The server's clock compared with the desk's wall clock, as that stood at this entry.

    Server's time = desk's time + `offset_ms`, give or take `uncertainty_ms`. The entry has the monotonic time too, so
    it dates every entry of the same boot, whatever the wall clock did.
    """

    offset_ms: int
    uncertainty_ms: int


class ClockStepped(_Fact, frozen=True):
    """The desk's wall clock was set: it went `by_ms` further than the monotonic clock; below 0, it went back."""

    by_ms: int


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


class Checkpoint(_Fact, frozen=True):
    """The desk's signature: this entry, and by the chain every one before, is its own (see proctoring.ledger)."""

    signature: bytes = b""


class Sealed(_Fact, frozen=True):
    """The last entry: what the whole session holds, signed as a Checkpoint is."""

    segments: int
    answers: int
    flags: int
    signature: bytes = b""


Fact = (
    SessionOpened
    | Consented
    | CheckInPhoto
    | NoCheckInPhoto
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
    | EncoderChosen
    | AnalysisReduced
    | AnalysisSummary
    | HandedOver
    | CallPressed
    | LidMoved
    | ClockMeasured
    | ClockStepped
    | OrderTaken
    | Said
    | Checkpoint
    | Sealed
)
