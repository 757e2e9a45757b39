"""The room as this console knows it: messages of the desks go in, events for the pages come out. No I/O."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import chain
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from invigilation import words
from invigilation.alerts import Alert, Alerts, alert_of, disk_alert, is_jpeg, newest_picture
from invigilation.events import Event
from invigilation.exam_clock import ExamClock
from invigilation.lateness import EARLIER_MS, Lateness
from invigilation.trail import Standing, Trail
from proctoring.check_in import PHOTO_LIMIT
from proctoring.errors import Refused
from proctoring.fact import CallPressed, CheckInPhoto, FlagEnded, Moved, SessionOpened
from proctoring.flag import FlagKind
from proctoring.ledger import Entry
from proctoring.session import OPEN, TABLE, Move, State
from proctoring.wire import Facts, Presence
from web.clock import Instant

SESSIONS_KEPT: Final = 8
"""Ledgers followed per desk: the one at the desk and those whose last entries may still be sent again."""
LEFT_OFF_MS: Final = 1500
"""A page counts the time left by itself; it is corrected when it is off by more than this."""

MOVES: Final = {"admit": Move.ADMIT, "pause": Move.PAUSE, "resume": Move.RESUME, "end": Move.TERMINATE}


class Lamp(StrEnum):
    """What a desk needs of the people in the room, most urgent first."""

    CALL = "call"
    LOOK = "look"
    AWAY = "away"
    TECHNICAL = "technical"
    CALM = "calm"
    FREE = "free"


class DeskCard(msgspec.Struct, frozen=True, kw_only=True):
    """A desk as the page shows it."""

    desk: str
    online: bool
    session: str | None
    candidate: str | None
    exam: str | None
    state: State | None
    state_words: str
    since_utc_ms: int | None
    left_ms: int | None
    counting: bool
    called_utc_ms: int | None
    lamp: Lamp
    ledger: Standing | None
    photo: str
    """The address of the check-in photo; empty where none was taken, or none has come."""
    last_alert: str | None
    """The id of the newest alert of this session."""
    orders: tuple[str, ...]
    """Those that fit the state. The desk decides about each; this is for the page's buttons."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate calls."""

    desk: str
    candidate: str | None
    at_utc_ms: int
    earlier: bool


class _Watched:
    """A session of a desk: its ledger and its exam clock."""

    def __init__(self, desk: str, session: str) -> None:
        self.trail = Trail(desk, session)
        self.clock = ExamClock()
        self._followed_seq = 0

    def follow(self, entry: Entry, now: Instant) -> bool:
        """Goes on to an entry; False for one that is older than what was followed already."""
        if entry.seq <= self._followed_seq:
            return False
        if entry.seq > self._followed_seq + 1:
            self.clock.forget()
        self._followed_seq = entry.seq
        self.clock.take(entry, now)
        return True


class _Desk:
    def __init__(self, name: str) -> None:
        self.name = name
        self.run = 0
        self.online = False
        self.session: str | None = None
        self.candidate: str | None = None
        self.exam: str | None = None
        self.state: State | None = None
        self.since_utc_ms: int | None = None
        self.newest_utc_ms = 0
        """By the desk's clock, the newest thing known of it: what is older moves nothing."""
        self.called_utc_ms: int | None = None
        self.photo = b""
        self.photo_seq = 0
        self.disk: Alert | None = None
        """Stands while the desk says that its disk is in trouble."""
        self.lateness = Lateness()
        self.watched: dict[str, _Watched] = {}
        self.shown: tuple[DeskCard, Instant] | None = None

    def watch(self, session: str) -> _Watched:
        if session not in self.watched:
            self.watched[session] = _Watched(self.name, session)
            while len(self.watched) > SESSIONS_KEPT:
                del self.watched[next(iter(self.watched))]
        return self.watched[session]

    def seat(self, session: str | None) -> None:
        """Another session, or none, is at the desk."""
        if session != self.session:
            self.session = session
            self.candidate = self.exam = self.state = self.since_utc_ms = self.called_utc_ms = None
            self.photo, self.photo_seq = b"", 0

    def stand(self, state: State | None, since_utc_ms: int) -> None:
        """How the session stands, and since when."""
        if state != self.state:
            self.state, self.since_utc_ms = state, since_utc_ms

    def follow(self, entry: Entry, now: Instant) -> None:
        """Goes on to an entry, unless the desk is further already."""
        if not self.watch(entry.session).follow(entry, now):
            return
        if entry.at_utc_ms >= self.newest_utc_ms:
            self.seat(entry.session)
        self.newest_utc_ms = max(self.newest_utc_ms, entry.at_utc_ms)
        if entry.session == self.session:
            self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        match entry.fact:
            case SessionOpened() as opened:
                self.candidate, self.exam = opened.candidate, opened.exam_title
                self.stand(self.state or State.CHECKING_IN, entry.at_utc_ms)
            case CheckInPhoto(photo=photo) if is_jpeg(photo.jpeg, PHOTO_LIMIT):
                self.photo, self.photo_seq = photo.jpeg, entry.seq
            case Moved() as moved:
                self.stand(moved.state, entry.at_utc_ms)
            case CallPressed():
                self.called_utc_ms = entry.at_utc_ms

    @property
    def photo_address(self) -> str:
        """Where the console shows the photo; another photo has another address."""
        return (
            f"/desks/{quote(self.name)}/photo.jpg?session={self.session}&entry={self.photo_seq}" if self.photo else ""
        )


class Room:
    """All desks and alerts. Not for several threads at once."""

    def __init__(self, alerts: Alerts | None = None) -> None:
        self._desks: dict[str, _Desk] = {}
        self._alerts = alerts or Alerts()

    def cards(self, now: Instant) -> list[DeskCard]:
        """Every desk, by name."""
        return [self._card(self._desks[name], now) for name in sorted(self._desks, key=_natural)]

    def card(self, desk: str, now: Instant) -> DeskCard:
        """One desk. Raises Refused where there is none of that name."""
        return self._card(self._known(desk), now)

    def photo(self, desk: str) -> bytes:
        """The check-in photo of who sits at a desk. Raises Refused where there is none."""
        photo = self._known(desk).photo
        if not photo:
            raise Refused("no_photo", "There is no check-in photo of who sits at this desk.")
        return photo

    def alerts(self) -> list[Alert]:
        """Every alert that is kept, newest first."""
        return self._alerts.all()

    def take(self, message: Facts | Presence, now: Instant) -> list[Event]:
        """What a desk's message means for the pages."""
        desk = self._desks.setdefault(message.desk, _Desk(message.desk))
        if isinstance(message, Presence):
            return [*self._take_presence(desk, message), *self._changes(desk, now)]
        trail = desk.watch(message.session).trail
        entries = [entry for line in message.lines if (entry := trail.take(line))]
        return [
            *chain.from_iterable(self._take_entry(desk, entry, now) for entry in entries),
            *self._changes(desk, now),
        ]

    def see_alert(self, desk: str, session: str, alert_id: str, now: Instant) -> list[Event]:
        """Somebody here has seen an alert. Raises Refused where it is not kept."""
        seen = self._alerts.see(desk, session, alert_id)
        if seen is None:
            raise Refused("unknown_alert", "This alert is not kept here any more. Load the page again.")
        return [Event("alert_seen", seen), *self._changes(self._known(desk), now)]

    def see_call(self, desk: str, now: Instant) -> list[Event]:
        """Somebody here answers a candidate's call."""
        known = self._known(desk)
        known.called_utc_ms = None
        return self._changes(known, now)

    def _known(self, name: str) -> _Desk:
        try:
            return self._desks[name]
        except KeyError:
            raise Refused("unknown_desk", f"This console knows no desk {name!r}. Check the name.") from None

    def _take_presence(self, desk: _Desk, presence: Presence) -> list[Event]:
        if presence.run < desk.run:
            return []
        desk.run, desk.online = presence.run, presence.online
        if not presence.online:
            return []
        desk.seat(presence.session)
        desk.candidate = presence.candidate or desk.candidate
        if presence.at_utc_ms >= desk.newest_utc_ms or desk.state is None:
            desk.stand(presence.state, presence.at_utc_ms)
        desk.newest_utc_ms = max(desk.newest_utc_ms, presence.at_utc_ms)
        return self._take_disk(desk, presence)

    def _take_disk(self, desk: _Desk, presence: Presence) -> list[Event]:
        """Each candidate at the desk has an alert of their own for as long as it lasts."""
        stood, stands = desk.disk, disk_alert(presence)
        if stood and stands and (stood.session, stood.kind) == (stands.session, stands.kind):
            return []
        desk.disk = stands
        events = [Event("alert_ended", self._alerts.over(stood, presence.at_utc_ms))] if stood else []
        if stands and self._alerts.add(stands):
            events.append(Event("alert", stands))
        return events

    def _take_entry(self, desk: _Desk, entry: Entry, now: Instant) -> list[Event]:
        earlier = desk.lateness.age_ms(entry.at_utc_ms, now.utc_ms) > EARLIER_MS
        desk.follow(entry, now)
        if isinstance(entry.fact, CallPressed):
            call = Call(desk=desk.name, candidate=desk.candidate, at_utc_ms=entry.at_utc_ms, earlier=earlier)
            return [Event("call", call)]
        return self._take_alert(desk, entry, earlier)

    def _take_alert(self, desk: _Desk, entry: Entry, earlier: bool) -> list[Event]:
        alert = alert_of(entry, earlier)
        if alert is None:
            return []
        if alert.kind == FlagKind.DIFFERENT_PERSON and entry.session == desk.session:
            alert = replace(alert, photo=desk.photo_address)
        events = [Event("alert", alert)] if self._alerts.add(alert) else []
        if isinstance(entry.fact, FlagEnded):
            ended = self._alerts.end(entry.desk, entry.session, entry.fact.flag, newest_picture(entry.fact))
            events += [Event("alert_ended", ended)] if ended else []
        return events

    def _changes(self, desk: _Desk, now: Instant) -> list[Event]:
        """The desk's card, where the pages do not show it so already."""
        card = self._card(desk, now)
        if desk.shown and _shows(*desk.shown, card, now):
            return []
        desk.shown = card, now
        return [Event("desk", card)]

    def _card(self, desk: _Desk, now: Instant) -> DeskCard:
        watched = desk.watched.get(desk.session or "")
        alerts = self._alerts.of(desk.name, desk.session)
        ledger = watched.trail.standing if watched else None
        return DeskCard(
            desk=desk.name,
            online=desk.online,
            session=desk.session,
            candidate=desk.candidate,
            exam=desk.exam,
            state=desk.state,
            state_words=words.state(desk.state),
            since_utc_ms=desk.since_utc_ms,
            left_ms=watched.clock.left_ms(now) if watched else None,
            counting=bool(watched and watched.clock.counting),
            called_utc_ms=desk.called_utc_ms,
            lamp=_lamp(desk, [alert for alert in alerts if not alert.seen], ledger),
            ledger=ledger,
            photo=desk.photo_address,
            last_alert=alerts[-1].id if alerts else None,
            orders=_fitting(desk.session, desk.state),
        )


def _lamp(desk: _Desk, unseen: list[Alert], ledger: Standing | None) -> Lamp:
    if desk.called_utc_ms is not None:
        return Lamp.CALL
    if any(not alert.technical for alert in unseen):
        return Lamp.LOOK
    if not desk.online:
        return Lamp.AWAY
    if unseen or ledger is Standing.BROKEN:
        return Lamp.TECHNICAL
    return Lamp.CALM if desk.session else Lamp.FREE


def _fitting(session: str | None, state: State | None) -> tuple[str, ...]:
    if session is None:
        return ()
    moves = [name for name, move in MOVES.items() if state is None or (state, move) in TABLE]
    return tuple(moves) + (("extend", "say") if state is None or state in OPEN else ())


def _shows(shown: DeskCard, at: Instant, card: DeskCard, now: Instant) -> bool:
    """Whether a page that was given `shown` then shows what `card` says by now; it counts time left by itself."""
    if replace(shown, left_ms=card.left_ms) != card:
        return False
    if shown.left_ms is None or card.left_ms is None:
        return shown.left_ms == card.left_ms
    passed_ms = now.mono_ms - at.mono_ms if shown.counting else 0
    return abs(max(0, shown.left_ms - passed_ms) - card.left_ms) <= LEFT_OFF_MS


def _natural(name: str) -> list[tuple[int, str]]:
    """desk-2 before desk-10."""
    return [(int(part or 0), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
