"""How every other process reaches custody: requests with answers, and the newest View."""

from __future__ import annotations

from typing import Protocol, TypeVar

from appliance.runtime.clock import Clock, SystemClock
from appliance.runtime.settings import Desk
from appliance.runtime.sockets import Asker, Listener
from proctoring import wire
from proctoring.errors import DeskproctorError, Refused, WireError
from proctoring.wire import Denied, Message, View

R = TypeVar("R", bound=Message)

STORAGE = "storage"
"""The code of a denial that is the disk's fault: nothing is wrong with the request, so hold it and ask again."""


class CustodyAway(DeskproctorError, ConnectionError):
    """Custody does not answer. Hold what you have and ask again."""


class DiskFails(CustodyAway):
    """Custody answers, but its disk does not take what it should keep. Hold it and ask again."""


class Custody(Protocol):
    """The authority over the session, as the other processes see it."""

    def ask(self, request: Message, answer: type[R], patience_s: float = 5.0) -> R:
        """Custody's answer. Raises Refused where the rules say no, CustodyAway where nobody answers in time.

        A request may be repeated within `patience_s`: custody gives the same one effect once.
        """

    def view(self, timeout_ms: int = 0) -> View | None:
        """The newest View not seen yet, waiting up to `timeout_ms`; None where there is nothing new."""


class CustodyLink:
    """Custody over the desk's local sockets. One thread only: give each thread its own."""

    TRY_MS = 500

    def __init__(self, desk: Desk, clock: Clock | None = None) -> None:
        self._asker = Asker(desk.socket("custody"))
        self._listener = Listener(desk.socket("view"))
        self._clock = clock or SystemClock()

    def ask(self, request: Message, answer: type[R], patience_s: float = 5.0) -> R:
        """See Custody."""
        data = wire.encode(request)
        until_ms = self._clock.mono_ms() + round(patience_s * 1000)
        while (left_ms := until_ms - self._clock.mono_ms()) > 0:
            reply = self._asker.ask(data, min(self.TRY_MS, left_ms))
            if reply is not None:
                return expect(wire.decode(reply, wire.Reply), answer)
        raise CustodyAway("The recorder of this desk does not answer. Wait a moment and try again.")

    def view(self, timeout_ms: int = 0) -> View | None:
        """See Custody."""
        news = self._listener.hear(timeout_ms)
        return None if news is None else wire.decode(news, View)

    def close(self) -> None:
        """Gives the sockets back."""
        self._asker.close()
        self._listener.close()


def expect(reply: object, answer: type[R]) -> R:
    """`reply`, if it is an `answer`. A Denied raises Refused; where the disk is at fault, CustodyAway."""
    if isinstance(reply, Denied):
        if reply.code == STORAGE:
            raise DiskFails(reply.reason)
        raise Refused(reply.code, reply.reason)
    if not isinstance(reply, answer):
        raise WireError(f"Expected {answer.__name__}, got {type(reply).__name__}")
    return reply
