"""What arrives at a client: from bytes to the handlers. Nothing that arrives can stop the client."""

from __future__ import annotations

import logging
import traceback

import msgspec

from messaging.ports import Handler, ReportGarbled
from messaging.topics import matches, misplaced
from proctoring import wire
from proctoring.errors import WireError
from proctoring.wire import Remote

log = logging.getLogger(__name__)


class Inbox:
    """Handlers by topic filter, and the count of what was garbled."""

    def __init__(self, report_garbled: ReportGarbled | None = None) -> None:
        self._handlers: list[tuple[str, Handler]] = []
        self._report = report_garbled
        self.garbled = 0

    @property
    def filters(self) -> list[str]:
        """The topic filters, each once, in the order in which they came."""
        return list(dict.fromkeys(topic_filter for topic_filter, _ in self._handlers))

    def add(self, topic_filter: str, handler: Handler) -> None:
        """Hands what matches to `handler`."""
        self._handlers.append((topic_filter, handler))

    def take(self, topic: str, payload: bytes) -> None:
        """Hands a payload to every handler that it is for, or reports why it is no message."""
        try:
            message: Remote = wire.decode(payload, Remote)
        except WireError as error:
            return self._refuse(topic, _reason(error))
        wrong = misplaced(topic, message)
        if wrong:
            return self._refuse(topic, wrong)
        for topic_filter, handler in tuple(self._handlers):
            if matches(topic_filter, topic):
                _hand(handler, topic, message)
        return None

    def _refuse(self, topic: str, reason: str) -> None:
        self.garbled += 1
        log.warning("a message on %s was put aside: %s", topic, reason)
        if self._report:
            self._report(topic, reason)


def _reason(error: WireError) -> str:
    """Without a word of the payload: the decoder's own text quotes from it."""
    if not isinstance(error.__cause__, msgspec.ValidationError):
        return "it is not JSON"
    _, _, place = str(error.__cause__).rpartition(" - at ")
    return f"it is no message of version {wire.VERSION}" + (f", at {place}" if place.startswith("`$") else "")


def _hand(handler: Handler, topic: str, message: Remote) -> None:
    try:
        handler(topic, message)
    except Exception as error:  # a handler's fault must not cut the program off from everybody else
        # The error's text may quote the message: the places in the code are enough.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("a message on %s could not be handled: %s\n%s", topic, type(error).__name__, where)
