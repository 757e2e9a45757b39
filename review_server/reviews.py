"""What reviewers do with a session: open it, decide, note an appeal. Each is a move of the one table, or refused."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from proctoring import decision
from proctoring.decision import Decision, Verdict
from proctoring.errors import Refused
from proctoring.session import TABLE, Move, State
from review_server.standing import move, record_refusal
from review_server.store import Store
from review_server.tables import DecisionRow, SessionRow
from web.clock import Clock

Work = Callable[[Session, SessionRow], None]


def may(state: State, step: Move) -> bool:
    """Whether the table has this move from this state."""
    return (state, step) in TABLE


def may_decide(state: State) -> bool:
    """Whether a verdict can be given now; the review is opened on the way where it is not open yet."""
    return state is State.IN_REVIEW or may(state, Move.OPEN_REVIEW)


def decisions_of(tx: Session, session: str) -> list[Decision]:
    """All decisions about a session, oldest first."""
    rows = tx.scalars(select(DecisionRow).where(DecisionRow.session == session).order_by(DecisionRow.number))
    return [_decision(row) for row in rows]


class Reviews:
    """Carries out what a reviewer asks for. All raise Refused, and record that they did, where it cannot be."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def begin(self, session: str, by: str) -> None:
        """Opens a session for review."""
        self._attempt(session, Move.OPEN_REVIEW, by, lambda tx, row: self._move(tx, row, Move.OPEN_REVIEW, by))

    def appeal(self, session: str, by: str, reason: str) -> None:
        """Notes that the candidate appeals, and why."""
        if not reason.strip():
            raise Refused("no_reason", "Say what the candidate appeals against.")
        self._attempt(session, Move.APPEAL, by, lambda tx, row: self._move(tx, row, Move.APPEAL, by, reason))

    def decide(self, session: str, id: str, verdict: Verdict, reason: str, by: str) -> None:
        """Takes a decision; sent twice with the same id, it is taken once."""
        new = Decision(
            id=id,
            session=session,
            verdict=verdict,
            reason=reason.strip(),
            by=by,
            at_utc_ms=self._clock.utc_ms(),
        )
        self._attempt(session, verdict.move, by, lambda tx, row: self._decide(tx, row, new))

    def _decide(self, tx: Session, row: SessionRow, new: Decision) -> None:
        held = decisions_of(tx, row.id)
        if any(one.id == new.id for one in held):
            return
        new = decision.supersede(held, new)
        if may(row.state, Move.OPEN_REVIEW):
            self._move(tx, row, Move.OPEN_REVIEW, new.by)
        self._move(tx, row, new.verdict.move, new.by)
        tx.add(_row(new))

    def _move(self, tx: Session, row: SessionRow, step: Move, by: str, reason: str = "") -> None:
        move(tx, row, step, by, self._clock.utc_ms(), reason)

    def _attempt(self, session: str, step: Move, by: str, work: Work) -> None:
        try:
            with self._store.write() as tx:
                work(tx, _existing(tx, session))
        except Refused as refused:
            if refused.code == "move_not_allowed":
                with self._store.write() as tx:
                    record_refusal(tx, _existing(tx, session), step, by, self._clock.utc_ms(), refused)
            raise


def _existing(tx: Session, session: str) -> SessionRow:
    row = tx.get(SessionRow, session)
    if row is None:
        raise Refused("unknown_session", f"There is no session {session!r} here.")
    return row


def _decision(row: DecisionRow) -> Decision:
    return Decision(
        id=row.id,
        session=row.session,
        verdict=row.verdict,
        reason=row.reason,
        by=row.by,
        at_utc_ms=row.at_utc_ms,
        supersedes=row.supersedes,
    )


def _row(one: Decision) -> DecisionRow:
    return DecisionRow(
        id=one.id,
        session=one.session,
        verdict=one.verdict,
        reason=one.reason,
        by=one.by,
        at_utc_ms=one.at_utc_ms,
        supersedes=one.supersedes,
    )
