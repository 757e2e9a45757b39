"""Puts the analysis together from its parts, the same way at the desk and for a file."""

from __future__ import annotations

from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.face_rules import IRIS, MESH
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.gaze import IrisGaze
from appliance.edge_ai.identity import IDENTITY, Identity
from appliance.edge_ai.landmarks import FaceLandmarks
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.objects import NanoDetItems
from appliance.edge_ai.picture import Floats, Picture
from appliance.edge_ai.ports import Model
from appliance.edge_ai.recognition import Recognition
from appliance.edge_ai.rules import FACES, ITEMS
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.simulated import SimulatedFaces, SimulatedItems
from appliance.edge_ai.tflite import TFLiteRuntime
from proctoring.observation import Face, Item


class Networks:
    """The shipped networks by name, each verified and loaded once, however many analysers use it.

    A network remembers nothing from one picture to the next; an analyser does.
    """

    def __init__(self, settings: EdgeAISettings) -> None:
        """Raises `RuntimeMissing` or `ModelBroken`."""
        self._runtime = TFLiteRuntime(None if settings.runtime == "auto" else settings.runtime, settings.threads)
        self._catalogue = Catalogue()
        self._loaded: dict[str, Model] = {}

    def load(self, name: str) -> Model:
        """The network called `name` in the manifest. Raises `ModelBroken` or `ModelUnusable`."""
        if name not in self._loaded:
            self._loaded[name] = self._runtime.load(self._catalogue.path(name))
        return self._loaded[name]

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each network by its name."""
        return self._catalogue.hashes()

    @property
    def runtime(self) -> str:
        """The library that runs them, with its version."""
        return self._runtime.name


def analysis(
    settings: EdgeAISettings, networks: Networks | None = None, photo: Floats | None = None
) -> tuple[Analyser, dict[str, str], str]:
    """A fresh analyser, the SHA-256 of each model by name, and the runtime's name.

    `networks` are taken as they are where somebody has loaded them already. `photo` is the candidate as
    `Identity.reference` gives them; without it the analyser learns who sits down first. Raises as `Networks` does.
    """
    if settings.detectors == "simulated":
        return Analyser(SimulatedFaces(), SimulatedItems(), settings.items_per_s), {}, "simulated"
    networks = networks or Networks(settings)
    analyser = Analyser(
        FullRangeFaces(networks.load(FACES)),
        NanoDetItems(networks.load(ITEMS)),
        settings.items_per_s,
        landmarks(networks),
        Recognition(Identity(networks.load(IDENTITY)), photo),
    )
    return analyser, networks.hashes, networks.runtime


def landmarks(networks: Networks) -> FaceLandmarks:
    """What measures heads."""
    return FaceLandmarks(networks.load(MESH), IrisGaze(networks.load(IRIS)))


class StillDetectors:
    """The detectors on pictures that stand by themselves: there is time to look at every part and every face."""

    def __init__(self, networks: Networks) -> None:
        self._faces = FullRangeFaces.for_photos(networks.load(FACES))
        self._items = NanoDetItems(networks.load(ITEMS))
        self._landmarks = landmarks(networks)

    def see(self, picture: Picture) -> tuple[tuple[Face, ...], tuple[Item, ...]]:
        """All faces with their pose and all items, down to the detectors' own floor, the most certain first."""
        faces = tuple(self._landmarks.measured(picture, face) for face in self._faces.find(picture))
        return faces, self._items.find_in_still(picture)
