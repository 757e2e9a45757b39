"""Keeps asking, through a whole session, whether the face at the desk is still the one that came in."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from appliance.edge_ai.identity import SAME_PERSON, Identity, likeness, mean_of, nearest
from appliance.edge_ai.picture import Floats, Picture
from proctoring.observation import Face

LEARNED_FROM = 5
"""How many good looks at the candidate are remembered: 2.5 s at the usual pace.

One photo differs from most of what a camera sees later. With five looks at its side, nineteen of twenty looks at the
same person have a likeness of 0.79 instead of 0.70 on a clip of turning heads, and of 0.70 instead of 0.50 on one of
somebody who writes.
"""


@dataclass
class _Known:
    """Who the candidate is, as far as this session has shown."""

    photo: Floats | None
    looks: list[Floats] = field(default_factory=list)
    reference: Floats | None = None

    def __post_init__(self) -> None:
        self.reference = self.photo

    def learn(self, numbers: Floats) -> None:
        """Takes a look in. Where there is a photo, only a face that is surely the one on it teaches anything."""
        stranger = self.photo is not None and likeness(numbers, self.photo) < SAME_PERSON
        if stranger or len(self.looks) == LEARNED_FROM:
            return
        self.looks.append(numbers)
        if self.photo is not None:
            self.reference = mean_of([self.photo, *self.looks])
        elif len(self.looks) == LEARNED_FROM:
            self.reference = mean_of(self.looks)


class Recognition:
    """Writes into faces how like the candidate they are.

    The candidate is the person on the reference photo, and the first five good looks at that person are remembered
    too. Without a photo, it is who sits alone at the desk when the session begins: then a change is found, yet not
    that the wrong person came in.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._photo: Floats | None = None
        self._compares = True
        self._looked_ms: int | None = None
        self._known = _Known(None)

    def begin(self, photo: Floats | None, compares: bool = True) -> None:
        """A session begins. `photo` is what `Identity.reference` gives for the check-in photo, None without one.

        Where the policy `compares` no faces, none becomes numbers.
        """
        self._photo, self._compares = photo, compares
        self._known, self._looked_ms = _Known(photo), None

    def measure(self, picture: Picture, faces: tuple[Face, ...], at_ms: int) -> tuple[Face, ...]:
        """The same faces in the same order; those that may be the candidate's have a likeness."""
        self._follow(at_ms)
        if not faces or not self._compares:
            return faces
        numbers = {id(face): self._identity.embed(picture, face) for face in nearest(faces)}
        compared = tuple(self._compared(face, numbers.get(id(face))) for face in faces)
        self._learn(list(numbers.values()))
        return compared

    def _learn(self, seen: list[Floats | None]) -> None:
        # With company at the desk nobody can say which of them is the candidate.
        if len(seen) == 1 and seen[0] is not None:
            self._known.learn(seen[0])

    def _compared(self, face: Face, numbers: Floats | None) -> Face:
        if numbers is None or self._known.reference is None:
            return face
        return msgspec.structs.replace(face, likeness=likeness(numbers, self._known.reference))

    def _follow(self, at_ms: int) -> None:
        if self._looked_ms is not None and at_ms < self._looked_ms:
            # A new session's time starts again from zero, and with it may come somebody else.
            self._known = _Known(self._photo)
        self._looked_ms = at_ms
