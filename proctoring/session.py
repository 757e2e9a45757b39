"""A session: one candidate's attempt at one desk, and the one table of moves it may make.

The same table serves the desk (booked … sealed) and the review server (receiving … appealed), so that a state's
name means one thing everywhere. Times are milliseconds on the caller's monotonic clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from proctoring.errors import Refused


class State(StrEnum):
    """Where a session stands."""

    BOOKED = "booked"
    CHECKING_IN = "checking_in"
    AWAITING_ADMISSION = "awaiting_admission"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    SUBMITTED = "submitted"
    TERMINATED = "terminated"
    SEALED = "sealed"

    RECEIVING = "receiving"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    DECLINED = "declined"
    SECOND_REVIEW = "second_review"
    APPEALED = "appealed"


class Move(StrEnum):
    """What can happen to a session."""

    SIGN_IN = "sign_in"
    PASS_CHECK = "pass_check"  # noqa: S105 (a check that is passed)
    ADMIT = "admit"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    INTERRUPT = "interrupt"
    SUBMIT = "submit"
    TERMINATE = "terminate"
    SEAL = "seal"

    COMPLETE = "complete"
    GIVE_UP_WAITING = "give_up_waiting"
    OPEN_REVIEW = "open_review"
    APPROVE = "approve"
    DECLINE = "decline"
    ASK_SECOND_LOOK = "ask_second_look"
    APPEAL = "appeal"


S, M = State, Move

TABLE: Final[dict[tuple[State, Move], State]] = {
    # At the desk. A person may end a session at any point before it is submitted: a candidate who walks
    # away during check-in, or whose desk never comes back, must not block the desk.
    (S.BOOKED, M.SIGN_IN): S.CHECKING_IN,
    (S.CHECKING_IN, M.PASS_CHECK): S.AWAITING_ADMISSION,
    (S.CHECKING_IN, M.TERMINATE): S.TERMINATED,
    (S.AWAITING_ADMISSION, M.ADMIT): S.READY,
    (S.AWAITING_ADMISSION, M.TERMINATE): S.TERMINATED,
    (S.READY, M.START): S.RUNNING,
    (S.READY, M.TERMINATE): S.TERMINATED,
    (S.RUNNING, M.PAUSE): S.PAUSED,
    (S.RUNNING, M.INTERRUPT): S.INTERRUPTED,
    (S.RUNNING, M.SUBMIT): S.SUBMITTED,
    (S.RUNNING, M.TERMINATE): S.TERMINATED,
    (S.PAUSED, M.RESUME): S.RUNNING,
    (S.PAUSED, M.INTERRUPT): S.INTERRUPTED,
    (S.PAUSED, M.TERMINATE): S.TERMINATED,
    (S.INTERRUPTED, M.RESUME): S.RUNNING,
    (S.INTERRUPTED, M.TERMINATE): S.TERMINATED,
    (S.SUBMITTED, M.SEAL): S.SEALED,
    (S.TERMINATED, M.SEAL): S.SEALED,
    # At the review server.
    (S.RECEIVING, M.COMPLETE): S.COMPLETE,
    (S.RECEIVING, M.GIVE_UP_WAITING): S.INCOMPLETE,
    (S.INCOMPLETE, M.COMPLETE): S.COMPLETE,
    (S.INCOMPLETE, M.OPEN_REVIEW): S.IN_REVIEW,
    (S.COMPLETE, M.OPEN_REVIEW): S.IN_REVIEW,
    (S.IN_REVIEW, M.APPROVE): S.APPROVED,
    (S.IN_REVIEW, M.DECLINE): S.DECLINED,
    (S.IN_REVIEW, M.ASK_SECOND_LOOK): S.SECOND_REVIEW,
    (S.SECOND_REVIEW, M.OPEN_REVIEW): S.IN_REVIEW,
    (S.APPROVED, M.APPEAL): S.APPEALED,
    (S.DECLINED, M.APPEAL): S.APPEALED,
    (S.APPEALED, M.OPEN_REVIEW): S.IN_REVIEW,
}

ACTIVE: Final = frozenset({S.RUNNING, S.PAUSED, S.INTERRUPTED})
"""States in which an exam has begun and has not ended: the recording belongs to them."""

ENDED: Final = frozenset({S.SUBMITTED, S.TERMINATED})
"""The exam is over and the parts still hand over what they hold; next comes the seal."""

OPEN: Final = frozenset({S.CHECKING_IN, S.AWAITING_ADMISSION, S.READY}) | ACTIVE
"""States in which a candidate occupies the desk."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate's attempt at one desk, with its exam clock."""

    id: str
    desk: str
    state: State = State.BOOKED
    allowed_ms: int = 0
    """Exam time granted, extensions included."""
    spent_ms: int = 0
    """Exam time used up to the last move that stopped the exam clock."""
    running_since_ms: int | None = None
    """When the exam clock was last started; None while it stands."""


def target(state: State, move: Move) -> State:
    """The state that `move` leads to. Raises Refused where the table has no such move."""
    try:
        return TABLE[state, move]
    except KeyError:
        reason = f"A session that is {words(state)} cannot {words(move)}."
        raise Refused("move_not_allowed", reason) from None


def words(name: str) -> str:
    """A state's or move's name as it reads in a sentence."""
    return name.replace("_", " ")


def advance(session: Session, move: Move, at_ms: int) -> Session:
    """The session after `move` at `at_ms`. The exam clock runs exactly while the state is running."""
    state = target(session.state, move)
    spent_ms = spent(session, at_ms)
    since = at_ms if state is State.RUNNING else None
    return msgspec.structs.replace(session, state=state, spent_ms=spent_ms, running_since_ms=since)


def extend(session: Session, extra_ms: int) -> Session:
    """The session with more exam time. Refused once the exam has ended, or for less than no time."""
    if extra_ms <= 0:
        raise Refused("bad_extension", "An extension must add time.")
    if session.state not in OPEN:
        raise Refused("move_not_allowed", f"A session that is {words(session.state)} cannot be extended.")
    return msgspec.structs.replace(session, allowed_ms=session.allowed_ms + extra_ms)


def spent(session: Session, at_ms: int) -> int:
    """Exam time used up to `at_ms`. A clock that went back counts as no time, never as time given back."""
    if session.running_since_ms is None:
        return session.spent_ms
    return session.spent_ms + max(0, at_ms - session.running_since_ms)


def left(session: Session, at_ms: int) -> int:
    """Exam time left at `at_ms`, never below zero."""
    return max(0, session.allowed_ms - spent(session, at_ms))
