"""The automatic candidate of the demo: walks through the kiosk's pages as a person would."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from appliance.kiosk_ui.pages import Page
from proctoring.errors import DeskproctorError
from proctoring.exam import Answer

PATIENCE_S: Final = 90.0
"""How long one page may stay that should go on by itself: admission by a person, sealing (15 s at the most)."""

LOOK_S: Final = 0.2
"""How often the candidate looks whether something has changed."""

WORDS: Final = "I look first whether anybody is in danger. Then I say what I am going to do, and do it."


class CandidateStuck(DeskproctorError, RuntimeError):
    """The pages did not go on."""


def not_taken(page: Page) -> CandidateStuck:
    """What to raise where a page comes back with an error."""
    return CandidateStuck(f"The kiosk did not take “{page.replace('_', ' ')}”. Look at its page and its log.")


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs in: with a booking code, or by name where no booking is needed."""

    code: str = ""
    name: str = ""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question as it stands on the page."""

    id: str
    kind: str
    choices: tuple[str, ...] = ()
    revision: int = 0


class Sat(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: the answers that were saved and the two numbers of the record."""

    answers: Mapping[str, Answer]
    session: str
    receipt: str


class Screen(Protocol):
    """The kiosk, as somebody in front of it can use it. Each step waits until the page has taken it."""

    name: str
    """What it is, for the report."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def open(self, url: str) -> None:
        """Opens the kiosk's address."""

    def page(self) -> Page:
        """The page that is shown now."""

    def press(self, fields: Mapping[str, str]) -> None:
        """Fills the page's one form in and sends it. Raises CandidateStuck where the page does not take it."""

    def questions(self) -> list[Asked]:
        """The questions of the exam page."""

    def answer(self, question: Asked, value: Answer) -> None:
        """Answers a question and waits until the page says that it is saved."""

    def numbers(self) -> tuple[str, str]:
        """Session and receipt on the record page."""


class Candidate:
    """Sits one exam at a screen. `pace_s` passes between two answers; `finishes` frees the desk at the end."""

    def __init__(self, screen: Screen, who: Who, pace_s: float = 1.5, finishes: bool = False) -> None:
        self._screen = screen
        self._who = who
        self._pace_s = pace_s
        self._finishes = finishes
        self._answers: dict[str, Answer] = {}

    def arrive(self, url: str) -> None:
        """Signs in and goes on until the questions are on the screen."""
        self._screen.open(url)
        if self._screen.page() is Page.RECORD:  # of whoever sat here before
            self._screen.press({})
            self._wait_beyond(Page.RECORD)
        while (page := self._screen.page()) not in (Page.EXAM, Page.RECORD):
            self._pass(page, until=lambda: False)

    def sit(self, url: str, until: Callable[[], bool]) -> Sat:
        """Signs in, answers, hands in once `until()` says so, and reads the record."""
        self.arrive(url)
        while (page := self._screen.page()) is not Page.RECORD:
            self._pass(page, until)
        session, receipt = self._screen.numbers()
        if self._finishes:
            self._screen.press({})
        return Sat(answers=self._answers, session=session, receipt=receipt)

    def _pass(self, page: Page, until: Callable[[], bool]) -> None:
        """Does what the page asks for and sees another page come."""
        match page:
            case Page.SIGN_IN:
                self._screen.press({"code": self._who.code} if self._who.code else {"name": self._who.name})
            case Page.NOTICE:
                self._screen.press({"agree": "yes"})
            case Page.CAMERA | Page.READY:
                self._screen.press({})
            case Page.EXAM:
                self._exam(until)
                return
            case _:
                pass
        self._wait_beyond(page)

    def _exam(self, until: Callable[[], bool]) -> None:
        """Answers what is not answered yet and hands in once it is time, unless another page comes in between."""
        for question in self._screen.questions():
            if question.id in self._answers:
                continue
            if self._pause(until):
                return
            self._answers[question.id] = value = answer_to(question)
            self._screen.answer(question, value)
        while not until():
            if self._screen.page() is not Page.EXAM:
                return
            time.sleep(LOOK_S)
        if self._screen.page() is Page.EXAM:
            self._screen.press({})

    def _pause(self, until: Callable[[], bool]) -> bool:
        """Thinks for a while; says whether another page has come meanwhile."""
        thought_s = time.monotonic() + self._pace_s
        while time.monotonic() < thought_s and not until():
            time.sleep(min(LOOK_S, self._pace_s))
        return self._screen.page() is not Page.EXAM

    def _wait_beyond(self, page: Page) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while self._screen.page() is page:
            if time.monotonic() > until_s:
                raise CandidateStuck(f"The kiosk stays at “{page.replace('_', ' ')}”. Look at its log and its page.")
            time.sleep(LOOK_S)


def answer_to(question: Asked) -> Answer:
    """A sensible answer to a question of any kind."""
    match question.kind:
        case "single":
            return question.choices[0]
        case "several":
            return question.choices[:2]
        case "number":
            return 42.0
        case _:
            return WORDS
