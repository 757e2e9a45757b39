"""Alerts: what the desks' flags and troubles become for the people in the room. Kept newest last, up to a limit."""

from __future__ import annotations

import base64
from typing import Final

import msgspec
from msgspec.structs import replace

from invigilation import words
from proctoring.fact import CameraEnded, Fact, FlagEnded, FlagRaised, Gap, LidMoved, PartAbsent
from proctoring.flag import Flag
from proctoring.ledger import Entry

THUMBNAIL_LIMIT: Final = 48_000
"""Bytes. A desk sends at most 12 kB; more is no thumbnail and is left out."""
JPEG_START: Final = b"\xff\xd8\xff"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as the page shows it. `id` is unique in its session; times `_s` count from the exam's start."""

    desk: str
    session: str
    id: str
    kind: str
    label: str | None
    words: str
    technical: bool
    raised_utc_ms: int
    start_s: float | None
    end_s: float | None = None
    peak_score: float | None = None
    thumbnail: str = ""
    """A data: URL, empty where there is no picture."""
    earlier: bool = False
    """It was history when it arrived here."""
    seen: bool = False
    """Somebody at this console said so."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Tells it from every other alert."""
        return self.desk, self.session, self.id


class AlertEnded(msgspec.Struct, frozen=True, kw_only=True):
    """What an alert suspected is over."""

    desk: str
    session: str
    id: str
    end_s: float | None
    peak_score: float | None


class AlertSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at this console has seen it."""

    desk: str
    session: str
    id: str


class Alerts:
    """The alerts of the room. Each is taken once, however often its fact comes."""

    def __init__(self, limit: int = 200) -> None:
        self._limit = limit
        self._alerts: dict[tuple[str, str, str], Alert] = {}

    def add(self, alert: Alert) -> bool:
        """Keeps a new alert; False where it is here already."""
        if alert.key in self._alerts:
            return False
        self._alerts[alert.key] = alert
        while len(self._alerts) > self._limit:
            del self._alerts[next(iter(self._alerts))]
        return True

    def end(self, desk: str, session: str, flag: Flag) -> AlertEnded | None:
        """Ends an alert; None where it has ended, or is not kept any more."""
        alert = self._alerts.get((desk, session, flag.id))
        if alert is None or alert.end_s is not None:
            return None
        ended = replace(alert, end_s=_seconds(flag.ended_ms), peak_score=flag.peak_score)
        self._alerts[alert.key] = ended
        return AlertEnded(desk=desk, session=session, id=flag.id, end_s=ended.end_s, peak_score=ended.peak_score)

    def see(self, desk: str, session: str, alert_id: str) -> AlertSeen | None:
        """Notes that somebody has seen it; None where it is not kept."""
        alert = self._alerts.get((desk, session, alert_id))
        if alert is None:
            return None
        self._alerts[alert.key] = replace(alert, seen=True)
        return AlertSeen(desk=desk, session=session, id=alert_id)

    def of(self, desk: str, session: str | None) -> list[Alert]:
        """A session's alerts, oldest first."""
        return [alert for alert in self._alerts.values() if (alert.desk, alert.session) == (desk, session)]

    def all(self) -> list[Alert]:
        """Every alert that is kept, newest first."""
        return sorted(self._alerts.values(), key=lambda alert: alert.raised_utc_ms, reverse=True)


def alert_of(entry: Entry, earlier: bool) -> Alert | None:
    """The alert that an entry gives rise to, if any. Trouble with the equipment is a technical alert."""
    fact = entry.fact
    if isinstance(fact, FlagRaised):
        return _of_flag(entry, fact.flag, fact.thumbnail, earlier)
    if isinstance(fact, FlagEnded):
        return _of_flag(entry, fact.flag, b"", earlier)
    trouble = _trouble(fact)
    if trouble is None:
        return None
    kind, text, started_ms = trouble
    return Alert(
        desk=entry.desk,
        session=entry.session,
        id=f"{kind}:{entry.seq}",
        kind=kind,
        label=None,
        words=text,
        technical=True,
        raised_utc_ms=entry.at_utc_ms,
        start_s=_seconds(entry.at_ms if started_ms is None else started_ms),
        earlier=earlier,
    )


def _of_flag(entry: Entry, flag: Flag, thumbnail: bytes, earlier: bool) -> Alert:
    return Alert(
        desk=entry.desk,
        session=entry.session,
        id=flag.id,
        kind=flag.kind,
        label=flag.label,
        words=words.flag(flag.kind, flag.label),
        technical=flag.technical,
        raised_utc_ms=entry.at_utc_ms - _since(entry, flag),
        start_s=_seconds(flag.started_ms),
        peak_score=flag.peak_score,
        thumbnail=_picture(thumbnail),
        earlier=earlier,
    )


def _since(entry: Entry, flag: Flag) -> int:
    """How long before its entry a flag was raised: much, where only its end was seen here."""
    return max(0, entry.at_ms - flag.raised_ms) if entry.at_ms is not None else 0


def _trouble(fact: Fact) -> tuple[str, str, int | None] | None:
    """Kind, words, and when it began (None: when the entry was made)."""
    match fact:
        case PartAbsent():
            return "part_absent", f"The desk's {words.PART[fact.part]} does not answer", fact.since_ms
        case Gap():
            return "gap", f"The desk's {words.PART[fact.part]} was away for a while: {fact.reason}", fact.from_ms
        case CameraEnded():
            return "camera_ended", f"The camera gives no more pictures: {fact.reason}", None
        case LidMoved(open=True):
            return "lid_open", "The desk unit's case was opened", None
    return None


def _picture(data: bytes) -> str:
    if not data.startswith(JPEG_START) or len(data) > THUMBNAIL_LIMIT:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
