"""A custody for tests of the other processes: it writes down what it is asked and answers as told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from appliance.runtime.custody_link import expect
from proctoring.wire import CheckInPhoto, Done, Message, Saved, View

R = TypeVar("R", bound=Message)


class SimulatedCustody:
    """Answers by request type with a message or a function of the request; Done, Saved and View unasked."""

    def __init__(self, view: View | None = None) -> None:
        self.asked: list[Message] = []
        self.answers: dict[type[Message], Message | Callable[[Message], Message]] = {}
        self.current = view or View(desk="desk-1", prepared=True, walk_in=True)
        self._news: View | None = self.current

    def show(self, view: View) -> None:
        """Publishes a View."""
        self.current = self._news = view

    def ask(self, request: Message, answer: type[R], patience_s: float = 5.0) -> R:
        """See Custody. An answer that is an exception is raised."""
        del patience_s
        self.asked.append(request)
        given = self.answers.get(type(request), self._default(answer))
        return expect(given(request) if callable(given) else given, answer)

    def view(self, timeout_ms: int = 0) -> View | None:
        """See Custody."""
        del timeout_ms
        news, self._news = self._news, None
        return news

    def asked_for(self, kind: type[R]) -> list[R]:
        """The requests of one type so far."""
        return [request for request in self.asked if isinstance(request, kind)]

    def _default(self, answer: type[Message]) -> Message:
        if answer is Saved:
            return Saved(seq=len(self.asked))
        if answer is CheckInPhoto:
            return CheckInPhoto(jpeg=None)
        return self.current if answer is View else Done()
