"""Figures of the flags on labelled clips: which events were flagged, and which flags have no event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from deskproctor.evaluation.labels import Event, Interval
from proctoring.flag import Flag, FlagKind
from proctoring.policy import Policy

OVERLAP: Final = 0.5
"""An event counts as found where flags cover this share of it."""

THINGS: Final = {"cell_phone": "cell phone", "book": "book", "laptop": "laptop"}


class Topic(msgspec.Struct, frozen=True):
    """What an event and the flags that tell of it have in common: any of the kinds will do."""

    name: str
    kinds: tuple[FlagKind, ...]
    label: str | None = None

    def covers(self, flag: Flag) -> bool:
        """Whether the flag tells of this."""
        return flag.kind in self.kinds and (self.label is None or flag.label == self.label)

    def dwell_s(self, policy: Policy) -> float:
        """The shortest dwell of its rules."""
        dwells_ms: list[int] = [getattr(policy.rules, kind).dwell_ms for kind in self.kinds]
        return min(dwells_ms) / 1000


COMPANY = Topic("somebody else", (FlagKind.SEVERAL_FACES, FlagKind.SECOND_PERSON))
ABSENCE = Topic("nobody there", (FlagKind.FACE_ABSENT, FlagKind.LEFT_SEAT))
AWAY = Topic("head turned", (FlagKind.LOOKING_AWAY,))
SWAPPED = Topic("another person", (FlagKind.DIFFERENT_PERSON,))
OBJECTS = {key: Topic(label, (FlagKind.PROHIBITED_OBJECT,), label) for key, label in THINGS.items()}
TOPICS: Final = (COMPANY, ABSENCE, AWAY, SWAPPED, *OBJECTS.values())


class Claim(msgspec.Struct, frozen=True):
    """What the labels say of a topic over some time: that it happens, that it does not, or (None) nothing."""

    topic: Topic
    happens: bool | None
    interval: Interval


class ClipFigures(msgspec.Struct, frozen=True):
    """One clip."""

    file: str
    duration_s: float
    events: list[dict[str, Any]]
    false_flags: list[dict[str, Any]]
    technical_flags: list[dict[str, Any]]


def claims(events: Iterable[Event]) -> list[Claim]:
    """What the labels of a clip say, topic by topic."""
    found: list[Claim] = []
    identities: list[object] = []
    for event in events:
        if event.key == "identity" and event.value not in identities:
            identities.append(event.value)
        for topic, happens in _said(event, identities):
            found += [Claim(topic, happens, interval) for interval in event.intervals]
    # Two labels may say one thing, such as two faces and two persons: that is one event.
    return list(dict.fromkeys(found))


def _said(event: Event, identities: list[object]) -> list[tuple[Topic, bool | None]]:
    key, value = event.key, event.value
    if "ignore" in key or "doubtful" in key:
        return [(topic, None) for topic in TOPICS if _concerns(key, topic)]
    if key in OBJECTS and isinstance(value, bool):
        return [(OBJECTS[key], value)]
    if key == "identity":
        return [(SWAPPED, identities.index(value) > 0)]
    if "head_turned" in key:
        return [(AWAY, bool(value))]
    if key.startswith("frontal"):
        return [(AWAY, not value)]
    return _said_of_people(key, value)


def _said_of_people(key: str, value: object) -> list[tuple[Topic, bool | None]]:
    if key.endswith("face_count") and isinstance(value, int):
        return [(COMPANY, value > 1), (ABSENCE, value == 0)]
    if key.endswith("person_count") and isinstance(value, int):
        # A person need not show a face.
        return [(COMPANY, value > 1), *([(ABSENCE, True)] if value == 0 else [])]
    if key.startswith(("face_visible", "face_present")) and isinstance(value, bool):
        return [(ABSENCE, not value)]
    return []


def _concerns(key: str, topic: Topic) -> bool:
    """Whether an `ignore` is about this topic: the one that it names, and all of them where it names none."""
    named = [
        *(OBJECTS[thing] for thing in OBJECTS if thing in key),
        *([AWAY] if "head" in key or "turn" in key else []),
        *([COMPANY, ABSENCE] if "face" in key or "person" in key else []),
        *([SWAPPED] if "identity" in key else []),
    ]
    return topic in named or not named


def score_clip(
    file: str, duration_s: float, events: tuple[Event, ...], flags: tuple[Flag, ...], policy: Policy
) -> ClipFigures:
    """The figures of one clip."""
    said = claims(events)
    return ClipFigures(
        file=file,
        duration_s=duration_s,
        events=[_event(claim, flags, policy) for claim in said if claim.happens],
        false_flags=[_line(flag) for flag in flags if not flag.technical and _is_false(flag, said)],
        technical_flags=[_line(flag) for flag in flags if flag.technical],
    )


def clip_figures(clips: list[ClipFigures]) -> dict[str, Any]:
    """All clips together. Only events that last longer than the rule's dwell are counted."""
    due = [event for clip in clips for event in clip.events if event["longer_than_dwell"]]
    found = sum(event["found"] for event in due)
    false, hours = sum(len(clip.false_flags) for clip in clips), sum(clip.duration_s for clip in clips) / 3600
    return {
        "events": len(due),
        "found": found,
        "recall": round(found / len(due), 3) if due else None,
        "false_flags": false,
        "hours": round(hours, 4),
        "false_flags_per_hour": round(false / hours, 2) if hours else None,
        "clips": msgspec.to_builtins(clips),
    }


def _event(claim: Claim, flags: tuple[Flag, ...], policy: Policy) -> dict[str, Any]:
    start_s, end_s = claim.interval
    spans = [_span(flag) for flag in flags if claim.topic.covers(flag)]
    share = _covered(claim.interval, spans) / (end_s - start_s) if end_s > start_s else 0.0
    first = min((max(start, start_s) for start, end in spans if end > start_s and start < end_s), default=None)
    return {
        "topic": claim.topic.name,
        "start_s": start_s,
        "end_s": end_s,
        "longer_than_dwell": end_s - start_s > claim.topic.dwell_s(policy),
        "overlap": round(share, 3),
        "found": share >= OVERLAP,
        "delay_s": None if first is None else round(first - start_s, 2),
    }


def _is_false(flag: Flag, said: list[Claim]) -> bool:
    """Unless an event or an `ignore` lies under it; where labels assert nothing of most of it, it is left out."""
    about = [claim for claim in said if claim.topic.covers(flag)]
    span = _span(flag)
    if _covered(span, [claim.interval for claim in about if claim.happens is not False]) > 0:
        return False
    if not about:
        return True
    denied_s = _covered(span, [claim.interval for claim in about if claim.happens is False])
    return denied_s > OVERLAP * (span[1] - span[0])


def _covered(span: Interval, by: list[Interval]) -> float:
    """Seconds of `span` under the union of `by`."""
    total, reached = 0.0, span[0]
    for start, end in sorted(by):
        seconds = min(end, span[1]) - max(start, reached)
        if seconds > 0:
            total, reached = total + seconds, min(end, span[1])
    return total


def _span(flag: Flag) -> Interval:
    ended_ms = flag.raised_ms if flag.ended_ms is None else flag.ended_ms
    return flag.started_ms / 1000, max(ended_ms, flag.started_ms + 1) / 1000


def _line(flag: Flag) -> dict[str, Any]:
    start_s, end_s = _span(flag)
    return {
        "kind": str(flag.kind),
        "label": flag.label,
        "start_s": start_s,
        "end_s": end_s,
        "peak_score": flag.peak_score,
    }
