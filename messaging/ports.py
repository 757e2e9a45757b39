"""What the programs need of a broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from proctoring.errors import DeskproctorError
from proctoring.wire import Remote

Handler = Callable[[str, Remote], None]
"""Called with the topic and the message, one at a time, on the bus's own thread: hand on quickly, or do all that must
be done before the broker may forget the message, which it may once the handler returns."""

ReportGarbled = Callable[[str, str], None]
"""Called with the topic and the reason of a payload that is no message of ours. Never with its content."""


class BusFull(DeskproctorError, BlockingIOError):
    """Too many messages wait for the broker already. Keep this one and try again later."""


class Will(msgspec.Struct, frozen=True):
    """The retained message that the broker publishes for us when we vanish without a word."""

    topic: str
    message: Remote


class Bus(Protocol):
    """One client of the broker: at least once, in order, and what was sent while it was away comes when it is back.

    Subscribe first, then start: what waited for us comes as soon as the connection stands.
    """

    @property
    def connected(self) -> bool:
        """Whether the broker is there right now."""

    @property
    def garbled(self) -> int:
        """How many payloads were no message of ours, or stood on a topic that is not theirs."""

    def subscribe(self, topic_filter: str, handler: Handler) -> None:
        """From now on, and after every reconnect, hands what matches to `handler`."""

    def on_connected(self, call: Callable[[], None]) -> None:
        """Calls back on the bus's thread each time the connection stands: the place to say that one is there."""

    def start(self) -> None:
        """Begins to connect, and goes on trying for as long as it takes. Returns at once."""

    def publish(self, topic: str, message: Remote, retain: bool = False) -> None:
        """Sends, now or once connected; never waits. Raises BusFull where too much waits.

        The broker's acknowledgement is no delivery: keep the message until the far side answers.
        """

    def close(self) -> None:
        """Sends what waits if that is quick, and takes its leave: the will is not published."""
