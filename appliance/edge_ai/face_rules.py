"""The rules that read the nearest face: looking away, talking, a hidden face.

A score of 0.5 is the measure that a rule's comment argues for; twice that is 1. Where several faces are near, nobody
knows which of them is the candidate's: these rules are silent, and `several_faces` speaks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from proctoring.flag import FlagKind, FlagRule, Look
from proctoring.observation import Face, Observation, Pose, height
from proctoring.policy import Policy

FACES, MESH, IRIS = "face_detection_full_range", "face_landmark", "iris_landmark"
VOICE = "silero_vad"

# Seen from the front, an iris moves by the sine of the eye's turn: a radius of 12 mm, and 15 mm from the middle of
# the eye to its corner, make about 70 degrees of a whole unit of gaze. Eyes that look back at the screen take away
# from the head's turn; eyes that go further add to it.
DEGREES_PER_GAZE: Final = 70.0

# Standard deviation of the mouth's opening within a second. In 429 looks at people on five clips who say nothing,
# while they nod, write and sign, the highest was 0.034, and one in a hundred had more than 0.032. How far speech goes
# beyond that could not be measured: no labelled clip has any.
UNREST: Final = 0.05
SLIDING_MS: Final = 1000

# Read sentences have a voice in nine tenths of any second, a speech with its pauses in three quarters at the median.
ENOUGH_VOICE: Final = 0.5
LEAST_LOOKS: Final = 4
LEAST_SPAN_MS: Final = 500

# From the side the lips' distance is mostly the mesh's guess.
MOUTH_YAW_DEG: Final = 30.0

Turn = Callable[[Face, Pose], float]
"""By how many degrees a face is turned towards one side."""


def rules_of(policy: Policy, models: dict[str, str]) -> list[FlagRule]:
    """Fresh rules for one session. `models` is the SHA-256 of each model by its name."""
    used = {name: models[name] for name in (FACES, MESH, IRIS) if name in models}
    without_iris = {name: sha256 for name, sha256 in used.items() if name != IRIS}
    heard = {name: models[name] for name in (VOICE,) if name in models}
    return [
        *_looking_away(policy, used),
        FlagRule(FlagKind.TALKING, policy.rules.talking, Talking(policy), models=without_iris | heard),
        FlagRule(FlagKind.FACE_HIDDEN, policy.rules.face_hidden, partial(face_hidden, policy), models=without_iris),
    ]


def _looking_away(policy: Policy, models: dict[str, str]) -> list[FlagRule]:
    """One rule a direction, as the picture shows it: two glances to two sides are not one long look."""
    looking = policy.looking
    sides: list[tuple[str, Turn, float | None]] = [
        ("left", lambda face, pose: -sideways_deg(face, pose), looking.sideways_deg),
        ("right", sideways_deg, looking.sideways_deg),
        ("up", lambda _, pose: pose.pitch_deg, looking.up_deg),
        ("down", lambda _, pose: -pose.pitch_deg, looking.down_deg),
    ]
    return [
        FlagRule(
            FlagKind.LOOKING_AWAY,
            policy.rules.looking_away,
            partial(turned, policy, turn, limit),
            side,
            models=models,
        )
        for side, turn, limit in sides
        if limit is not None
    ]


def turned(policy: Policy, turn: Turn, limit_deg: float, observation: Observation) -> Look | None:
    """How far the candidate looks to one side; no look without a face whose pose was measured."""
    face = candidate(policy, observation)
    if face is None or face.pose is None:
        return None
    return _look(turn(face, face.pose) / limit_deg, face)


def sideways_deg(face: Face, pose: Pose) -> float:
    """Where the candidate looks, in degrees to the picture's right: the head's turn and, where seen, the eyes'."""
    return pose.yaw_deg + DEGREES_PER_GAZE * (face.gaze or 0.0)


class Talking:
    """How restless the candidate's mouth was in the last second, and whether there was a voice."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._openings: deque[tuple[int, float]] = deque()

    def __call__(self, observation: Observation) -> Look | None:
        """Where there is a microphone it takes both, a mouth that moves and a voice: a voice for half of the second
        leaves the mouth's score as it is, less lowers it, and without any it is 0, for people chew, yawn and mouth
        words as they read. A voice alone is nothing: it may be anybody's. No look until half a second was seen."""
        face = candidate(self._policy, observation)
        if face is None or face.mouth_open is None or _is_sideways(face):
            return None
        openings = self._within(observation.at_ms, face.mouth_open)
        if len(openings) < LEAST_LOOKS or openings[-1][0] - openings[0][0] < LEAST_SPAN_MS:
            return None
        unrest = float(np.std([opening for _, opening in openings]))
        return _look(unrest / UNREST * _voiced(observation.voice), face)

    def _within(self, at_ms: int, opening: float) -> deque[tuple[int, float]]:
        openings = self._openings
        if openings and at_ms < openings[-1][0]:
            openings.clear()
        openings.append((at_ms, opening))
        while at_ms - openings[0][0] > SLIDING_MS:
            openings.popleft()
        return openings


def face_hidden(policy: Policy, observation: Observation) -> Look | None:
    """How sure it is that something covers the face; no look where that was not measured, see `cover`."""
    face = candidate(policy, observation)
    return None if face is None or face.hidden is None else Look(face.hidden, (face.box,))


def candidate(policy: Policy, observation: Observation) -> Face | None:
    """The one face near the camera; None where there is none, or more than one."""
    sizes, least = policy.sizes, 1 - policy.rules.face_absent.threshold
    certain = [face for face in observation.faces or () if face.score >= least]
    tallest = max((height(face.box) for face in certain), default=0.0)
    near = [face for face in certain if height(face.box) >= max(sizes.near_face, sizes.second_face * tallest)]
    return near[0] if len(near) == 1 else None


def _look(share: float, face: Face) -> Look:
    return Look(min(1.0, max(0.0, share / 2)), (face.box,))


def _is_sideways(face: Face) -> bool:
    return face.pose is not None and abs(face.pose.yaw_deg) > MOUTH_YAW_DEG


def _voiced(voice: float | None) -> float:
    return 1.0 if voice is None else min(1.0, voice / ENOUGH_VOICE)
