"""The review server's settings: one TOML file that nobody else may read, because it holds keys.

host = "127.0.0.1"
port = 8400                       # 0 takes a free one
staff_key = "…"                   # at least 16 characters; part of the link that staff open
data_dir = "/var/lib/review-server"
[broker]
host = "127.0.0.1"
username = "review-server"
password = "…"
[desks]
desk-1 = "…"                      # what this desk shows when it brings recordings
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from proctoring.wire import DESK_NAME
from web import settings as face
from web.settings import BadSettings, FaceSettings

Secret = Annotated[str, Meta(min_length=16, max_length=200)]
Seconds = Annotated[float, Meta(ge=0)]
Bytes = Annotated[int, Meta(ge=0)]


class Settings(FaceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    staff_name: Annotated[str, Meta(min_length=1, max_length=80)] = "reviewer"
    data_dir: Path
    desks: dict[str, Secret] = msgspec.field(default_factory=dict)
    """Desk to the token that it brings recordings with."""
    patience_s: Seconds = 600
    """How long after the last news of a sealed session missing recordings are waited for."""
    silence_s: Seconds = 86_400
    """The same for a session that its desk never sealed."""
    order_life_s: Seconds = 600
    max_segment_bytes: Bytes = 32 << 20
    keep_free_bytes: Bytes = 64 << 20
    """Disk space that recordings never take: the database needs it."""
    recordings_bytes: Bytes = 8 << 30
    """Space for recordings that were joined for playing; they can be joined again at any time."""


def load(path: Path) -> Settings:
    """The settings in `path`. Raises BadSettings with what to correct."""
    return _checked(face.load(path, Settings), path)


def _checked(settings: Settings, path: Path) -> Settings:
    for desk in settings.desks:
        if not DESK_NAME.fullmatch(desk):
            raise BadSettings(
                f"The settings {path} name the desk {desk!r}. Use up to 32 small letters, digits and dashes."
            )
    if len(set(settings.desks.values())) < len(settings.desks):
        raise BadSettings(f"The settings {path} give two desks the same token. Give each desk its own.")
    return settings
