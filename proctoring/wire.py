"""Every message of the system, both directions, versioned.

Remote messages cross MQTT between a desk (`sync`) and the programs; local ones cross ZeroMQ between the processes of
a desk. Each is a JSON object with `v` and `type`; a reader refuses what it does not know.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from proctoring.check_in import Photo, PhotoFault, PhotoStep
from proctoring.errors import WireError
from proctoring.exam import Answer, Booking, Exam
from proctoring.fact import AnalysisReduced, AnalysisSummary, DiskTrouble, Part
from proctoring.flag import Flag, Thumbnail
from proctoring.ledger import Line
from proctoring.naming import snake
from proctoring.policy import Policy
from proctoring.segment import Segment
from proctoring.session import State

VERSION: Final = 1
Count = Annotated[int, Meta(ge=0, lt=2**53)]
"""A number that every reader of JSON holds exactly."""

DESK_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class Message(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    tag=snake,
):
    """What all messages share."""

    v: Literal[1] = 1


# --- remote, desk to programs ----------------------------------------------------------------------


class Facts(Message, frozen=True):
    """Ledger lines of one session, in order and without a hole. Sent again until a receipt names them."""

    desk: str
    session: str
    lines: tuple[Line, ...]


class Presence(Message, frozen=True):
    """Retained. `run` grows with each start of `sync`: an offline notice of an older run is ignored."""

    desk: str
    run: int
    online: bool
    at_utc_ms: int
    state: State | None = None
    session: str | None = None
    candidate: str | None = None
    disk: DiskTrouble | None = None
    """Said here, not in the ledger: a disk that takes nothing takes no entry either."""


class OrderOutcome(Message, frozen=True):
    """What became of an order."""

    desk: str
    order: str
    result: Literal["succeeded", "rejected", "expired", "repeated"]
    reason: str = ""


# --- remote, programs to desk ----------------------------------------------------------------------


class Receipt(Message, frozen=True):
    """The server holds entries 1 to `up_to_seq` and these segments durably. Only this permits forgetting."""

    desk: str
    session: str
    up_to_seq: Count
    up_to_hash: str
    segments: tuple[str, ...] = ()


class Prepare(Message, frozen=True):
    """The exams, the policy and the bookings that this desk needs today. Replaces what it had."""

    exams: tuple[Exam, ...]
    policy: Policy
    bookings: tuple[Booking, ...] = ()
    walk_in_exam: str | None = None
    """The exam that a candidate without a booking sits; None where walk-in is not allowed."""
    recipients: tuple[str, ...] = ()
    """The age public keys that recordings are sealed to. Without any, no session begins."""


class Admit(Message, frozen=True):
    """Let the candidate begin."""


class Pause(Message, frozen=True):
    """Stop the exam clock and cover the questions."""

    reason: str


class Resume(Message, frozen=True):
    """Let the exam clock run again."""


class Extend(Message, frozen=True):
    """Grant more exam time."""

    extra_ms: Annotated[int, Meta(gt=0, le=12 * 3_600_000)]
    reason: str


class End(Message, frozen=True):
    """End the exam now."""

    reason: str


class Say(Message, frozen=True):
    """Show the candidate a message."""

    text: str


class Hold(Message, frozen=True):
    """Legal hold: forget nothing of the order's session, whatever its policy says.

    `number` counts the server's words about holds: of those about a session the highest counts, however they come.
    """

    number: Count
    reason: str


class Release(Message, frozen=True):
    """The legal hold is lifted; `number` as in Hold."""

    number: Count
    reason: str


Command = Prepare | Admit | Pause | Resume | Extend | End | Say | Hold | Release


class Order(Message, frozen=True):
    """A command to a desk. Never retained; `session` None addresses the desk itself."""

    id: str
    desk: str
    session: str | None
    by: str
    issued_utc_ms: Count
    expires_utc_ms: Count
    command: Command


class HostState(Message, frozen=True):
    """Retained: whether the review server itself (not only the broker) is there to take facts."""

    run: int
    online: bool
    at_utc_ms: int


Remote = Facts | Presence | OrderOutcome | Receipt | Order | HostState


def desk_topic(desk: str, what: Literal["facts", "presence", "outcomes", "orders", "receipts"]) -> str:
    """The only topics a desk has. It writes the first three, it reads the last two."""
    return f"desk/{desk}/{what}"


HOST_TOPIC: Final = "host/state"


# --- local: what the desk's processes ask of custody -----------------------------------------------


class Hello(Message, frozen=True):
    """A process has started. `after` says how its last run ended where somebody knows, else None."""

    part: Part
    pid: int
    after: str | None = None


class Alive(Message, frozen=True):
    """Sent about once a second, after progress."""

    part: Part


class Goodbye(Message, frozen=True):
    """A process ends as it was asked to."""

    part: Part


class AskView(Message, frozen=True):
    """Asks for the View."""


class SignIn(Message, frozen=True):
    """A candidate at the desk: a booking code, or a name where walk-in is allowed."""

    code: str | None = None
    name: str | None = None


class Consent(Message, frozen=True):
    """The candidate read the notice and agreed."""

    notice: str


class FinishCheck(Message, frozen=True):
    """The candidate has seen their own picture and goes on; where faces are compared, their photo is taken first.

    `without_photo` goes on without one, which is allowed once several have failed.
    """

    without_photo: bool = False


class GivePhoto(Message, frozen=True):
    """The photo that was wanted."""

    session: str
    attempt: int
    photo: Photo


class MissPhoto(Message, frozen=True):
    """The photo that was wanted could not be taken."""

    session: str
    attempt: int
    fault: PhotoFault


class AskPhoto(Message, frozen=True):
    """Asks for the check-in photo of the session at this desk."""

    session: str


class Begin(Message, frozen=True):
    """The candidate starts the exam."""


class AskPaper(Message, frozen=True):
    """Asks for the exam with the answers saved so far."""


class SaveAnswer(Message, frozen=True):
    """One answer. Its revision counts up per question from 1; the same revision twice has effect once."""

    question: str
    value: Answer
    revision: Count


class Submit(Message, frozen=True):
    """The candidate hands in."""


class AskRecord(Message, frozen=True):
    """Asks what was recorded in the session that was last at this desk."""


class Leave(Message, frozen=True):
    """The candidate has read what was recorded; the desk is free."""


class RaiseFlag(Message, frozen=True):
    """A flag begins; its thumbnails so far are JPEGs of at most 12 kB each."""

    session: str
    flag: Flag
    thumbnails: tuple[Thumbnail, ...] = ()


class EndFlag(Message, frozen=True):
    """A flag that was raised has ended; these are its final thumbnails."""

    session: str
    flag: Flag
    thumbnails: tuple[Thumbnail, ...] = ()


class StoreSegment(Message, frozen=True):
    """A finished file in the incoming folder, not sealed yet, to be taken into custody."""

    session: str
    segment: Segment
    file: str


class ReportGap(Message, frozen=True):
    """A part noticed that it did not work for a while."""

    session: str
    part: Part
    from_ms: Count
    to_ms: Count
    reason: str


class ReportCameraEnd(Message, frozen=True):
    """The picture source gives no more frames."""

    session: str
    reason: str
    part: Part = Part.CAPTURE


class ReportEncoder(Message, frozen=True):
    """The recording is made with this encoder from now on. A report that says nothing new has no effect."""

    session: str
    encoder: str
    reason: str
    part: Part = Part.CAPTURE


class ReportReduction(Message, frozen=True):
    """The analysis leaves out more than before, or less. A report that says nothing new has no effect."""

    session: str
    reduced: AnalysisReduced


class PressCall(Message, frozen=True):
    """The candidate called an invigilator, by the button or on the screen."""


class MoveLid(Message, frozen=True):
    """The case was opened or closed."""

    open: bool


class Drained(Message, frozen=True):
    """After the exam's end: this part has handed over all it had. Custody seals when all have."""

    session: str
    part: Part
    summary: AnalysisSummary | None = None


class AskOutbox(Message, frozen=True):
    """Asks what the server has not confirmed yet."""


class AskLines(Message, frozen=True):
    """Asks for the lines after `after` of one session."""

    session: str
    after: Count
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 64


class TakeReceipt(Message, frozen=True):
    """Hands custody a receipt from the server."""

    receipt: Receipt


class TakeTime(Message, frozen=True):
    """The server's clock showed `utc_ms` when the desk's monotonic clock stood at `mono_ms` in that boot."""

    boot: str
    mono_ms: Count
    utc_ms: Count
    uncertainty_ms: Count


class TakeOrder(Message, frozen=True):
    """Hands custody an order. It checks, records and answers with an OrderOutcome."""

    order: Order


Request = (
    Hello
    | Alive
    | Goodbye
    | AskView
    | SignIn
    | Consent
    | FinishCheck
    | GivePhoto
    | MissPhoto
    | AskPhoto
    | Begin
    | AskPaper
    | SaveAnswer
    | Submit
    | AskRecord
    | Leave
    | RaiseFlag
    | EndFlag
    | StoreSegment
    | ReportGap
    | ReportCameraEnd
    | ReportEncoder
    | ReportReduction
    | PressCall
    | MoveLid
    | Drained
    | AskOutbox
    | AskLines
    | TakeReceipt
    | TakeTime
    | TakeOrder
)


# --- local: what custody answers -------------------------------------------------------------------


class View(Message, frozen=True):
    """The desk as it stands: published after every entry and once a second, newest wins.

    `zero_mono_ms` is the session's zero on the desk's monotonic clock: the recording and all flags count
    from it. It is set when the exam starts. `consented` tells the two steps of checking in apart.
    """

    desk: str
    prepared: bool
    walk_in: bool
    session: str | None = None
    state: State | None = None
    candidate: str | None = None
    exam_title: str | None = None
    questions: int | None = None
    consented: bool = False
    photo: PhotoStep = PhotoStep()
    zero_mono_ms: int | None = None
    left_ms: int | None = None
    reason: str = ""
    """Why it stands so: the pause's or the end's reason."""
    message: str = ""
    """The invigilator's last message to the candidate."""
    camera_ended: bool = False
    segment_numbers: dict[str, int] = {}
    """By camera, the highest number of a segment in the ledger: after a power cut capture counts on from it."""
    cameras: int = 1
    """How many cameras film the candidate at this desk."""
    head_seq: int = 0
    answered: int = 0
    called: bool = False
    absent: tuple[Part, ...] = ()
    disk: DiskTrouble | None = None
    """What is wrong with the desk's disk, from custody's memory."""
    clock_trusted: bool = True
    """False while the desk's time of day is known to be wrong and the server's is not known."""
    policy: Policy = Policy()


class Saved(Message, frozen=True):
    """Durable on disk as this entry."""

    seq: int


class Paper(Message, frozen=True):
    """The exam and, by question, the last saved value and revision."""

    exam: Exam
    answers: dict[str, tuple[Answer, int]]


class Record(Message, frozen=True):
    """What was recorded in a session, for the candidate's eyes."""

    session: str
    state: State
    answered: int
    questions: int
    flags: tuple[Flag, ...]
    gaps: int
    recorded_ms: int
    segments: int
    receipted: bool
    head_seq: int
    head_hash: str
    photo_taken: bool = False
    late_segments: int = 0
    """Segments that came after the seal: they lie beside the ledger and prove nothing by themselves."""


class CheckInPhoto(Message, frozen=True):
    """The session's check-in photo as JPEG; None where none was taken."""

    jpeg: bytes | None


class PendingSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A segment that the server has not confirmed. `file` is its path on the desk."""

    session: str
    sha256: str
    size: int
    file: str


class Pending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session whose entries after `receipted_seq` the server has not confirmed."""

    session: str
    head_seq: int
    receipted_seq: int


class Outbox(Message, frozen=True):
    """Everything the server has not confirmed."""

    sessions: tuple[Pending, ...]
    segments: tuple[PendingSegment, ...]


class Lines(Message, frozen=True):
    """Ledger lines in order."""

    session: str
    lines: tuple[Line, ...]


class Done(Message, frozen=True):
    """Taken note of; nothing more to say."""


class Denied(Message, frozen=True):
    """The rules do not allow it. `reason` is for people."""

    code: str
    reason: str


Reply = View | Saved | Paper | Record | CheckInPhoto | Outbox | Lines | OrderOutcome | Done | Denied


class FrameHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Comes before a frame's bytes: I420 planes, top to bottom, without padding."""

    number: int
    mono_ms: int
    width: int
    height: int


_encoder: Final = msgspec.json.Encoder()
_decoders: Final[dict[object, msgspec.json.Decoder[Any]]] = {}


def encode(message: Message | FrameHead) -> bytes:
    """A message as bytes."""
    return _encoder.encode(message)


def decode(data: bytes | memoryview, kind: object) -> Any:
    """A message of one of the types in the union `kind`. Raises WireError for anything else."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"Not a message of version {VERSION}: {error}") from error
