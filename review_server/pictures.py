"""The pictures in a ledger: those of its flags, and the check-in photo. Each is named by its entry and its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from proctoring.check_in import Photo, no_photo
from proctoring.fact import CheckInPhoto, Fact, FlagEnded, FlagRaised, NoCheckInPhoto
from proctoring.flag import Moment
from proctoring.ledger import Entry

MOMENTS: Final = {Moment.ONSET: "First look", Moment.PEAK: "Highest score", Moment.NEWEST: "Last look"}


class FlagPicture(msgspec.Struct, frozen=True):
    """One picture of a flag."""

    seq: int
    place: int
    words: str
    at_ms: int
    score: float


class CheckIn(msgspec.Struct, frozen=True):
    """What came of the check-in photo; without one `photo` is None and `missing` says why."""

    seq: int
    photo: Photo | None
    missing: str = ""


def in_fact(fact: Fact) -> tuple[bytes, ...]:
    """The JPEGs that a fact holds, in their order."""
    match fact:
        case FlagRaised() | FlagEnded():
            return tuple(one.jpeg for one in fact.pictures)
        case CheckInPhoto(photo=photo):
            return (photo.jpeg,)
    return ()


def of_flags(entries: Iterable[Entry]) -> dict[str, tuple[FlagPicture, ...]]:
    """By flag the newest set of pictures: its end has the final ones, where it has any."""
    found: dict[str, tuple[FlagPicture, ...]] = {}
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, FlagRaised | FlagEnded) and fact.pictures:
            found[fact.flag.id] = tuple(
                FlagPicture(entry.seq, place, MOMENTS[one.moment], one.at_ms, one.score)
                for place, one in enumerate(fact.pictures)
            )
    return found


def check_in(entries: Iterable[Entry]) -> CheckIn | None:
    """The check-in photo; None in a session where faces are not compared, or that is older than such photos."""
    found = None
    for entry in entries:
        match entry.fact:
            case CheckInPhoto(photo=photo):
                found = CheckIn(entry.seq, photo)
            case NoCheckInPhoto() as fact:
                found = CheckIn(entry.seq, None, told(fact))
    return found


def told(fact: CheckInPhoto | NoCheckInPhoto) -> str:
    """One sentence."""
    if isinstance(fact, CheckInPhoto):
        return "The check-in photo was taken."
    return no_photo(fact.fault, fact.attempts)
