"""Who is on a photo: the identity network on photos from files."""

from __future__ import annotations

from pathlib import Path

from appliance.edge_ai.assembly import Networks
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.identity import IDENTITY, Identity, NoReference
from appliance.edge_ai.picture import Floats, Picture
from appliance.edge_ai.rules import FACES
from deskproctor.photo import read_photo


class PersonFinder:
    """Finds the one person on a photo and gives them as numbers that can be compared."""

    def __init__(self, networks: Networks) -> None:
        self._faces = FullRangeFaces(networks.load(FACES))
        self._identity = Identity(networks.load(IDENTITY))

    def person(self, path: Path) -> Floats:
        """The person on the photo in a file. Raises `PhotoUnusable`, or `NoReference` with the file's name."""
        try:
            return self.person_on(read_photo(path))
        except NoReference as error:
            raise NoReference(f"{path}: {error}") from error

    def person_on(self, photo: Picture) -> Floats:
        """The person on a photo. Raises `NoReference`."""
        return self._identity.reference(photo, self._faces)
