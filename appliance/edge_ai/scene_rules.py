"""Rules about the camera, its view and the empty seat. What a score is, `rules` says."""

from __future__ import annotations

from functools import partial
from typing import Final

from appliance.edge_ai.objects import PERSON
from appliance.edge_ai.rules import FACES, ITEMS, NOTHING, camera_covered, too_dark
from proctoring.flag import FlagKind, FlagRule, Look
from proctoring.observation import Light, Observation, height
from proctoring.policy import Policy, Sizes

# Half of each scale is the rule's usual threshold.

# Share of the frame's width. A tenth still keeps a candidate in the picture; fixed cameras measured 0.009 at most.
MOVED_FAR: Final = 0.2

# Share of the picture that is burnt out. A window in the background has less than a quarter; pictures of rooms had
# 0.20 at most.
BURNT_FAR: Final = 0.5

# Sharp pictures of every kind have 0.60 or more; blurred until phones are no longer found (by a Gaussian of 6 of
# 1280 pixels) they have 0.36 to 0.41, and by 12 pixels 0.18 to 0.24.
DETAILED: Final = 0.72


def rules_of(policy: Policy, models: dict[str, str]) -> list[FlagRule]:
    """Fresh rules for one session. `models` is the SHA-256 of each model by its name."""
    rules = policy.rules
    seat = {name: models[name] for name in (FACES, ITEMS) if name in models}
    return [
        FlagRule(FlagKind.CAMERA_MOVED, rules.camera_moved, camera_moved),
        FlagRule(FlagKind.CAMERA_FROZEN, rules.camera_frozen, camera_frozen),
        FlagRule(FlagKind.TOO_BRIGHT, rules.too_bright, too_bright),
        FlagRule(FlagKind.BLURRED, rules.blurred, partial(blurred, policy)),
        FlagRule(FlagKind.LEFT_SEAT, rules.left_seat, partial(left_seat, policy), models=seat),
    ]


def camera_moved(observation: Observation) -> Look | None:
    """How far the view has moved since the start."""
    scene = observation.scene
    return None if scene is None or scene.shift is None else Look(min(1.0, scene.shift / MOVED_FAR))


def camera_frozen(observation: Observation) -> Look | None:
    """1 while the picture is the same in every value as the one before."""
    scene = observation.scene
    return None if scene is None or scene.still_ms is None else Look(float(scene.still_ms > 0))


def too_bright(observation: Observation) -> Look | None:
    """How much of the picture is burnt out."""
    light = observation.light
    return None if light is None or light.glare is None else Look(min(1.0, light.glare / BURNT_FAR))


def blurred(policy: Policy, observation: Observation) -> Look | None:
    """How little detail there is. What is covered or dark has none either: one cause, one flag."""
    light = observation.light
    if light is None or light.sharpness is None:
        return None
    return NOTHING if _shows_nothing(policy, observation) else Look(_lack(light))


def left_seat(policy: Policy, observation: Observation) -> Look | None:
    """How sure it is that nobody is there: neither a face nor a person; no look where either was not looked for."""
    if observation.faces is None or observation.items is None or _shows_nothing(policy, observation):
        return None
    return Look(1.0 - max(_people(policy.sizes, observation), default=0.0))


def _people(sizes: Sizes, observation: Observation) -> list[float]:
    faces = [face.score for face in observation.faces or () if height(face.box) >= sizes.near_face]
    items = [item for item in observation.items or () if item.label == PERSON]
    return faces + [item.score for item in items if height(item.box) >= sizes.near_person]


def _shows_nothing(policy: Policy, observation: Observation) -> bool:
    covered, dark = camera_covered(observation), too_dark(policy, observation)
    return (covered is not None and covered.score >= policy.rules.camera_covered.threshold) or (
        dark is not None and dark.score >= policy.rules.too_dark.threshold
    )


def _lack(light: Light) -> float:
    assert light.sharpness is not None
    return max(0.0, 1.0 - light.sharpness / DETAILED)
