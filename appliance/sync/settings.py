"""The table [sync] of a desk's settings. It holds secrets."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from appliance.runtime.settings import BadSettings
from messaging.settings import LOOPBACK, BrokerSettings


class SyncSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the facts and the bytes go. A server on another machine is only spoken to over https."""

    server_url: str
    token: Annotated[str, Meta(min_length=16)]
    """Shown with every segment; the review server knows the desk by it."""
    server_ca: str | None = None
    """Path of the certificate that the server's own is checked against; None for the system's."""
    broker: BrokerSettings = BrokerSettings()

    def __post_init__(self) -> None:
        url = urlsplit(self.server_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("server_url must be an address such as https://review.example.org")
        if url.scheme == "http" and url.hostname not in LOOPBACK:
            raise ValueError("a server on another machine must be spoken to over https")

    def __repr__(self) -> str:
        return f"SyncSettings(server_url={self.server_url!r}, …)"


def check_private(path: Path) -> None:
    """Raises BadSettings where everybody on the machine could read the secrets."""
    if stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO:
        raise BadSettings(f"Everybody can read {path}, and it holds passwords. Close it with: chmod 600 {path}")
