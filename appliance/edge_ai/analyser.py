"""One frame becomes one Observation."""

from __future__ import annotations

from appliance.edge_ai import light
from appliance.edge_ai.landmarks import FaceLandmarks
from appliance.edge_ai.picture import Picture
from appliance.edge_ai.ports import FaceFinder, ItemFinder
from appliance.edge_ai.recognition import Recognition
from appliance.edge_ai.scene import SceneWatch
from proctoring.observation import Face, Item, Observation

# Frames come a little early as often as late; one that is early by less than this share of the pause still counts.
PUNCTUAL = 0.75


class Analyser:
    """Measures light and scene and finds faces in every frame; looks for things about `items_per_s` times a second.

    Without `landmarks` no head is measured, without `recognition` no face is compared.
    """

    def __init__(
        self,
        faces: FaceFinder,
        items: ItemFinder,
        items_per_s: float,
        landmarks: FaceLandmarks | None = None,
        recognition: Recognition | None = None,
    ) -> None:
        self._faces = faces
        self._items = items
        self._landmarks = landmarks
        self._recognition = recognition
        self._scene = SceneWatch()
        self._pause_ms = PUNCTUAL * 1000 / items_per_s
        self._searched_ms: int | None = None

    def observe(self, picture: Picture, at_ms: int) -> Observation:
        """What there is to see; `at_ms` is when the frame was taken."""
        faces = self._measured(picture, at_ms)
        items = self._found(picture, at_ms)
        return Observation(
            at_ms=at_ms,
            light=light.measure(picture),
            scene=self._scene.measure(picture, at_ms, faces, items),
            faces=faces,
            items=items,
        )

    def _measured(self, picture: Picture, at_ms: int) -> tuple[Face, ...]:
        faces = self._faces.find(picture)
        if self._landmarks is not None:
            faces = self._landmarks.measure(picture, faces)
        return self._recognition.measure(picture, faces, at_ms) if self._recognition else faces

    def _found(self, picture: Picture, at_ms: int) -> tuple[Item, ...] | None:
        # A new session's time starts again from zero: a step back is as good as a pause.
        if self._searched_ms is not None and 0 <= at_ms - self._searched_ms < self._pause_ms:
            return None
        self._searched_ms = at_ms
        return self._items.find(picture)
