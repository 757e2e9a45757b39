"""Figures of the detectors on labelled photos: how many faces, which objects, and for whom it works less well."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any, Final

import msgspec
import numpy as np

from appliance.edge_ai.picture import Floats, Picture, Region
from deskproctor.evaluation.labels import Item as Labelled
from proctoring.observation import Box, Face, Item

THRESHOLDS: Final = (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)

SMALL_AREA: Final = 0.015
"""A phone that takes a smaller share of the picture is 50 pixels long in the network's square, or less."""

GROUP: Final = range(2, 6)
"""Two to five faces: as many as can come near one desk."""

BANDS: Final = (("dark", 0.0, 45.0), ("middle", 45.0, 60.0), ("light", 60.0, 101.0))
"""CIE lightness of the face's region, 0 black to 100 white: of the picture, so of skin and lighting together."""

MIDDLE: Final[Box] = (0.25, 0.25, 0.75, 0.75)


class Sight(msgspec.Struct, frozen=True):
    """A labelled photo, what was seen in it, and how light its face's region is (None where it shows no face)."""

    labelled: Labelled
    faces: tuple[Face, ...]
    items: tuple[Item, ...]
    lightness: float | None

    def count(self, threshold: float) -> int:
        """How many faces at or above the threshold."""
        return sum(face.score >= threshold for face in self.faces)

    def best(self, label: str) -> float:
        """The highest score of an object with this label."""
        return max((item.score for item in self.items if item.label == label), default=0.0)


def face_figures(sights: Iterable[Sight], threshold: float) -> dict[str, Any]:
    """Photos counted right: of one face, of none, of two to five."""
    counted = [(there, sight.count(threshold)) for sight in sights if (there := sight.labelled.faces) is not None]
    single = [seen for labelled, seen in counted if labelled == 1]
    empty = [seen for labelled, seen in counted if labelled == 0]
    groups = [(labelled, seen) for labelled, seen in counted if labelled in GROUP]
    return {
        "threshold": threshold,
        "single": {"photos": len(single), "counted_right": _share(seen == 1 for seen in single)},
        "empty": {"photos": len(empty), "false_faces": sum(empty), "photos_with_any": sum(map(bool, empty))},
        "groups_of_2_to_5": {
            "photos": len(groups),
            "counted_right": _share(labelled == seen for labelled, seen in groups),
            "within_one": _share(abs(labelled - seen) <= 1 for labelled, seen in groups),
        },
    }


def object_figures(sights: list[Sight], shipped: dict[str, float]) -> dict[str, Any]:
    """For each label, by photo: precision and recall at each threshold; the shipped one also by folder and size.

    `shipped` is the threshold of each label at which `detect` tells of it.
    """
    thresholds = sorted({*THRESHOLDS, *shipped.values()})
    return {label: _figures_of(label, sights, least, thresholds) for label, least in shipped.items()}


def _figures_of(label: str, sights: list[Sight], shipped: float, thresholds: list[float]) -> dict[str, Any]:
    key = label.replace(" ", "_")
    asserted = [(sight, sight.labelled.labels[key]) for sight in sights if _is_bool(sight.labelled.labels.get(key))]
    small = [pair for pair in asserted if pair[1] and _is_small(pair[0].labelled, label)]
    folders = sorted({sight.labelled.folder for sight, _ in asserted})
    return {
        "shipped_threshold": shipped,
        "thresholds": [_at(label, asserted, threshold) for threshold in thresholds],
        "small": _at(label, small, shipped),
        "by_folder": {
            folder: _at(label, [pair for pair in asserted if pair[0].labelled.folder == folder], shipped)
            for folder in folders
        },
    }


def _at(label: str, asserted: list[tuple[Sight, bool]], threshold: float) -> dict[str, Any]:
    hits = [there for sight, there in asserted if sight.best(label) >= threshold]
    there = sum(there for _, there in asserted)
    return {
        "threshold": threshold,
        "photos_with": there,
        "photos_without": len(asserted) - there,
        "found": sum(hits),
        "false": len(hits) - sum(hits),
        "precision": _ratio(sum(hits), len(hits)),
        "recall": _ratio(sum(hits), there),
    }


def fairness_figures(sights: list[Sight], threshold: float) -> dict[str, Any]:
    """The share of photos with all their faces found, by the lightness of the faces' region; with 95 % intervals."""
    figures = {}
    for name, low, high in BANDS:
        found = [
            sight.count(threshold) >= (sight.labelled.faces or 1)
            for sight in sights
            if sight.lightness is not None and low <= sight.lightness < high
        ]
        figures[name] = {
            "lightness": [low, min(high, 100.0)],
            "photos": len(found),
            "found": _share(found),
            "interval_95": wilson(sum(found), len(found)),
        }
    return figures


def lightness_of(labelled: Labelled, picture: Picture, faces: tuple[Face, ...]) -> float | None:
    """How light the faces' region is: the labelled boxes, else the best detection, else the picture's middle."""
    if not labelled.faces:
        return None
    boxes = labelled.labels.get("face_boxes") or [face.box for face in faces[:1]] or [MIDDLE]
    values = [_lightness(picture, Region(*box)) for box in boxes]
    return round(float(np.mean(values)), 1)


def _lightness(picture: Picture, region: Region) -> float:
    """CIE L* of the mean luma, with the display's gamma of 2.2 taken off. The formula's straight part is left out."""
    luma: Floats = picture.cut(region).luma.astype(np.float32)
    if not luma.size:
        return 0.0
    shares = np.clip((luma - 16) / 219, 0, 1)
    return max(0.0, 116 * float(np.cbrt((shares**2.2).mean())) - 16)


def wilson(hits: int, of: int) -> list[float] | None:
    """Wilson's score interval at 95 % for a share; None of nothing."""
    if not of:
        return None
    z, share = 1.96, hits / of
    middle, spread = share + z * z / (2 * of), z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    whole = 1 + z * z / of
    return [round((middle - spread) / whole, 3), round((middle + spread) / whole, 3)]


def _is_small(labelled: Labelled, label: str) -> bool:
    share = (labelled.labels.get("largest_item_area") or {}).get(label)
    return share is not None and share < SMALL_AREA


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _share(hits: Iterable[bool]) -> float | None:
    hits = list(hits)
    return _ratio(sum(hits), len(hits))


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None
