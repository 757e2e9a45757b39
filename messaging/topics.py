"""Topic filters, and which messages belong on which topic."""

from __future__ import annotations

from typing import Final

from proctoring import wire
from proctoring.wire import HOST_TOPIC, Remote

EVERY_DESK: Final = "+"
"""In place of a desk's name in `wire.desk_topic`: the filter for all desks."""

_KINDS: Final[dict[str, type]] = {
    "facts": wire.Facts,
    "presence": wire.Presence,
    "outcomes": wire.OrderOutcome,
    "orders": wire.Order,
    "receipts": wire.Receipt,
}


def matches(topic_filter: str, topic: str) -> bool:
    """Whether an MQTT filter (`+` one level, `#` all that follow) covers a topic."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(w in {"+", g} for w, g in zip(wanted, given, strict=True))


def misplaced(topic: str, message: Remote) -> str | None:
    """Why `message` may not stand on `topic`, or None. A topic's desk is the only one that speaks or is spoken to."""
    match topic.split("/"):
        case ["desk", desk, what] if what in _KINDS:
            if not isinstance(message, _KINDS[what]):
                return "it is another kind of message than its topic is for"
            return None if getattr(message, "desk", None) == desk else "it names another desk than its topic"
        case _ if topic == HOST_TOPIC and isinstance(message, wire.HostState):
            return None
        case _:
            return "its topic is not for messages of this kind"
