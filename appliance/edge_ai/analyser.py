"""One frame becomes one Observation."""

from __future__ import annotations

from typing import NamedTuple

from appliance.edge_ai.light import LightWatch
from appliance.edge_ai.picture import Floats, Picture
from appliance.edge_ai.ports import FaceFollower, ItemFinder
from appliance.edge_ai.recognition import Recognition
from appliance.edge_ai.scene import SceneWatch
from appliance.edge_ai.schedule import Looks
from proctoring.observation import Face, Observation
from proctoring.policy import Policy

ALL = Looks()


class Analyser:
    """Finds faces in every frame, measures light and scene as often as they change, looks for all else when told to.

    Without `recognition` no face is compared.
    """

    def __init__(self, faces: FaceFollower, items: ItemFinder, recognition: Recognition | None = None) -> None:
        self._faces = faces
        self._items = items
        self._recognition = recognition
        self._light = LightWatch()
        self._scene = SceneWatch()

    def begin(self, photo: Floats | None, policy: Policy) -> None:
        """A session begins; see `Recognition.begin` for the photo."""
        self._items.watch_for(policy.prohibited)
        if self._recognition:
            self._recognition.begin(photo, policy.identity)

    def observe(self, picture: Picture, at_ms: int, looks: Looks = ALL, voice: float | None = None) -> Observation:
        """What there is to see; `at_ms` is when the frame was taken, `looks` what there is time for.

        `voice` is what was heard meanwhile, see Observation.
        """
        faces = self._measured(picture, at_ms, looks)
        items = self._items.find(picture) if looks.items else None
        return Observation(
            at_ms=at_ms,
            light=self._light.measure(picture, at_ms),
            scene=self._scene.measure(picture, at_ms, faces, items),
            voice=voice,
            faces=faces,
            items=items,
        )

    def _measured(self, picture: Picture, at_ms: int, looks: Looks) -> tuple[Face, ...]:
        faces = self._faces.follow(picture, at_ms, looks.gaze)
        if self._recognition is None or not looks.identity:
            return faces
        return self._recognition.measure(picture, faces, at_ms)


class Detectors(NamedTuple):
    """An analyser, with the SHA-256 of each of its networks by name, and what runs them."""

    analyser: Analyser
    models: dict[str, str]
    runtime: str
