"""All that is known of a session, read in one transaction, and the one line of it that a list shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from proctoring import ledger
from proctoring.cameras import in_order, second_camera
from proctoring.decision import Decision, standing
from proctoring.fact import Fact, Gap, SessionOpened
from proctoring.flag import Flag
from proctoring.ledger import Entry, Line
from review_server.film import Piece
from review_server.holds import answer, holds_of
from review_server.pictures import in_fact
from review_server.retention import Kept, kept, removed_of
from review_server.reviews import decisions_of
from review_server.segments import SegmentFiles
from review_server.standing import read_chain, stored_and_missing, why_not_verified
from review_server.tables import FlagRow, HoldRow, LineRow, MoveRow, RemovedRow, SegmentRow, SessionRow, StoredRow
from review_server.timeline import Timeline, draw

LIST_LENGTH: Final = 500


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """What a session's page is made from."""

    row: SessionRow
    unverified: str | None
    """Why the ledger should not be relied on, or None where all of it verifies."""
    timeline: Timeline
    stored: tuple[str, ...]
    missing: tuple[str, ...]
    recipients: tuple[str, ...]
    """The public keys that the ledger says its recording is sealed to; none where it was stored before sealing."""
    decisions: tuple[Decision, ...]
    moves: tuple[MoveRow, ...]
    kept: Kept
    holds: tuple[Held, ...]
    removed: tuple[RemovedRow, ...]
    """What was deleted of the recording when its time was over."""

    @property
    def decision(self) -> Decision | None:
        """The decision that holds."""
        return standing(self.decisions)


class Held(msgspec.Struct, frozen=True):
    """A word about a legal hold, and what its desk answered: None while it has not heard."""

    row: HoldRow
    answer: str | None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A session in the list."""

    row: SessionRow
    flags: int
    technical: int
    decision: Decision | None

    @property
    def verified(self) -> bool:
        """As of the last line that came; the session's page checks the stored lines again."""
        return self.row.dispute is None and self.row.stuck is None


def read(tx: Session, session: str) -> Dossier | None:
    """The dossier of a session, its ledger checked now; None where there is no such session."""
    row = tx.get(SessionRow, session)
    if row is None:
        return None
    chain = read_chain(tx, row)
    stored, missing = stored_and_missing(tx, session)
    moves = tx.scalars(select(MoveRow).where(MoveRow.session == session).order_by(MoveRow.number))
    return Dossier(
        row=row,
        unverified=why_not_verified(row, chain),
        timeline=draw(chain.entries),
        stored=stored,
        missing=missing,
        recipients=recipients_of(chain.entries),
        decisions=tuple(decisions_of(tx, session)),
        moves=tuple(moves),
        kept=kept(tx, row),
        holds=tuple(Held(hold, answer(tx, hold)) for hold in holds_of(tx, session)),
        removed=tuple(removed_of(tx, session)),
    )


def recipients_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Whom a session's segments are sealed to, as its first entry says."""
    opened = entries[0].fact if entries else None
    return opened.recipients if isinstance(opened, SessionOpened) else ()


def read_list(tx: Session) -> list[Listed]:
    """The newest sessions first."""
    rows = tx.scalars(select(SessionRow).order_by(SessionRow.opened_utc_ms.desc()).limit(LIST_LENGTH)).all()
    counts: dict[tuple[str, bool], int] = {
        (session, technical): count
        for session, technical, count in tx.execute(
            select(FlagRow.session, FlagRow.technical, func.count()).group_by(FlagRow.session, FlagRow.technical)
        )
    }
    return [
        Listed(
            row=row,
            flags=counts.get((row.id, False), 0),
            technical=counts.get((row.id, True), 0),
            decision=standing(decisions_of(tx, row.id)),
        )
        for row in rows
    ]


def read_cameras(tx: Session, session: str) -> list[str]:
    """The cameras that filmed a session, the one that faces the candidate in front."""
    first = func.min(SegmentRow.seq)
    named = select(SegmentRow.camera).where(SegmentRow.session == session).group_by(SegmentRow.camera)
    return list(in_order(tx.scalars(named.order_by(first)), second_camera(_opening(tx, session))))


def _opening(tx: Session, session: str) -> list[Fact]:
    line = tx.get(LineRow, (session, 1))
    return [ledger.read(Line(line.text, line.hash)).fact] if line else []


def read_pieces(tx: Session, session: str, files: SegmentFiles, camera: str) -> tuple[Piece, ...]:
    """The segments of a session's camera that are here, in the order of their times."""
    rows = tx.execute(
        select(SegmentRow.sha256, SegmentRow.started_ms, SegmentRow.ended_ms)
        .join(StoredRow, StoredRow.sha256 == SegmentRow.sha256)
        .where(SegmentRow.session == session, SegmentRow.camera == camera)
        .order_by(SegmentRow.started_ms, SegmentRow.seq)
    )
    return tuple(Piece(name, started, files.path(name), ended) for name, started, ended in rows)


def read_picture(tx: Session, session: str, seq: int, place: int) -> bytes | None:
    """One of the pictures in an entry of the ledger, or None where there is none."""
    line = tx.get(LineRow, (session, seq))
    fact = ledger.read(Line(line.text, line.hash)).fact if line else None
    held = in_fact(fact) if fact else ()
    return held[place] if place < len(held) else None


def as_json(dossier: Dossier) -> dict[str, Any]:
    """The dossier for programs."""
    row = dossier.row
    return {
        "session": row.id,
        "desk": row.desk,
        "candidate": row.candidate,
        "state": row.state,
        "desk_state": row.desk_state,
        "ledger_verified": dossier.unverified is None,
        "ledger_reason": dossier.unverified,
        "entries": row.head_seq,
        "head_hash": row.head_hash,
        "segments": {"stored": dossier.stored, "missing": dossier.missing},
        "recipients": dossier.recipients,
        "flags": [_flag_json(flag) for flag in dossier.timeline.flags],
        "gaps": [_gap_json(gap) for gap in dossier.timeline.gaps],
        "answered": dossier.timeline.answered,
        "clock": dossier.timeline.clock,
        "kept": msgspec.to_builtins(dossier.kept),
        "removed": len(dossier.removed),
        "decision": _decision_json(dossier.decision),
    }


def list_as_json(sessions: Sequence[Listed]) -> list[dict[str, Any]]:
    """The list for programs."""
    return [
        {
            "session": one.row.id,
            "desk": one.row.desk,
            "candidate": one.row.candidate,
            "exam": one.row.exam_title,
            "opened_utc_ms": one.row.opened_utc_ms,
            "state": one.row.state,
            "ledger_verified": one.verified,
            "entries": one.row.head_seq,
            "flags": one.flags,
            "technical": one.technical,
            "gaps": one.row.gaps,
            "decision": _decision_json(one.decision),
        }
        for one in sessions
    ]


def _flag_json(flag: Flag) -> dict[str, Any]:
    return {
        "kind": flag.kind,
        "label": flag.label,
        "technical": flag.technical,
        "start_s": flag.started_ms / 1000,
        "end_s": None if flag.ended_ms is None else flag.ended_ms / 1000,
        "peak_score": flag.peak_score,
    }


def _gap_json(gap: Gap) -> dict[str, Any]:
    return {"part": gap.part, "from_s": gap.from_ms / 1000, "to_s": gap.to_ms / 1000, "reason": gap.reason}


def _decision_json(decision: Decision | None) -> dict[str, Any] | None:
    return None if decision is None else msgspec.to_builtins(decision)
