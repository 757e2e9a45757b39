"""Which rules watch a session, and what each of them reads out of an Observation.

A rule's score is 0..1; thresholds, dwell and the rest come from the policy alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TypeVar

from appliance.edge_ai.boxes import covered
from appliance.edge_ai.objects import PERSON
from proctoring.flag import FlagKind, FlagRule, Look
from proctoring.observation import Face, Item, Light, Observation, height
from proctoring.policy import Policy, Sizes

FACES, ITEMS = "face_detection_full_range", "nanodet_416_int8"

# Contrast is the spread of the luma as a share of its mean, which does not change when a room gets darker. On the
# labelled clips every picture with a scene in it has 0.31 or more; under a hand or a cloth it is next to nothing.
# Half of each scale is the rule's usual threshold.
EVEN_CONTRAST = 0.30
DIM_MEAN = 0.20

# Below this mean the last steps of an 8-bit picture would count as contrast.
BLACK_MEAN = 0.02

# Two boxes that share more than this of the smaller one are one person seen twice.
SAME_PERSON = 0.6

NOTHING = Look(0.0)

Seen = TypeVar("Seen", Face, Item)


def rules_of(policy: Policy, models: dict[str, str]) -> list[FlagRule]:
    """Fresh rules for one session. `models` is the SHA-256 of each model by its name."""
    rules, sizes = policy.rules, policy.sizes
    faces, items = ({name: models[name] for name in (used,) if name in models} for used in (FACES, ITEMS))
    things = [
        FlagRule(FlagKind.PROHIBITED_OBJECT, rules.prohibited_object, partial(prohibited, label), label, items)
        for label in policy.prohibited
    ]
    return [
        FlagRule(FlagKind.CAMERA_COVERED, rules.camera_covered, camera_covered),
        FlagRule(FlagKind.TOO_DARK, rules.too_dark, partial(too_dark, policy)),
        FlagRule(FlagKind.FACE_ABSENT, rules.face_absent, partial(face_absent, policy), models=faces),
        FlagRule(FlagKind.SEVERAL_FACES, rules.several_faces, partial(several_faces, sizes), models=faces),
        FlagRule(FlagKind.SECOND_PERSON, rules.second_person, partial(second_person, sizes), models=items),
        *things,
    ]


def camera_covered(observation: Observation) -> Look | None:
    """How even the picture is: 1 where all of it is one shade."""
    light = observation.light
    return None if light is None else Look(_evenness(light))


def too_dark(policy: Policy, observation: Observation) -> Look | None:
    """How dark the picture is: 1 where it is black. A covered camera is covered, not dark: one cause, one flag."""
    light = observation.light
    if light is None:
        return None
    if _is_covered(policy, light):
        return NOTHING
    return Look(_shortfall(light.mean, DIM_MEAN))


def face_absent(policy: Policy, observation: Observation) -> Look | None:
    """How sure it is that no face is there; no look where too little is seen to find one, for that is technical."""
    if observation.faces is None or _sees_too_little(policy, observation):
        return None
    near = [face.score for face in observation.faces if height(face.box) >= policy.sizes.near_face]
    return Look(1.0 - max(near, default=0.0))


def several_faces(sizes: Sizes, observation: Observation) -> Look | None:
    """The second face's score; faces much smaller than the candidate's are people in the background."""
    if observation.faces is None:
        return None
    near = _near(observation.faces, sizes.near_face, sizes.second_face)
    return _second(near)


def second_person(sizes: Sizes, observation: Observation) -> Look | None:
    """The second person's score; persons much smaller than the candidate are people in the background."""
    if observation.items is None:
        return None
    persons = [item for item in observation.items if item.label == PERSON]
    return _second(_apart(_near(persons, sizes.near_person, sizes.second_person)))


def prohibited(label: str, observation: Observation) -> Look | None:
    """The best score of a thing with this label."""
    if observation.items is None:
        return None
    seen = [item for item in observation.items if item.label == label]
    return Look(max(item.score for item in seen), tuple(item.box for item in seen)) if seen else NOTHING


def _near(seen: Iterable[Seen], lowest: float, share: float) -> list[Seen]:
    seen = list(seen)
    tallest = max((height(one.box) for one in seen), default=0.0)
    return [one for one in seen if height(one.box) >= max(lowest, share * tallest)]


def _apart(persons: list[Item]) -> list[Item]:
    kept: list[Item] = []
    for person in sorted(persons, key=lambda item: -item.score):
        if all(max(covered(person.box, by.box), covered(by.box, person.box)) < SAME_PERSON for by in kept):
            kept.append(person)
    return kept


def _second(seen: list[Face] | list[Item]) -> Look:
    scores = sorted((one.score for one in seen), reverse=True)
    return Look(scores[1], tuple(one.box for one in seen)) if len(scores) > 1 else NOTHING


def _sees_too_little(policy: Policy, observation: Observation) -> bool:
    light = observation.light
    if light is None:
        return False
    return _is_covered(policy, light) or _shortfall(light.mean, DIM_MEAN) >= policy.rules.too_dark.threshold


def _is_covered(policy: Policy, light: Light) -> bool:
    return _evenness(light) >= policy.rules.camera_covered.threshold


def _evenness(light: Light) -> float:
    return _shortfall(light.spread / max(light.mean, BLACK_MEAN), EVEN_CONTRAST)


def _shortfall(value: float, enough: float) -> float:
    return max(0.0, 1.0 - value / enough)
