"""Alerts: what the desks' flags and troubles become for the people in the room. Kept newest last, up to a limit."""

from __future__ import annotations

import base64
from typing import Final

import msgspec
from msgspec.structs import replace

from invigilation import words
from proctoring.check_in import no_photo
from proctoring.fact import (
    AnalysisReduced,
    CameraEnded,
    DiskTrouble,
    Fact,
    FlagEnded,
    FlagRaised,
    Gap,
    LidMoved,
    NoCheckInPhoto,
    Part,
    PartAbsent,
)
from proctoring.flag import Flag
from proctoring.ledger import Entry
from proctoring.wire import Presence

THUMBNAIL_LIMIT: Final = 48_000
"""Bytes. A desk sends at most 12 kB; more is no thumbnail and is left out."""
JPEG_START: Final = b"\xff\xd8\xff"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as the page shows it. `id` is unique in its session; times `_s` count from the exam's start."""

    desk: str
    session: str
    """Empty where nobody sat at the desk."""
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
    """A data: URL of its newest picture, empty where there is none."""
    photo: str = ""
    """The address of the check-in photo, where it is worth a comparison."""
    earlier: bool = False
    """It was history when it arrived here."""
    seen: bool = False
    """Somebody at this console said so."""
    ended_utc_ms: int | None = None
    """When it was over, for one that the desk's presence told of; such a one knows no exam time."""

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
    thumbnail: str = ""
    """Its final picture, empty where the one that is shown stays."""
    ended_utc_ms: int | None = None


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

    def end(self, desk: str, session: str, flag: Flag, thumbnail: str = "") -> AlertEnded | None:
        """Ends an alert; None where it has ended, or is not kept any more."""
        alert = self._alerts.get((desk, session, flag.id))
        if alert is None or alert.end_s is not None:
            return None
        ended = replace(
            alert,
            end_s=_seconds(flag.ended_ms),
            peak_score=flag.peak_score,
            thumbnail=thumbnail or alert.thumbnail,
        )
        self._alerts[alert.key] = ended
        return AlertEnded(
            desk=desk,
            session=session,
            id=flag.id,
            end_s=ended.end_s,
            peak_score=ended.peak_score,
            thumbnail=thumbnail,
        )

    def over(self, alert: Alert, at_utc_ms: int) -> AlertEnded:
        """Ends an alert that the desk's presence told of."""
        if alert.key in self._alerts:
            self._alerts[alert.key] = replace(self._alerts[alert.key], ended_utc_ms=at_utc_ms)
        return AlertEnded(
            desk=alert.desk, session=alert.session, id=alert.id, end_s=None, peak_score=None, ended_utc_ms=at_utc_ms
        )

    def see(self, desk: str, session: str, alert_id: str) -> AlertSeen | None:
        """Notes that somebody has seen it; None where it is not kept."""
        alert = self._alerts.get((desk, session, alert_id))
        if alert is None:
            return None
        self._alerts[alert.key] = replace(alert, seen=True)
        return AlertSeen(desk=desk, session=session, id=alert_id)

    def of(self, desk: str, session: str | None) -> list[Alert]:
        """A session's alerts, oldest first; those of a free desk where it is None."""
        return [alert for alert in self._alerts.values() if (alert.desk, alert.session) == (desk, session or "")]

    def all(self) -> list[Alert]:
        """Every alert that is kept, newest first."""
        return sorted(self._alerts.values(), key=lambda alert: alert.raised_utc_ms, reverse=True)


def alert_of(entry: Entry, earlier: bool) -> Alert | None:
    """The alert that an entry gives rise to, if any. Trouble with the equipment is a technical alert."""
    fact = entry.fact
    if isinstance(fact, FlagRaised | FlagEnded):
        return _of_flag(entry, fact.flag, newest_picture(fact), earlier)
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


def disk_alert(presence: Presence) -> Alert | None:
    """The alert that a desk's presence gives rise to: its disk is in trouble now. Its ledger may not say so yet."""
    if presence.disk is None:
        return None
    return Alert(
        desk=presence.desk,
        session=presence.session or "",
        id=f"disk_{presence.disk}:{presence.run}:{presence.at_utc_ms}",
        kind=f"disk_{presence.disk}",
        label=None,
        words=words.DISK[presence.disk],
        technical=True,
        raised_utc_ms=presence.at_utc_ms,
        start_s=None,
    )


def _of_flag(entry: Entry, flag: Flag, thumbnail: str, earlier: bool) -> Alert:
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
        thumbnail=thumbnail,
        earlier=earlier,
    )


def _since(entry: Entry, flag: Flag) -> int:
    """How long before its entry a flag was raised: much, where only its end was seen here."""
    return max(0, entry.at_ms - flag.raised_ms) if entry.at_ms is not None else 0


def _trouble(fact: Fact) -> tuple[str, str, int | None] | None:
    """Kind, words, and when it began (None: when the entry was made)."""
    trouble: tuple[str, str, int | None] | None = None
    match fact:
        # Where the detectors are absent the flag analysis_absent tells of it: one trouble, one alert.
        case PartAbsent(part=part) if part is not Part.EDGE_AI:
            trouble = "part_absent", f"The desk's {words.PART[fact.part]} does not answer", fact.since_ms
        case Gap(disk=DiskTrouble()):
            pass  # the desk's presence told of it while it lasted: one trouble, one alert
        case Gap(part=Part.CAPTURE):
            trouble = "gap", f"Something is missing from the recording: {fact.reason}", fact.from_ms
        case Gap(part=Part.CAPTURE_SECOND):
            trouble = "gap", f"Something is missing from the second camera's recording: {fact.reason}", fact.from_ms
        case Gap():
            trouble = "gap", f"The desk's {words.PART[fact.part]} was away for a while: {fact.reason}", fact.from_ms
        case AnalysisReduced(was=0, level=level) if level:
            # The levels after the first say the same once more.
            trouble = "analysis_reduced", f"The picture analysis looks less often. {fact.reason}", fact.at_ms
        case NoCheckInPhoto(fault=fault, attempts=attempts):
            trouble = "no_check_in_photo", no_photo(fault, attempts).removesuffix("."), None
        case CameraEnded(part=Part.CAPTURE_SECOND):
            trouble = "camera_ended", f"The second camera gives no more pictures: {fact.reason}", None
        case CameraEnded():
            trouble = "camera_ended", f"The camera gives no more pictures: {fact.reason}", None
        case LidMoved(open=True):
            trouble = "lid_open", "The desk unit's case was opened", None
    return trouble


def newest_picture(fact: FlagRaised | FlagEnded) -> str:
    """The newest of a flag's pictures as a data: URL, empty where there is none that a desk would send."""
    data = fact.pictures[-1].jpeg if fact.pictures else b""
    if not is_jpeg(data, THUMBNAIL_LIMIT):
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def is_jpeg(data: bytes, limit: int) -> bool:
    """Whether a desk may have sent this for a picture of at most `limit` bytes."""
    return data.startswith(JPEG_START) and len(data) <= limit


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
