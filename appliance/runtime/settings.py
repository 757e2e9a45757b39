"""A desk's settings: one TOML file, a few lines for the desk and a table per process.

desk = "desk-1"
run_dir = "/run/deskproctor"        # sockets, and segments that are not sealed yet; memory-backed
data_dir = "/var/lib/deskproctor"   # evidence

[capture]
source = "picamera2"
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from proctoring.errors import DeskproctorError
from proctoring.wire import DESK_NAME

SOCKET_PATH_LIMIT = 100
"""Unix socket paths end at 107 bytes; the longest name in the run folder takes the rest."""

T = TypeVar("T")


CAMERA_NAME: Final = re.compile(r"\w[\w -]{0,31}")
"""Stands on pages, in addresses and in the names of clips."""


class BadSettings(DeskproctorError, ValueError):
    """The settings file cannot be used as it stands."""


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """What all processes know of a camera; the rest of its table is capture's."""

    camera: str = "front"
    """Its name in the record."""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What all processes of a desk know about it."""

    desk: str
    run_dir: Path
    data_dir: Path
    incoming_dir: Path | None = None
    """Where capture writes what is not sealed yet: memory-backed. None is `incoming` below `run_dir`."""
    incoming_on_disk: bool = False
    """Whether that folder may lie on a disk all the same, where plain video can be read from it later."""
    capture: Camera = Camera()
    second_camera: Camera | None = None
    """Its table is there where a second camera films too."""

    @property
    def cameras(self) -> int:
        """How many cameras film."""
        return 1 if self.second_camera is None else 2

    def socket(self, name: str) -> str:
        """The address of one of the desk's local sockets."""
        return f"ipc://{self.run_dir}/{name}.sock"

    def folder(self, name: str) -> Path:
        """A folder below the data folder, made if need be."""
        path = self.data_dir / name
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        return path

    def incoming(self) -> Path:
        """The folder of segments that are not sealed yet, made if need be."""
        path = self.incoming_dir or self.run_dir / "incoming"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path


def read(path: Path) -> dict[str, Any]:
    """The settings file as it stands. Raises BadSettings where it cannot be read."""
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise BadSettings(
            f"Cannot read the settings {path}: {error.strerror}. Name the file with --settings."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"The settings {path} are not TOML: {error}. Correct that place.") from error


def load(path: Path, part: str, kind: type[T]) -> tuple[Desk, T]:
    """The desk and one process's table, as `kind` (which forbids unknown keys). Raises BadSettings."""
    data = read(path)
    try:
        desk = msgspec.convert(data, Desk, strict=False, dec_hook=_decode)
        table = msgspec.convert(data.get(part, {}), kind, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise BadSettings(f"The settings {path} cannot be used: [{part}] {error}. Correct that line.") from error
    check(desk, path)
    return desk, table


def _decode(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"a {kind.__name__} is expected")


def check(desk: Desk, path: Path) -> None:
    """Raises BadSettings for a desk that cannot run."""
    if not DESK_NAME.fullmatch(desk.desk):
        raise BadSettings(
            f"The settings {path} name the desk {desk.desk!r}. Use up to 32 small letters, digits and dashes."
        )
    cameras = [one.camera for one in (desk.capture, desk.second_camera) if one is not None]
    for name in cameras:
        if not CAMERA_NAME.fullmatch(name):
            raise BadSettings(
                f"{path} names a camera {name!r}. Use up to 32 letters, digits, spaces, dashes and underscores."
            )
    if len(cameras) > len(set(cameras)):
        raise BadSettings(
            f"In {path} both cameras have the name {desk.capture.camera!r}. "
            'Give the second one its own: camera = "side" in [second_camera].'
        )
    if len(str(desk.run_dir)) > SOCKET_PATH_LIMIT - len("/custody.sock"):
        raise BadSettings(f"run_dir in {path} is too long for a Unix socket. Use a shorter path.")
