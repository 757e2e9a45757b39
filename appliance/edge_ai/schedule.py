"""Which detectors look at a frame: faces always, things rarely or on motion, identity seldom.

Where the machine is short of time, looks are left out in the order of `ORDER`, one reduction more at each level. No
level goes below what the rules of the policy need to vote: three looks to a dwell, and pauses so short that a flag
outlives one look that misses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Final, NamedTuple

from appliance.edge_ai.face_rules import LEAST_LOOKS, SLIDING_MS
from appliance.edge_ai.pacer import Pacer
from proctoring.fact import Reduction
from proctoring.flag import FlagKind, FlagRule, Rule
from proctoring.observation import Observation
from proctoring.policy import Policy

ORDER: Final = tuple(Reduction)
"""What is left out first stands first. Level n leaves out the first n."""

MOVES: Final = 0.04
"""Share of the picture that changed within a quarter of a second: from here on something moves. People at work on
labelled clips reach it in four looks of five, an empty room in one of ten."""

IN_MOTION_MS: Final = 250.0
"""A thing that is taken out moves, and so does whoever takes it: four looks a second."""
AT_REST_MS: Final = 1000.0
"""What lies still is still there a second later."""
IDENTITY_MS: Final = 500.0
"""Twice a second gives a rule of 1.5 s four votes; more often costs more and says the same."""

WANTED: Final = 5
NEEDED: Final = 3
"""Votes within a dwell: as long as there is time, and always. Of three, two make the usual share of 0.6."""

SLOWEST_MS: Final = 500.0
"""Whatever a policy allows: less than two frames a second is no watching."""

FEWER_FRAMES: Final = 0.75
"""The share of the frames per second that is left before it goes down to the least."""

ITEM_KINDS: Final = frozenset({FlagKind.PROHIBITED_OBJECT, FlagKind.SECOND_PERSON, FlagKind.LEFT_SEAT})
IDENTITY_KINDS: Final = frozenset({FlagKind.DIFFERENT_PERSON})
OWN_PACE: Final = frozenset({FlagKind.CAMERA_MOVED, FlagKind.ANALYSIS_ABSENT})
"""Kinds that do not hang on how often this schedule looks."""


class Rates(NamedTuple):
    """Frames in a second that are analysed, and that are searched for things, at the most."""

    frames_per_s: float = 8.0
    items_per_s: float = 8.0


USUAL: Final = Rates()


class Looks(NamedTuple):
    """What is looked for in one frame besides faces, light and scene."""

    items: bool = True
    identity: bool = True
    gaze: bool = True


class Tally:
    """How many frames there were, and in how many each of the others looked."""

    def __init__(self) -> None:
        self.frames = 0
        self.looks = dict.fromkeys(Looks._fields, 0)

    def add(self, looks: Looks) -> None:
        """One more frame."""
        self.frames += 1
        for kind, looked in looks._asdict().items():
            self.looks[kind] += looked

    @property
    def skipped(self) -> dict[str, int]:
        """By kind, the frames that it did not look at."""
        return {kind: self.frames - looks for kind, looks in self.looks.items()}


class Schedule:
    """Plans the looks of one session."""

    def __init__(self, policy: Policy, rates: Rates = USUAL) -> None:
        self._rates = rates
        self._compares = policy.identity
        self._camera_ms = 1000 / policy.recording.frames_per_s
        self._slowest_ms = min(SLOWEST_MS, _needed_of_frames_ms(policy, self._camera_ms))
        self._identity_needed_ms = pause_ms(policy.rules.different_person, NEEDED, self._camera_ms)
        self._items, self._identity = Pacer(), Pacer()
        self._motion = 1.0
        self.tally = Tally()

    def frame_pause_ms(self, level: int) -> float:
        """From one frame to the next."""
        reduced, full_ms = ORDER[:level], 1000 / self._rates.frames_per_s
        wanted_ms = full_ms
        if Reduction.FEWEST_FRAMES in reduced:
            wanted_ms = self._slowest_ms
        elif Reduction.FEWER_FRAMES in reduced:
            wanted_ms = min(full_ms / FEWER_FRAMES, self._slowest_ms)
        return max(full_ms, wanted_ms)

    def plan(self, at_ms: int, level: int = 0, voting: Sequence[FlagRule] = ()) -> Looks:
        """What to look for in the frame taken at `at_ms`; `voting` are the rules that have seen a first hit."""
        reduced = ORDER[:level]
        return Looks(
            items=self._items.is_due(at_ms, self._items_pause_ms(reduced, voting)),
            identity=self._compares and self._identity.is_due(at_ms, self._identity_pause_ms(reduced, voting)),
            gaze=Reduction.NO_GAZE not in reduced,
        )

    def note(self, looks: Looks, seen: Observation) -> None:
        """What became of a plan. Without a face nobody's identity was looked at."""
        looks = looks._replace(identity=looks.identity and bool(seen.faces), gaze=looks.gaze and bool(seen.faces))
        if looks.items:
            self._items.took(seen.at_ms)
        if looks.identity:
            self._identity.took(seen.at_ms)
        if seen.scene is not None and seen.scene.motion is not None:
            self._motion = seen.scene.motion
        self.tally.add(looks)

    def _items_pause_ms(self, reduced: Sequence[Reduction], voting: Iterable[FlagRule]) -> float:
        fewer = Reduction.FEWER_OBJECT_LOOKS in reduced
        planned_ms = (IN_MOTION_MS if self._motion >= MOVES else AT_REST_MS) * (1 + fewer)
        pauses_ms = self._of(voting, ITEM_KINDS, NEEDED if fewer else WANTED)
        return max(1000 / self._rates.items_per_s, min([planned_ms, *pauses_ms]))

    def _identity_pause_ms(self, reduced: Sequence[Reduction], voting: Iterable[FlagRule]) -> float:
        if Reduction.FEWER_IDENTITY_LOOKS in reduced:
            return max(IDENTITY_MS, min(2 * IDENTITY_MS, self._identity_needed_ms))
        return min([IDENTITY_MS, *self._of(voting, IDENTITY_KINDS, WANTED)])

    def _of(self, voting: Iterable[FlagRule], kinds: frozenset[FlagKind], votes: int) -> list[float]:
        return [pause_ms(rule.rule, votes, self._camera_ms) for rule in voting if rule.kind in kinds]


def pause_ms(rule: Rule, votes: int, camera_ms: float) -> float:
    """The longest pause between looks with which a rule can vote; without end where it asks for nothing.

    A vote that begins with a first hit closes with the first look after the dwell: `votes` looks need pauses of less
    than dwell / (votes - 2). The newest frame may be as old as the camera's pause, `camera_ms`. Two pauses within
    `clear_ms` let one look miss.
    """
    by_dwell = rule.dwell_ms / (votes - 2) - camera_ms if rule.dwell_ms else inf
    by_clear = rule.clear_ms / 2 if rule.clear_ms else inf
    return min(by_dwell, by_clear) if rule.enabled else inf


def _needed_of_frames_ms(policy: Policy, camera_ms: float) -> float:
    """The longest pause between frames with which every rule can vote."""
    # A restless mouth is told from so many looks within so long.
    talking_ms = SLIDING_MS / LEAST_LOOKS if policy.rules.talking.enabled else inf
    rules = (getattr(policy.rules, kind) for kind in set(FlagKind) - OWN_PACE)
    return min(talking_ms, *(pause_ms(rule, NEEDED, camera_ms) for rule in rules))
