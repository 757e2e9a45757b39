"""What the settings files of the two staff faces share. Such a file holds keys, so nobody else may read it."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from messaging.settings import BrokerSettings
from proctoring.errors import DeskproctorError

T = TypeVar("T")


class BadSettings(DeskproctorError, ValueError):
    """The settings file cannot be used as it stands."""


class FaceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a face is served, by which names it may be called, who may open it, and the broker it hears."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """0 takes a free one."""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    staff_key: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,200}$")]
    """Made at random; part of the link that staff open."""
    staff_name: Annotated[str, Meta(min_length=1, max_length=80)]
    """Goes with every order and decision."""
    broker: BrokerSettings = BrokerSettings()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(host={self.host!r}, port={self.port}, …)"


def load(path: Path, kind: type[T]) -> T:
    """The settings in `path` as `kind`. Raises BadSettings with what to correct, never with a value out of it."""
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except OSError as error:
        raise BadSettings(
            f"Cannot read the settings {path}: {error.strerror}. Name the file with --settings."
        ) from error
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadSettings(f"The settings {path} hold keys, and others can read them. Run: chmod 600 {path}")
    try:
        return msgspec.toml.decode(text, type=kind, strict=False, dec_hook=_path)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"The settings {path} cannot be used: {error}. Correct that line.") from error


def _path(kind: type, value: object) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError("Expected the path of a folder")
