"""The kiosk's settings."""

from __future__ import annotations

import msgspec


class KioskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table [kiosk_ui]: the loopback address that the desk's own browser opens; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8080
