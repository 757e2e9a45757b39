"""Observations become flags: a flag is a suspicion with its reasons, never a verdict.

A rule votes over time. An episode opens with the first hit. It becomes a flag once it has lasted `dwell_ms` with at
least `share` of its looks being hits; it ends once nothing at or above `leave` was seen for `clear_ms`
(hysteresis). For `cool_down_ms` after the end no new flag of the same kind and label is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from proctoring.observation import Box, Observation

Share = Annotated[float, Meta(ge=0, le=1)]
Millis = Annotated[int, Meta(ge=0, le=3_600_000)]

RULE_VERSION: Final = "2"
"""Changes whenever the same observations could give other flags."""

SCORES_KEPT: Final = 64
"""How many scores a flag explains itself with; of a longer one every second score is dropped, again and again."""


class FlagKind(StrEnum):
    """What a flag suspects."""

    FACE_ABSENT = "face_absent"
    SEVERAL_FACES = "several_faces"
    SECOND_PERSON = "second_person"
    DIFFERENT_PERSON = "different_person"
    LOOKING_AWAY = "looking_away"
    PROHIBITED_OBJECT = "prohibited_object"
    TALKING = "talking"
    LEFT_SEAT = "left_seat"
    FACE_HIDDEN = "face_hidden"
    CAMERA_COVERED = "camera_covered"
    CAMERA_MOVED = "camera_moved"
    CAMERA_FROZEN = "camera_frozen"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"
    ANALYSIS_ABSENT = "analysis_absent"


TECHNICAL: Final = frozenset(
    {
        FlagKind.CAMERA_COVERED,
        FlagKind.CAMERA_MOVED,
        FlagKind.CAMERA_FROZEN,
        FlagKind.TOO_DARK,
        FlagKind.TOO_BRIGHT,
        FlagKind.BLURRED,
        FlagKind.ANALYSIS_ABSENT,
    }
)
"""Kinds that say something about the equipment or the room, never about the candidate."""


class Moment(StrEnum):
    """What a flag's picture shows: its first look, the one with the highest score, or the newest that counts."""

    ONSET = "onset"
    PEAK = "peak"
    NEWEST = "newest"


class Thumbnail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A small picture of one moment of a flag, with what it is about framed."""

    moment: Moment
    at_ms: int
    score: float
    jpeg: bytes


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a rule raises, holds and drops a flag."""

    threshold: Share
    """A look whose score is at least this is a hit."""
    leave: Share
    """Below this the thing counts as gone; lower than `threshold`, so that a flag does not flicker."""
    dwell_ms: Millis
    share: Share = 0.6
    """The share of looks within the dwell that must be hits."""
    clear_ms: Millis = 1000
    cool_down_ms: Millis = 5000
    enabled: bool = True


class Look(msgspec.Struct, frozen=True):
    """What one observation says to one rule."""

    score: float
    boxes: tuple[Box, ...] = ()


class Glimpse(msgspec.Struct, frozen=True):
    """What a rule has just seen of something that may be, or is, a flag; all times since the session's zero."""

    started_ms: int
    peak_ms: int
    last_seen_ms: int
    look: Look


class Why(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reasons of a flag, enough to argue with it."""

    threshold: float
    dwell_ms: int
    share: float
    rule_version: str
    scores: tuple[tuple[int, float], ...]
    """(at_ms, score) over the flag's life."""
    boxes: tuple[Box, ...]
    """Where, in the look with the highest score."""
    models: dict[str, str]
    """Name to SHA-256 of each model that had a say."""


class Flag(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A suspected violation, or a technical problem, from `started_ms` to `ended_ms` (None while it lasts)."""

    id: str
    kind: FlagKind
    label: str | None
    technical: bool
    started_ms: int
    raised_ms: int
    ended_ms: int | None
    peak_score: float
    why: Why


class _Episode:
    """Looks since the first hit, while they may become, or are, one flag."""

    def __init__(self, at_ms: int) -> None:
        self.started_ms = at_ms
        self.last_seen_ms = at_ms
        self.looks = 0
        self.hits = 0
        self.peak = self.newest = Look(score=-1.0)
        self.peak_ms = at_ms
        self.scores: list[tuple[int, float]] = []
        self.flag: Flag | None = None

    def add(self, at_ms: int, look: Look, rule: Rule) -> None:
        self.looks += 1
        self.hits += look.score >= rule.threshold
        self.scores.append((at_ms, round(look.score, 3)))
        if len(self.scores) > SCORES_KEPT:
            del self.scores[1::2]
        self.newest = look
        if look.score > self.peak.score:
            self.peak, self.peak_ms = look, at_ms
        if look.score >= (rule.leave if self.flag else rule.threshold):
            self.last_seen_ms = at_ms

    @property
    def share(self) -> float:
        return self.hits / self.looks


class FlagRule:
    """One rule at work: feed it observations in order, it gives flags as they are raised and as they end."""

    def __init__(
        self,
        kind: FlagKind,
        rule: Rule,
        look: Callable[[Observation], Look | None],
        label: str | None = None,
        models: dict[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.label = label
        self.rule = rule
        self._look = look
        self._models = models or {}
        self._episode: _Episode | None = None
        self._quiet_until_ms: int | None = None

    def feed(self, observation: Observation) -> Flag | None:
        """The flag that this observation raises (open) or ends (closed), if any."""
        look = self._look(observation) if self.rule.enabled else None
        if look is None:
            return None
        at_ms = observation.at_ms
        if self._episode is None:
            if look.score < self.rule.threshold:
                return None
            self._episode = _Episode(at_ms)
        self._episode.add(at_ms, look, self.rule)
        return self._ended(at_ms) if self._episode.flag else self._raised(at_ms, look)

    @property
    def glimpse(self) -> Glimpse | None:
        """What the newest observation showed, while there is an episode."""
        episode = self._episode
        if episode is None:
            return None
        return Glimpse(episode.started_ms, episode.peak_ms, episode.last_seen_ms, episode.newest)

    def finish(self) -> Flag | None:
        """Ends what is open: nothing more will be observed for now."""
        episode, self._episode = self._episode, None
        if episode is None or episode.flag is None:
            return None
        return self._closed(episode, episode.last_seen_ms)

    def _raised(self, at_ms: int, look: Look) -> Flag | None:
        episode = self._episode
        assert episode is not None
        if at_ms - episode.last_seen_ms >= max(self.rule.clear_ms, 1) or episode.share < self.rule.share:
            self._episode = None
            return None
        cooling = self._quiet_until_ms is not None and at_ms < self._quiet_until_ms
        if cooling or look.score < self.rule.threshold or at_ms - episode.started_ms < self.rule.dwell_ms:
            return None
        episode.flag = self._flag(episode, raised_ms=at_ms, ended_ms=None)
        return episode.flag

    def _ended(self, at_ms: int) -> Flag | None:
        episode = self._episode
        assert episode is not None
        if at_ms - episode.last_seen_ms < self.rule.clear_ms:
            return None
        self._episode = None
        return self._closed(episode, episode.last_seen_ms)

    def _closed(self, episode: _Episode, ended_ms: int) -> Flag:
        assert episode.flag is not None
        self._quiet_until_ms = ended_ms + self.rule.cool_down_ms
        return self._flag(episode, raised_ms=episode.flag.raised_ms, ended_ms=ended_ms)

    def _flag(self, episode: _Episode, raised_ms: int, ended_ms: int | None) -> Flag:
        return Flag(
            id=":".join(filter(None, (self.kind, self.label, str(episode.started_ms)))),
            kind=self.kind,
            label=self.label,
            technical=self.kind in TECHNICAL,
            started_ms=episode.started_ms,
            raised_ms=raised_ms,
            ended_ms=ended_ms,
            peak_score=round(episode.peak.score, 3),
            why=self._why(episode),
        )

    def _why(self, episode: _Episode) -> Why:
        return Why(
            threshold=self.rule.threshold,
            dwell_ms=self.rule.dwell_ms,
            share=self.rule.share,
            rule_version=RULE_VERSION,
            scores=tuple(episode.scores),
            boxes=episode.peak.boxes,
            models=self._models,
        )


def analysis_absent(rule: Rule, started_ms: int, raised_ms: int, ended_ms: int | None = None) -> Flag:
    """The technical flag that nobody looked. No detector can raise it: who sees that they are away does."""
    kind, until_ms = FlagKind.ANALYSIS_ABSENT, raised_ms if ended_ms is None else ended_ms
    return Flag(
        id=f"{kind}:{started_ms}",
        kind=kind,
        label=None,
        technical=True,
        started_ms=started_ms,
        raised_ms=raised_ms,
        ended_ms=ended_ms,
        peak_score=1.0,
        why=Why(
            threshold=rule.threshold,
            dwell_ms=rule.dwell_ms,
            share=rule.share,
            rule_version=RULE_VERSION,
            scores=((started_ms, 1.0), (until_ms, 1.0)),
            boxes=(),
            models={},
        ),
    )


def feed_all(rules: Iterable[FlagRule], observation: Observation) -> list[Flag]:
    """Every flag that this observation raises or ends."""
    return [flag for rule in rules if (flag := rule.feed(observation)) is not None]
