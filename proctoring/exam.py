"""An exam as the candidate sees it, and what counts as an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from proctoring.errors import BadExam, Refused

Answer = str | float | tuple[str, ...] | None
"""A choice's id, a number, several choices' ids, a text; None takes an answer back."""

Words = Annotated[str, Meta(min_length=1, max_length=2000)]
Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Choice(_Part, frozen=True):
    """One of a question's possible answers."""

    id: Id
    text: Words


class SingleChoice(_Part, frozen=True, tag_field="kind", tag="single"):
    """Exactly one choice is right to pick."""

    id: Id
    text: Words
    choices: Annotated[tuple[Choice, ...], Meta(min_length=2)]


class SeveralChoices(_Part, frozen=True, tag_field="kind", tag="several"):
    """Any number of choices may be picked."""

    id: Id
    text: Words
    choices: Annotated[tuple[Choice, ...], Meta(min_length=2)]


class NumberQuestion(_Part, frozen=True, tag_field="kind", tag="number"):
    """A number is asked for."""

    id: Id
    text: Words
    unit: str = ""


class TextQuestion(_Part, frozen=True, tag_field="kind", tag="text"):
    """A written answer."""

    id: Id
    text: Words
    max_length: Annotated[int, Meta(ge=1, le=20_000)] = 4000


Question = SingleChoice | SeveralChoices | NumberQuestion | TextQuestion


class Exam(_Part, frozen=True):
    """Questions to be answered within a time."""

    id: Id
    title: Words
    minutes: Annotated[float, Meta(gt=0, le=720)]
    questions: Annotated[tuple[Question, ...], Meta(min_length=1)]


class Booking(_Part, frozen=True):
    """A candidate in a sitting. `extra_minutes` is time granted in advance, for instance for a disability."""

    code: Annotated[str, Meta(pattern=r"^[A-Z0-9]{4,12}$")]
    candidate: Words
    exam: Id
    extra_minutes: Annotated[float, Meta(ge=0, le=720)] = 0


def load_exam(text: str) -> Exam:
    """An exam from TOML. Refuses what cannot be sat: unknown keys, no questions, two of the same id."""
    try:
        exam = msgspec.toml.decode(text, type=Exam)
    except msgspec.DecodeError as error:
        raise BadExam(f"This exam cannot be used: {error}. Correct that line and try again.") from error
    ids = [question.id for question in exam.questions]
    if len(set(ids)) < len(ids):
        raise BadExam("This exam cannot be used: two questions have the same id. Give each its own.")
    return exam


def check_answer(exam: Exam, question_id: str, value: Answer) -> None:
    """Raises Refused where `value` cannot be an answer to that question."""
    question = next((q for q in exam.questions if q.id == question_id), None)
    if question is None:
        raise Refused("unknown_question", f"This exam has no question {question_id!r}.")
    if value is not None and not _fits(question, value):
        raise Refused("bad_answer", f"That is no answer to question {question_id!r}.")


def answered(values: Iterable[Answer]) -> int:
    """How many questions have an answer that was not taken back, given the last value of each."""
    return sum(value not in (None, "", ()) for value in values)


def _fits(question: Question, value: Answer) -> bool:
    match question:
        case SingleChoice():
            return isinstance(value, str) and value in {choice.id for choice in question.choices}
        case SeveralChoices():
            ids = {choice.id for choice in question.choices}
            return isinstance(value, tuple) and len(set(value)) == len(value) and set(value) <= ids
        case NumberQuestion():
            return isinstance(value, float | int) and abs(value) < 1e300
        case TextQuestion():
            return isinstance(value, str) and len(value) <= question.max_length
