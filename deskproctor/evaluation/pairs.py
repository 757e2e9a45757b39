"""Figures of the identity check on pairs of photos."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

FAR: Final = 0.01
"""The share of pairs of different people that may pass for one person."""


def pair_figures(same: list[float], different: list[float], shipped: float, without_face: int) -> dict[str, Any]:
    """True accepts at that rate of false ones, and both at the shipped threshold, from the likeness of pairs.

    `without_face` is how many pairs could not be compared, for no face was found in one of their photos.
    """
    threshold = threshold_at(different, FAR)
    return {
        "pairs_same": len(same),
        "pairs_different": len(different),
        "pairs_without_a_face": without_face,
        "far_1_percent_threshold": None if threshold is None else round(threshold, 4),
        "tar_at_far_1_percent": None if threshold is None else accepted(same, threshold),
        "shipped_threshold": shipped,
        "tar_shipped": accepted(same, shipped),
        "far_shipped": accepted(different, shipped),
    }


def threshold_at(different: list[float], rate: float) -> float | None:
    """The lowest likeness that at most `rate` of the pairs of different people reach; None without such pairs."""
    if not different:
        return None
    highest = sorted(different, reverse=True)
    return float(np.nextafter(highest[int(rate * len(highest))], np.inf))


def accepted(likenesses: list[float], threshold: float) -> float | None:
    """The share at or above the threshold."""
    return round(sum(value >= threshold for value in likenesses) / len(likenesses), 3) if likenesses else None
