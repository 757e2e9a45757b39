"""What a person decided about a session. A decision is never edited: a later one supersedes it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from proctoring.errors import Refused
from proctoring.session import Move


class Verdict(StrEnum):
    """What a reviewer can decide."""

    APPROVE = "approve"
    DECLINE = "decline"
    SECOND_LOOK = "second_look"

    @property
    def move(self) -> Move:
        """The move that this verdict makes a session take."""
        return {
            Verdict.APPROVE: Move.APPROVE,
            Verdict.DECLINE: Move.DECLINE,
            Verdict.SECOND_LOOK: Move.ASK_SECOND_LOOK,
        }[self]


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One decision, with its reason and who took it."""

    id: str
    session: str
    verdict: Verdict
    reason: str
    by: str
    at_utc_ms: int
    supersedes: str | None = None


def standing(decisions: Sequence[Decision]) -> Decision | None:
    """The decision that holds: the one that no other supersedes."""
    superseded = {decision.supersedes for decision in decisions}
    return next((d for d in reversed(decisions) if d.id not in superseded), None)


def supersede(decisions: Sequence[Decision], new: Decision) -> Decision:
    """`new`, tied to the decision it supersedes. A decision without a reason is refused."""
    if not new.reason.strip():
        raise Refused("no_reason", "Give the reason for this decision: the candidate may ask for it.")
    if any(decision.id == new.id for decision in decisions):
        raise Refused("decided_already", "This decision is stored already.")
    held = standing(decisions)
    return msgspec.structs.replace(new, supersedes=held.id if held else None)
