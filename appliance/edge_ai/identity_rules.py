"""The rule that suspects a change of person at the desk."""

from __future__ import annotations

from functools import partial

from appliance.edge_ai.identity import IDENTITY, nearest
from proctoring.flag import FlagKind, FlagRule, Look
from proctoring.observation import Observation, height
from proctoring.policy import Policy, Sizes

FACES = "face_detection_full_range"

# The score runs from 0 where a face is as like the reference as one person's photos of several days (median 0.91) to
# 1 where it is as unlike as a stranger's (median 0.32).
USUAL_LIKENESS = 0.91
STRANGERS_LIKENESS = 0.32


def rules_of(policy: Policy, models: dict[str, str]) -> list[FlagRule]:
    """A fresh rule for one session. `models` is the SHA-256 of each model by its name."""
    if not policy.identity:
        return []
    used = {name: models[name] for name in (FACES, IDENTITY) if name in models}
    look = partial(different_person, policy.sizes)
    return [FlagRule(FlagKind.DIFFERENT_PERSON, policy.rules.different_person, look, models=used)]


def different_person(sizes: Sizes, observation: Observation) -> Look | None:
    """How unlike the reference the face at the desk is; with several, the likest, for one of them is enough.

    No look where a face that may be the candidate's was not compared: it is turned away, too small or too dark.
    """
    faces = [face for face in nearest(observation.faces or ()) if height(face.box) >= sizes.near_face]
    compared = [face.likeness for face in faces if face.likeness is not None]
    if not compared or len(compared) < len(faces):
        return None
    return Look(unlike(max(compared)), tuple(face.box for face in faces))


def unlike(likeness: float) -> float:
    """The score for a likeness, 0 to 1."""
    return min(1.0, max(0.0, (USUAL_LIKENESS - likeness) / (USUAL_LIKENESS - STRANGERS_LIKENESS)))
