"""What the lamp shows for how the desk stands. Pure.

The lamp never shows a flag: a suspicion is for the invigilator's screen, not for the room. While an exam runs nothing
blinks unless somebody is needed. No light flashes more than three times a second (WCAG 2.2, 2.3.1), and no two
signals differ by colour alone: the three lights have their places, and rhythms differ.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from proctoring.fact import Part
from proctoring.session import ACTIVE, State
from proctoring.wire import View


class Colour(StrEnum):
    """The lights from top to bottom."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"


class Signal(msgspec.Struct, frozen=True):
    """Lights that are lit for `on_ms` and dark for `off_ms`, over and over; steady where `off_ms` is 0."""

    lights: frozenset[Colour]
    on_ms: int
    off_ms: int
    meaning: str


RED: Final = frozenset({Colour.RED})
AMBER: Final = frozenset({Colour.AMBER})
GREEN: Final = frozenset({Colour.GREEN})
DARK: Final[frozenset[Colour]] = frozenset()

STEADY, SLOW, QUICK, WINK = (1000, 0), (1000, 1000), (250, 250), (250, 2750)
"""Rhythms: (lit, dark) in ms."""

UNKNOWN: Final = Signal(RED, *STEADY, "The panel does not know how the desk stands.")
CALLED: Final = Signal(AMBER, *QUICK, "The candidate calls.")
PROBLEM: Final = Signal(RED, *QUICK, "A part of the desk that the exam needs is down.")
UNPREPARED: Final = Signal(RED, *WINK, "No exam can be sat here yet.")
FREE: Final = Signal(GREEN, *WINK, "The desk is free.")
ENDING: Final = Signal(AMBER | GREEN, *SLOW, "The exam is over; the desk still puts the recording away.")

BY_STATE: Final[dict[State, Signal]] = {
    State.BOOKED: FREE,
    State.CHECKING_IN: Signal(AMBER, *SLOW, "A candidate is checking in."),
    State.AWAITING_ADMISSION: Signal(AMBER, *STEADY, "A candidate waits to be let in."),
    State.READY: Signal(GREEN, *SLOW, "The candidate may begin."),
    State.RUNNING: Signal(GREEN, *STEADY, "An exam is running."),
    State.PAUSED: Signal(AMBER | GREEN, *STEADY, "The exam is paused."),
    State.INTERRUPTED: Signal(RED, *SLOW, "The exam was interrupted and is not running."),
    State.SUBMITTED: ENDING,
    State.TERMINATED: ENDING,
    State.SEALED: Signal(AMBER, *WINK, "The exam is over and put away; the candidate may leave."),
}
"""Every state that a session can have at a desk."""

NEEDED: Final = frozenset({Part.CAPTURE, Part.CAPTURE_SECOND, Part.KIOSK_UI})
"""Parts without which an exam cannot be sat or is not recorded. It goes on without detectors and network."""


def signal(view: View | None) -> Signal:
    """What the lamp shows; `view` is None where nobody told how the desk stands."""
    if view is None:
        return UNKNOWN
    if view.called:
        return CALLED
    if not NEEDED.isdisjoint(view.absent) or (view.camera_ended and view.state in ACTIVE):
        return PROBLEM
    if view.state is None:
        return FREE if view.prepared else UNPREPARED
    return BY_STATE.get(view.state, UNKNOWN)


def lit(shown: Signal, at_ms: int) -> frozenset[Colour]:
    """The lights that are on at a time of the clock."""
    return shown.lights if at_ms % (shown.on_ms + shown.off_ms) < shown.on_ms else DARK
