"""Which cameras filmed a session: one that faces the candidate, and at some desks a second one."""

from __future__ import annotations

from collections.abc import Iterable

from proctoring.fact import Fact, Part, SegmentStored, SessionOpened
from proctoring.session import words


def second_camera(facts: Iterable[Fact]) -> str:
    """The second camera's name; empty where the session has one camera."""
    return next((fact.second_camera for fact in facts if isinstance(fact, SessionOpened)), "")


def in_order(cameras: Iterable[str], second: str) -> tuple[str, ...]:
    """Each camera once, as they are given, but the second one last: whichever of two was stored first is chance."""
    return tuple(sorted(dict.fromkeys(cameras), key=lambda camera: camera == second))


def cameras_of(facts: Iterable[Fact]) -> tuple[str, ...]:
    """The cameras that filmed a session, the one that faces the candidate first."""
    known = tuple(facts)
    stored = (fact.segment.camera for fact in known if isinstance(fact, SegmentStored))
    return in_order(stored, second_camera(known))


def recorder(camera: str, second: str) -> Part:
    """The part of the desk that films with a camera: in its name the gaps of that recording are told."""
    return Part.CAPTURE_SECOND if second and camera == second else Part.CAPTURE


def part_words(part: Part) -> str:
    """A part of the desk in plain words."""
    return "capture of the second camera" if part is Part.CAPTURE_SECOND else words(part)
