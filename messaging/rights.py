"""Who may say and hear what at the broker. Each broker's own configuration is made from this."""

from __future__ import annotations

from typing import Final

import msgspec

from messaging.topics import EVERY_DESK
from proctoring.wire import HOST_TOPIC, desk_topic


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """MQTT topic filters that a user may publish on and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def desk_rights(desk: str) -> Rights:
    """A desk speaks for itself alone, and hears what is addressed to it."""
    return Rights(
        publish=(desk_topic(desk, "facts"), desk_topic(desk, "presence"), desk_topic(desk, "outcomes")),
        subscribe=(desk_topic(desk, "orders"), desk_topic(desk, "receipts"), HOST_TOPIC),
    )


_HEARS_DESKS: Final = (
    desk_topic(EVERY_DESK, "facts"),
    desk_topic(EVERY_DESK, "presence"),
    desk_topic(EVERY_DESK, "outcomes"),
)

SERVER_RIGHTS: Final = Rights(
    publish=(desk_topic(EVERY_DESK, "orders"), desk_topic(EVERY_DESK, "receipts"), HOST_TOPIC),
    subscribe=_HEARS_DESKS,
)
"""The review server hears every desk, gives receipts and orders, and says whether it is there."""

CONSOLE_RIGHTS: Final = Rights(publish=(desk_topic(EVERY_DESK, "orders"),), subscribe=(*_HEARS_DESKS, HOST_TOPIC))
"""The room console hears every desk and gives orders."""
