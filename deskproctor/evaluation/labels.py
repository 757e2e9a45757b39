"""A folder of labelled photos and clips: `labels.json` beside the files that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from proctoring.errors import DeskproctorError

Interval = tuple[float, float]
"""Seconds: from, to."""

NAME: Final = "labels.json"


class LabelsUnusable(DeskproctorError, ValueError):
    """The folder has no labels, or they cannot be read."""


class Event(msgspec.Struct, frozen=True):
    """Something asserted of a clip over some time. Keys that mention `ignore` or `doubtful` assert nothing."""

    key: str
    value: Any
    intervals: tuple[Interval, ...]


class Item(msgspec.Struct, frozen=True):
    """A file and what is asserted of it. A label that is null or missing asserts nothing."""

    file: str
    type: Literal["image", "clip", "face", "audio"]
    labels: dict[str, Any]

    @property
    def folder(self) -> str:
        """The name of the folder that it lies in: files of a kind lie together."""
        return Path(self.file).parent.name

    @property
    def faces(self) -> int | None:
        """How many faces there are; a photo of a face has one, one without a person none, unless it is said."""
        labelled = self.labels.get("face_count")
        if isinstance(labelled, int):
            return labelled
        if self.type == "face":
            return 1
        return 0 if self.labels.get("person") is False else None

    @property
    def events(self) -> tuple[Event, ...]:
        """What is asserted of a clip."""
        return msgspec.convert(self.labels.get("events") or (), tuple[Event, ...])


class Pair(msgspec.Struct, frozen=True):
    """Two photos, of the same person or not."""

    a: str
    b: str
    same: bool


class Labels(msgspec.Struct, frozen=True):
    """All there is in the folder."""

    items: tuple[Item, ...]
    face_pairs: tuple[Pair, ...] = ()

    @property
    def photos(self) -> tuple[Item, ...]:
        """Photos of faces and of all else."""
        return tuple(item for item in self.items if item.type in ("image", "face"))

    @property
    def paired(self) -> tuple[str, ...]:
        """The photos of all pairs, each once."""
        return tuple(dict.fromkeys(file for pair in self.face_pairs for file in (pair.a, pair.b)))

    @property
    def clips(self) -> tuple[Item, ...]:
        """Video files."""
        return tuple(item for item in self.items if item.type == "clip")


def read_labels(folder: Path) -> Labels:
    """The labels of a folder. Raises `LabelsUnusable`."""
    path = folder / NAME
    try:
        labels = msgspec.json.decode(path.read_bytes(), type=Labels)
        for item in labels.items:
            _ = item.events
    except OSError as error:
        raise LabelsUnusable(f"{path} cannot be read: {error.strerror}. Name a folder that has labels.") from error
    except msgspec.DecodeError as error:
        raise LabelsUnusable(f"{path} cannot be used: {error}. Correct that place.") from error
    files = (*(item.file for item in labels.items), *labels.paired)
    missing = next((file for file in files if not (folder / file).is_file()), None)
    if missing:
        raise LabelsUnusable(
            f"{path} names {missing}, which is not there. Copy it there or take it out of the labels."
        )
    return labels
