"""Plain words for what the desks report. A flag is a suspicion: the words say what was seen, never what it means."""

from __future__ import annotations

from typing import Final

from proctoring.fact import DiskTrouble, Part
from proctoring.flag import FlagKind
from proctoring.session import State
from proctoring.session import words as spaced

FLAG: Final[dict[FlagKind, str]] = {
    FlagKind.FACE_ABSENT: "No face in view",
    FlagKind.SEVERAL_FACES: "More than one face",
    FlagKind.SECOND_PERSON: "A second person",
    FlagKind.PROHIBITED_OBJECT: "Object that is not allowed",
    FlagKind.CAMERA_COVERED: "Camera covered",
    FlagKind.DIFFERENT_PERSON: "A face unlike the one at check-in",
    FlagKind.LOOKING_AWAY: "Looking away",
    FlagKind.TALKING: "Seems to be talking",
    FlagKind.LEFT_SEAT: "Seems to have left the seat",
    FlagKind.FACE_HIDDEN: "Something covers the face",
    FlagKind.CAMERA_MOVED: "Camera moved",
    FlagKind.CAMERA_FROZEN: "Picture stands still",
    FlagKind.TOO_DARK: "Too dark to see",
    FlagKind.TOO_BRIGHT: "Too bright to see",
    FlagKind.BLURRED: "Picture not sharp",
    FlagKind.ANALYSIS_ABSENT: "Detectors not working",
}

STATE: Final[dict[State, str]] = {
    State.BOOKED: "Booked",
    State.CHECKING_IN: "Checking in",
    State.AWAITING_ADMISSION: "Waiting to be admitted",
    State.READY: "Admitted, not started yet",
    State.RUNNING: "Exam running",
    State.PAUSED: "Paused",
    State.INTERRUPTED: "Interrupted",
    State.SUBMITTED: "Handed in",
    State.TERMINATED: "Ended by staff",
    State.SEALED: "Finished and sealed",
}

PART: Final[dict[Part, str]] = {
    Part.CUSTODY: "record keeping",
    Part.CAPTURE: "camera recording",
    Part.CAPTURE_SECOND: "second camera's recording",
    Part.EDGE_AI: "picture analysis",
    Part.KIOSK_UI: "exam screen",
    Part.SYNC: "network link",
    Part.PANEL: "lamp and call button",
}

DISK: Final[dict[DiskTrouble, str]] = {
    DiskTrouble.FULL: "The desk's disk is nearly full. Answers are saved; recordings wait",
    DiskTrouble.FAILS: "The desk's disk takes nothing. Answers stay on the candidate's screen until it does",
}


def flag(kind: FlagKind, label: str | None) -> str:
    """What a flag saw: `Object that is not allowed: cell phone`."""
    return f"{FLAG[kind]}: {label}" if label else FLAG[kind]


def state(state: State | None) -> str:
    """How a session stands; None is a desk that nobody sits at."""
    if state is None:
        return "Free"
    return STATE.get(state) or spaced(state).capitalize()
