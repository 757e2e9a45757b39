"""The exam as the page shows it: each question with what is saved."""

from __future__ import annotations

from typing import Any

import msgspec

from proctoring.exam import Answer
from proctoring.wire import Paper


def sheet(paper: Paper) -> list[dict[str, Any]]:
    """The questions in order, each with its kind, its saved value and the value's revision (0: never answered)."""
    return [
        {**msgspec.to_builtins(question), "value": value, "revision": revision}
        for question in paper.exam.questions
        for value, revision in [paper.answers.get(question.id, (None, 0))]
    ]


def typed_number(value: Answer) -> str:
    """A saved number as somebody would type it."""
    if not isinstance(value, float):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
