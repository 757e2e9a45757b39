"""One frame becomes one Observation."""

from __future__ import annotations

from appliance.edge_ai import light
from appliance.edge_ai.picture import Picture
from appliance.edge_ai.ports import FaceFinder, ItemFinder
from proctoring.observation import Observation

# Frames come a little early as often as late; one that is early by less than this share of the pause still counts.
PUNCTUAL = 0.75


class Analyser:
    """Measures the light and finds faces in every frame; looks for things about `items_per_s` times a second."""

    def __init__(self, faces: FaceFinder, items: ItemFinder, items_per_s: float) -> None:
        self._faces = faces
        self._items = items
        self._pause_ms = PUNCTUAL * 1000 / items_per_s
        self._searched_ms: int | None = None

    def observe(self, picture: Picture, at_ms: int) -> Observation:
        """What there is to see; `at_ms` is when the frame was taken."""
        return Observation(
            at_ms=at_ms,
            light=light.measure(picture),
            faces=self._faces.find(picture),
            items=self._items.find(picture) if self._is_due(at_ms) else None,
        )

    def _is_due(self, at_ms: int) -> bool:
        # A new session's time starts again from zero: a step back is as good as a pause.
        if self._searched_ms is not None and 0 <= at_ms - self._searched_ms < self._pause_ms:
            return False
        self._searched_ms = at_ms
        return True
