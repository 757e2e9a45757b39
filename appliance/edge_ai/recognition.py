"""Keeps asking, through a whole session, whether the face at the desk is still the one that came in."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from appliance.edge_ai.identity import Identity, likeness, mean_of, nearest
from appliance.edge_ai.picture import Floats, Picture
from proctoring.observation import Face

LOOKS_PER_S = 2.0
"""Twice a second gives a rule of 1.5 s three to four votes; more often costs more and says the same."""

# Frames come a little early as often as late; one that is early by less than this share of the pause still counts.
PUNCTUAL = 0.75

LEARNED_FROM = 5
"""How many good looks at the first face make a reference where no photo was given: 2.5 s at the usual pace."""


@dataclass
class _Known:
    """Who the candidate is, as far as this session has shown."""

    reference: Floats | None
    looks: list[Floats] = field(default_factory=list)

    def learn(self, numbers: Floats) -> None:
        self.looks.append(numbers)
        if len(self.looks) == LEARNED_FROM:
            self.reference = mean_of(self.looks)


class Recognition:
    """Writes into faces how like the candidate they are.

    The candidate is the person on the reference photo. Without one, it is who sits alone at the desk when the
    session begins: the first five good looks. Then a change is found, yet not that the wrong person came in.
    """

    def __init__(self, identity: Identity, photo: Floats | None = None, looks_per_s: float = LOOKS_PER_S) -> None:
        """`photo` is what `Identity.reference` gives for the check-in photo."""
        self._identity = identity
        self._photo = photo
        self._pause_ms = PUNCTUAL * 1000 / looks_per_s
        self._looked_ms: int | None = None
        self._known = _Known(photo)

    def measure(self, picture: Picture, faces: tuple[Face, ...], at_ms: int) -> tuple[Face, ...]:
        """The same faces in the same order; where it is time, those that may be the candidate's have a likeness."""
        if not faces or not self._is_due(at_ms):
            return faces
        numbers = {id(face): self._identity.embed(picture, face) for face in nearest(faces)}
        if self._known.reference is None:
            self._learn(list(numbers.values()))
        return tuple(self._compared(face, numbers.get(id(face))) for face in faces)

    def _learn(self, seen: list[Floats | None]) -> None:
        # With company at the desk nobody can say which of them is the candidate.
        if len(seen) == 1 and seen[0] is not None:
            self._known.learn(seen[0])

    def _compared(self, face: Face, numbers: Floats | None) -> Face:
        if numbers is None or self._known.reference is None:
            return face
        return msgspec.structs.replace(face, likeness=likeness(numbers, self._known.reference))

    def _is_due(self, at_ms: int) -> bool:
        looked_ms = self._looked_ms
        if looked_ms is not None and 0 <= at_ms - looked_ms < self._pause_ms:
            return False
        if looked_ms is not None and at_ms < looked_ms:
            # A new session's time starts again from zero, and with it may come somebody else.
            self._known = _Known(self._photo)
        self._looked_ms = at_ms
        return True
