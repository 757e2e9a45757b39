"""Puts the analysis together from its parts, the same way at the desk and for a file."""

from __future__ import annotations

from appliance.edge_ai.analyser import Analyser, Detectors
from appliance.edge_ai.check_in import FacePhotographer
from appliance.edge_ai.face_path import FacePath
from appliance.edge_ai.face_rules import IRIS, MESH
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.gaze import IrisGaze
from appliance.edge_ai.identity import IDENTITY, Identity
from appliance.edge_ai.landmarks import FaceLandmarks
from appliance.edge_ai.laptops import SSDLaptops
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.objects import NanoDet, NanoDetItems
from appliance.edge_ai.picture import Picture
from appliance.edge_ai.ports import Model, Photographer
from appliance.edge_ai.recognition import Recognition
from appliance.edge_ai.rules import FACES, ITEMS
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.simulated import SimulatedFaces, SimulatedItems, SimulatedPhotographer
from appliance.edge_ai.stills import StillItems
from appliance.edge_ai.tflite import TFLiteRuntime
from proctoring.observation import Face, Item

LAPTOPS = "ssd_mobilenet_v2_oid_v4"
"""The network of stills alone; no session loads it."""


SMALL = frozenset({MESH, IRIS, IDENTITY})
"""Networks that run on one thread whatever the settings say: each takes 1 to 2 ms, a second thread saves a tenth of
that, and on a busy machine waiting for it costs three times as much."""


class Networks:
    """The shipped networks by name, each verified and loaded once, however many analysers use it.

    A network remembers nothing from one picture to the next; an analyser does.
    """

    def __init__(self, settings: EdgeAISettings) -> None:
        """Raises `RuntimeMissing` or `ModelBroken`."""
        self._settings = settings
        self._runtime = TFLiteRuntime(None if settings.runtime == "auto" else settings.runtime)
        self._catalogue = Catalogue()
        self._loaded: dict[str, Model] = {}

    def load(self, name: str) -> Model:
        """The network called `name` in the manifest. Raises `ModelBroken` or `ModelUnusable`."""
        if name not in self._loaded:
            self._loaded[name] = self._runtime.load(self._catalogue.path(name), self.threads(name))
        return self._loaded[name]

    def threads(self, name: str) -> int:
        """How many CPU threads one run of a network may use."""
        return 1 if name in SMALL else self._settings.threads

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each network by its name."""
        return self._catalogue.hashes()

    @property
    def runtime(self) -> str:
        """The library that runs them, with its version."""
        return self._runtime.name


def analysis(settings: EdgeAISettings, networks: Networks | None = None) -> Detectors:
    """A fresh analyser, the SHA-256 of each model by name, and the runtime's name.

    `networks` are taken as they are where somebody has loaded them already. Raises as `Networks` does.
    """
    if settings.detectors == "simulated":
        return Detectors(Analyser(SimulatedFaces(), SimulatedItems()), {}, "simulated")
    networks = networks or Networks(settings)
    analyser = Analyser(
        FacePath(FullRangeFaces(networks.load(FACES)), landmarks(networks)),
        NanoDetItems(networks.load(ITEMS)),
        Recognition(Identity(networks.load(IDENTITY))),
    )
    models = {name: sha256 for name, sha256 in networks.hashes.items() if name != LAPTOPS}
    return Detectors(analyser, models, networks.runtime)


def photographer(settings: EdgeAISettings, networks: Networks | None = None) -> Photographer:
    """What takes the check-in photo and tells who is on it, with the same networks."""
    if settings.detectors == "simulated":
        return SimulatedPhotographer()
    networks = networks or Networks(settings)
    models = {name: networks.hashes[name] for name in (FACES, MESH, IDENTITY)}
    return FacePhotographer(
        FullRangeFaces(networks.load(FACES)),
        landmarks(networks),
        Identity(networks.load(IDENTITY)),
        models,
    )


def landmarks(networks: Networks) -> FaceLandmarks:
    """What measures heads."""
    return FaceLandmarks(networks.load(MESH), IrisGaze(networks.load(IRIS)))


class StillDetectors:
    """The detectors on pictures that stand by themselves: there is time to look at every part and every face."""

    def __init__(self, networks: Networks) -> None:
        self._faces = FullRangeFaces.for_photos(networks.load(FACES))
        self._items = StillItems(NanoDet(networks.load(ITEMS)), SSDLaptops(networks.load(LAPTOPS)))
        self._landmarks = landmarks(networks)

    def see(self, picture: Picture) -> tuple[tuple[Face, ...], tuple[Item, ...]]:
        """All faces with their pose and all items, down to the detectors' own floor, the most certain first."""
        faces = tuple(self._landmarks.measured(picture, face) for face in self._faces.find(picture))
        return faces, self._items.find(picture)
