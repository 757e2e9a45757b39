"""What a check of evidence came upon, one line each."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How much a finding weighs."""

    FAULT = "fault"
    """Something is not what it was: altered, lost, or not whose it says."""
    NOTE = "note"
    """Worth knowing and in order: a gap with its reason, a part that was left out on purpose."""


class Finding(msgspec.Struct, frozen=True):
    """`about` is a file, an entry or a session; the text says what there is to say, and what to do where one can."""

    level: Level
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.level:5}  {one_line(self.about)}: {one_line(self.text)}"


def one_line(text: str) -> str:
    """The text without anything that could move a cursor or begin a line: evidence may be written by a forger."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def fault(about: str, text: str) -> Finding:
    """A finding that spoils the evidence."""
    return Finding(Level.FAULT, about, text)


def note(about: str, text: str) -> Finding:
    """A finding that does not."""
    return Finding(Level.NOTE, about, text)


def has_fault(findings: Iterable[Finding]) -> bool:
    """Whether any of them spoils the evidence."""
    return any(finding.level is Level.FAULT for finding in findings)
