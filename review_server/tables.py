"""The tables. Ledger lines are the truth; the other rows about a session can be made from them again at any time."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, Enum, ForeignKey, Integer, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from proctoring.decision import Verdict
from proctoring.flag import FlagKind
from proctoring.session import Move, State


def _as_text(kind: type[StrEnum]) -> Enum:
    return Enum(kind, native_enum=False, length=32, values_callable=lambda members: [m.value for m in members])


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it from the class)
        str: Text(),
        # SQLite counts a primary key up only where its type is INTEGER, which holds 64 bits there.
        int: BigInteger().with_variant(Integer(), "sqlite"),
        State: _as_text(State),
        Move: _as_text(Move),
        Verdict: _as_text(Verdict),
        FlagKind: _as_text(FlagKind),
    }


class SessionRow(Base):
    """One session as it stands here."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    desk: Mapped[str]
    state: Mapped[State]
    """receiving and what follows; the desk's own state is `desk_state`."""
    desk_state: Mapped[State]
    candidate: Mapped[str]
    booking: Mapped[str | None]
    exam_title: Mapped[str]
    opened_utc_ms: Mapped[int]
    """By the desk's clock, put right by ours as soon as the desk has compared the two."""
    heard_utc_ms: Mapped[int]
    """When the last new line or segment of this session came, by our clock."""
    head_seq: Mapped[int]
    head_hash: Mapped[str]
    sealed: Mapped[bool]
    gaps: Mapped[int]
    dispute: Mapped[str | None]
    """Why this ledger can never count as verified again: the desk told two stories."""
    stuck: Mapped[str | None]
    """Why the desk's newest lines could not be taken; cleared by a line that follows."""


class LineRow(Base):
    """A ledger line, exactly as the desk wrote it."""

    __tablename__ = "lines"

    session: Mapped[str] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[str]
    text: Mapped[str]


class RivalRow(Base):
    """A line that claimed the place of another one. Kept beside it, never instead of it."""

    __tablename__ = "rivals"

    session: Mapped[str] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    hash: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    at_utc_ms: Mapped[int]


class FlagRow(Base):
    """A flag with its newest times and score."""

    __tablename__ = "flags"

    session: Mapped[str] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[FlagKind]
    label: Mapped[str | None]
    technical: Mapped[bool]
    started_ms: Mapped[int]
    ended_ms: Mapped[int | None]
    peak_score: Mapped[float]


class SegmentRow(Base):
    """A segment that a ledger names. Two segments of a dark camera may have the same bytes, hence the same hash."""

    __tablename__ = "segments"

    session: Mapped[str] = mapped_column(ForeignKey("sessions.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(index=True)
    started_ms: Mapped[int]
    ended_ms: Mapped[int]
    camera: Mapped[str]


class OutlineRow(Base):
    """What a stored segment holds, so that a recording can be laid out without opening its segments.

    Rows come and go freely: what is missing is made again from the segment, where a key here opens it.
    """

    __tablename__ = "outlines"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    outline: Mapped[bytes]
    """As `review_server.outline` writes it."""


class StoredRow(Base):
    """Bytes that are durable on our disk, whether a ledger names them yet or not."""

    __tablename__ = "stored"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    desk: Mapped[str]
    """Who brought them first."""
    at_utc_ms: Mapped[int]


class RemovedRow(Base):
    """Bytes that were stored and whose time was over. The session's ledger goes on naming them."""

    __tablename__ = "removed"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    session: Mapped[str] = mapped_column(ForeignKey("sessions.id"), index=True)
    size: Mapped[int]
    at_utc_ms: Mapped[int]
    gone: Mapped[bool] = mapped_column(index=True)
    """Whether the file is off the disk, durably."""


class HoldRow(Base):
    """A legal hold on a session, or the end of one; never edited. The newest about a session counts."""

    __tablename__ = "holds"

    number: Mapped[int] = mapped_column(primary_key=True)
    session: Mapped[str] = mapped_column(ForeignKey("sessions.id"), index=True)
    held: Mapped[bool]
    reason: Mapped[str]
    by: Mapped[str]
    at_utc_ms: Mapped[int]


class MoveRow(Base):
    """A move of a session at this server, or the refusal of one."""

    __tablename__ = "moves"

    number: Mapped[int] = mapped_column(primary_key=True)
    session: Mapped[str] = mapped_column(ForeignKey("sessions.id"), index=True)
    move: Mapped[Move]
    state: Mapped[State]
    """The state that the move led to, or was refused in."""
    by: Mapped[str]
    at_utc_ms: Mapped[int]
    reason: Mapped[str]
    refused: Mapped[bool]


class DecisionRow(Base):
    """A decision; never edited."""

    __tablename__ = "decisions"

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(unique=True)
    session: Mapped[str] = mapped_column(ForeignKey("sessions.id"), index=True)
    verdict: Mapped[Verdict]
    reason: Mapped[str]
    by: Mapped[str]
    at_utc_ms: Mapped[int]
    supersedes: Mapped[str | None]


class ExamRow(Base):
    """An exam, as JSON of proctoring.exam.Exam."""

    __tablename__ = "exams"

    id: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[str]


class SittingRow(Base):
    """An exam at a time in a room. `policy` is JSON of proctoring.policy.Policy."""

    __tablename__ = "sittings"

    id: Mapped[str] = mapped_column(primary_key=True)
    exam: Mapped[str] = mapped_column(ForeignKey("exams.id"))
    room: Mapped[str]
    policy: Mapped[str]
    walk_in: Mapped[bool]


class BookingRow(Base):
    """A candidate in a sitting."""

    __tablename__ = "bookings"

    code: Mapped[str] = mapped_column(primary_key=True)
    sitting: Mapped[str] = mapped_column(ForeignKey("sittings.id"))
    candidate: Mapped[str]
    extra_minutes: Mapped[float]


class OrderRow(Base):
    """An order that was given to a desk, and what became of it."""

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(primary_key=True)
    desk: Mapped[str]
    what: Mapped[str]
    desk_run: Mapped[int]
    issued_utc_ms: Mapped[int]
    expires_utc_ms: Mapped[int]
    result: Mapped[str | None]
    reason: Mapped[str]


class RunRow(Base):
    """A start of this server; its number goes with the notice that it is there."""

    __tablename__ = "runs"

    number: Mapped[int] = mapped_column(primary_key=True)
    at_utc_ms: Mapped[int]
