"""How to reach a broker."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class BrokerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a settings file. A broker on another machine is only spoken to over TLS (`ca`).

    With `cert` and `key` we show who we are by certificate, else by `username` and `password`.
    """

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    username: str = ""
    password: str = ""
    ca: str | None = None
    """Path of the certificate that the broker's own is checked against."""
    cert: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("give both cert and key, or neither")
        if self.cert and not self.ca:
            raise ValueError("cert and key need ca as well")
        if self.host not in LOOPBACK and not self.ca:
            raise ValueError("a broker on another machine needs TLS: give the path of its ca")

    def __repr__(self) -> str:
        return f"BrokerSettings(host={self.host!r}, port={self.port}, username={self.username!r}, …)"
