"""The models that ship: where each comes from, and that its file is the one that was measured."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from proctoring.errors import DeskproctorError

FOLDER = Path(__file__).parent
MANIFEST = "manifest.toml"
REMEDY = "Run `make models` to build it anew, or install Deskproctor again."


class ModelBroken(DeskproctorError, ValueError):
    """A model's file is missing or is not the one in the manifest."""


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A package of a public registry; `integrity` is `sha256-…` or `sha512-…` of its archive, in base64."""

    registry: Literal["PyPI", "npm"]
    name: str
    version: str
    integrity: str = ""
    """Empty where the archive differs from machine to machine and every file taken from it is hashed by itself."""
    source: bool = False
    """Its registry has only the source archive, whose `integrity` must then be given."""


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One detector."""

    name: str
    task: str
    package: Package
    taken: tuple[str, ...]
    """The files inside the package that it is made of."""
    file: str
    sha256: str
    size: int
    licence: str
    licence_source: str
    card: str


class Installed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A detector that comes with the library that runs it, and is not copied here."""

    name: str
    task: str
    package: Package
    taken: tuple[str, ...]
    sha256: str
    """Of the first file taken, as it is installed."""
    size: int
    licence: str
    licence_source: str
    card: str


class Pictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Pictures inside a package, with their SHA-256, that set the ranges of an int8 model."""

    package: Package
    licence: str
    sha256: dict[str, str]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All models, and what they are built with."""

    model: tuple[Model, ...]
    pictures: tuple[Pictures, ...]
    installed: tuple[Installed, ...] = ()


class Catalogue:
    """The models in a folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Raises `ModelBroken` where the manifest cannot be read."""
        self._folder = folder
        self.manifest = read_manifest(folder / MANIFEST)
        self._models = {model.name: model for model in self.manifest.model}

    def path(self, name: str) -> Path:
        """A model's file, its hash verified. Raises `ModelBroken`."""
        model = self._models[name]
        path = self._folder / model.file
        actual = sha256_of(path)
        if actual != model.sha256:
            raise ModelBroken(
                f"The model file {path} is not the one that was measured: SHA-256 should be {model.sha256}, "
                f"is {actual or 'none, for the file is missing'}. {REMEDY}"
            )
        return path

    def installed(self, name: str) -> Installed:
        """What the manifest says of a detector that comes with its library."""
        return next(entry for entry in self.manifest.installed if entry.name == name)

    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each model by its name."""
        return {name: model.sha256 for name, model in self._models.items()}


def read_manifest(path: Path) -> Manifest:
    """The manifest. Raises `ModelBroken`."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise ModelBroken(f"The list of models {path} cannot be used: {error}. {REMEDY}") from error


def sha256_of(path: Path) -> str | None:
    """The SHA-256 of a file, or None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
