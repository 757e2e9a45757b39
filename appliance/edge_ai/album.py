"""Keeps small pictures of what may become a flag: of its first look, of the highest score, and of the newest.

A picture is kept only when a rule sees something in it, at most three per rule, of 0.1 MB each. It is drawn on and
made a JPEG only once there is a flag to tell.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from appliance.edge_ai.picture import Picture
from appliance.edge_ai.thumbnail import WIDTH_PX, thumbnail
from proctoring.flag import Flag, FlagRule, Glimpse, Look, Moment, Thumbnail


class Shot(msgspec.Struct, frozen=True):
    """A small picture and what the rule saw in it."""

    at_ms: int
    look: Look
    picture: Picture

    def thumbnail(self, moment: Moment) -> Thumbnail:
        """With what it is about framed."""
        jpeg = thumbnail(self.picture, self.look.boxes)
        return Thumbnail(moment=moment, at_ms=self.at_ms, score=round(self.look.score, 3), jpeg=jpeg)


class Album:
    """The pictures of one session's rules."""

    def __init__(self) -> None:
        self._shots: dict[tuple[str, str | None], dict[Moment, Shot]] = {}

    def note(self, rules: Iterable[FlagRule], at_ms: int, picture: Picture) -> None:
        """Keeps of this frame, which all `rules` have just looked at, what is worth it."""
        for rule in rules:
            glimpse = rule.glimpse
            if glimpse is not None and at_ms in (glimpse.last_seen_ms, glimpse.peak_ms):
                self._keep(rule, glimpse, Shot(at_ms, glimpse.look, small(picture)))

    def _keep(self, rule: FlagRule, glimpse: Glimpse, shot: Shot) -> None:
        if glimpse.started_ms == shot.at_ms:
            self._shots[rule.kind, rule.label] = {Moment.ONSET: shot}
        shots = self._shots.setdefault((rule.kind, rule.label), {})
        if glimpse.peak_ms == shot.at_ms:
            shots[Moment.PEAK] = shot
        shots[Moment.NEWEST] = shot

    def thumbnails(self, flag: Flag) -> tuple[Thumbnail, ...]:
        """Up to three of a flag, in the order of their times: a moment that is two things is shown once."""
        shots = self._shots.get((flag.kind, flag.label), {})
        once = {
            shots[moment].at_ms: moment for moment in (Moment.NEWEST, Moment.ONSET, Moment.PEAK) if moment in shots
        }
        made = [shots[moment].thumbnail(moment) for _, moment in sorted(once.items())]
        return tuple(one for one in made if one.jpeg)


def small(picture: Picture) -> Picture:
    """The picture halved until it is no wider than a thumbnail needs, without the larger ones that it came from."""
    if picture.width >= 2 * WIDTH_PX:
        return small(picture.half)
    return Picture(picture.luma, picture.blue, picture.red)
