"""Flags that belong to one look of a reviewer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from proctoring.flag import Flag

JOIN_MS = 4000
"""Flags closer than this are seen in one look: a reviewer plays about as much around a moment anyway."""


class Incident(msgspec.Struct, frozen=True):
    """Flags close in time, technical and others apart, in the order they began."""

    flags: tuple[Flag, ...]
    started_ms: int
    ended_ms: int
    technical: bool


def _end(flag: Flag) -> int:
    return flag.raised_ms if flag.ended_ms is None else flag.ended_ms


def _incident(flags: list[Flag]) -> Incident:
    return Incident(tuple(flags), flags[0].started_ms, max(map(_end, flags)), flags[0].technical)


def group(flags: Iterable[Flag], join_ms: int = JOIN_MS) -> list[Incident]:
    """Incidents in order of time; a technical problem never shares one with a suspicion."""
    incidents: list[Incident] = []
    for technical in (False, True):
        run: list[Flag] = []
        for flag in sorted((f for f in flags if f.technical is technical), key=lambda f: f.started_ms):
            if run and flag.started_ms - max(map(_end, run)) > join_ms:
                incidents.append(_incident(run))
                run = []
            run.append(flag)
        if run:
            incidents.append(_incident(run))
    return sorted(incidents, key=lambda incident: incident.started_ms)
