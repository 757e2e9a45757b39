"""Takes a file out of the one that a web page loads all its files from: its loader's script says where each lies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from proctoring.errors import DeskproctorError

LIST: Final = re.compile(rb'loadPackage\((\{"files".*?\})\)')


class PackingBroken(DeskproctorError, ValueError):
    """The loader's list of files is not what this recipe reads, or it does not fit the data."""


class Packed(msgspec.Struct, frozen=True):
    """A file: its bytes from `start` up to `end`."""

    filename: str
    start: int
    end: int


class Packing(msgspec.Struct, frozen=True):
    """The list of files in the loader's script."""

    files: tuple[Packed, ...]
    remote_package_size: int


def unpacked(data: bytes, loader: bytes, ending: str) -> bytes:
    """The one file whose name ends so. Raises `PackingBroken`."""
    found = LIST.search(loader)
    if found is None:
        raise PackingBroken("The loader's script holds no list of files. Use the package that the manifest names.")
    packing = msgspec.json.decode(found[1], type=Packing)
    if packing.remote_package_size != len(data):
        raise PackingBroken(f"The list is about {packing.remote_package_size} bytes, the data have {len(data)}.")
    wanted = [file for file in packing.files if file.filename.endswith(ending)]
    if len(wanted) != 1:
        raise PackingBroken(f"The list names {len(wanted)} files that end in {ending}, not one.")
    return data[wanted[0].start : wanted[0].end]


def unpacked_model(data: Path, loader: Path) -> bytes:
    """The one TFLite file among them. Raises `PackingBroken`."""
    return unpacked(data.read_bytes(), loader.read_bytes(), ".tflite")
