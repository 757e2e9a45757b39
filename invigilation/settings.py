"""The console's settings: one TOML file that nobody else may read, because it holds keys.

room = "Room 12"
host = "127.0.0.1"
port = 0                        # 0 takes a free one
staff_key = "…"                 # at least 16 characters; part of the link that staff open
staff_name = "invigilator"      # goes with every order
client = "console-room-12"      # two consoles at one broker need two names
[broker]
host = "127.0.0.1"
username = "console"
password = "…"
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from web.settings import FaceSettings


class Settings(FaceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    room: Annotated[str, Meta(min_length=1, max_length=60)] = "Exam room"
    staff_name: Annotated[str, Meta(min_length=1, max_length=80)] = "invigilator"
    client: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,60}$")] = "console"
    """What the broker knows this console by, over restarts."""
