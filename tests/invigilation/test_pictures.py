"""The pictures on the console: an alert's newest one, and the check-in photo."""

import base64

import pytest

from invigilation.room import Room
from proctoring.check_in import Photo, PhotoFault, PhotoQuality
from proctoring.errors import Refused
from proctoring.fact import CheckInPhoto, FlagEnded, FlagRaised, NoCheckInPhoto
from proctoring.flag import FlagKind, Moment, Thumbnail
from proctoring.session import Move, State

JPEG = b"\xff\xd8\xff"
QUALITY = PhotoQuality(score=0.9, eyes_px=60.0, light=120.0, contrast=40.0, detail=0.5)


class Watching:
    """A room, and what came out of it."""

    def __init__(self, clock):
        self.clock, self.room, self.events = clock, Room(), []

    def take(self, *messages):
        for message in messages:
            self.events += self.room.take(message, self.clock.now())

    def told(self, name):
        return [event.data for event in self.events if event.name == name]

    def card(self):
        return self.room.card("desk-1", self.clock.now())


@pytest.fixture
def watching(clock):
    return Watching(clock)


def thumbnails(*moments):
    return tuple(
        Thumbnail(moment=moment, at_ms=at_ms, score=0.7, jpeg=JPEG + text) for moment, at_ms, text in moments
    )


def photo(jpeg=JPEG + b"photo"):
    return CheckInPhoto(photo=Photo(jpeg=jpeg, quality=QUALITY, models={}))


def address(text):
    return "data:image/jpeg;base64," + base64.b64encode(JPEG + text).decode()


def test_an_alert_shows_the_newest_picture_and_at_its_end_the_final_one(watching, desk):
    raised = thumbnails((Moment.ONSET, 1, b"first"), (Moment.NEWEST, 2, b"second"))
    ended = thumbnails((Moment.ONSET, 1, b"first"), (Moment.PEAK, 2, b"second"), (Moment.NEWEST, 3, b"third"))
    watching.take(desk.facts(FlagRaised(flag=desk.flag(), thumbnails=raised)))
    assert watching.told("alert")[0].thumbnail == address(b"second")
    watching.take(desk.facts(FlagEnded(flag=desk.flag(ended=True), thumbnails=ended)))
    assert watching.told("alert_ended")[0].thumbnail == address(b"third")
    assert watching.room.alerts()[0].thumbnail == address(b"third")


def test_an_end_without_pictures_keeps_the_one_that_is_shown(watching, desk):
    raised = thumbnails((Moment.ONSET, 1, b"first"))
    watching.take(desk.facts(FlagRaised(flag=desk.flag(), thumbnails=raised)), desk.facts(desk.ended()))
    assert watching.room.alerts()[0].thumbnail == address(b"first")


def test_the_check_in_photo_is_on_the_desks_card_and_can_be_fetched(watching, desk):
    watching.take(desk.presence(), desk.facts(desk.opened(), photo()))
    assert watching.card().photo.startswith("/desks/desk-1/photo.jpg?session=s-1")
    assert watching.room.photo("desk-1") == JPEG + b"photo"


def test_the_next_candidates_card_shows_nothing_of_the_one_before(watching, desk, make_desk):
    watching.take(desk.presence(), desk.facts(desk.opened(), photo()))
    watching.take(make_desk(watching.clock, session="s-2").presence())
    assert watching.card().photo == ""
    with pytest.raises(Refused, match="no check-in photo"):
        watching.room.photo("desk-1")


@pytest.mark.parametrize("jpeg", [b"", b"<svg onload=alert(1)>", JPEG + bytes(100_000)])
def test_what_is_no_small_jpeg_is_no_photo(watching, desk, jpeg):
    watching.take(desk.presence(), desk.facts(desk.opened(), photo(jpeg)))
    assert watching.card().photo == ""


def test_an_alert_of_a_different_person_comes_with_the_photo_and_no_other_does(watching, desk):
    watching.take(desk.presence(), desk.facts(desk.opened(), photo()))
    for kind in (FlagKind.DIFFERENT_PERSON, FlagKind.LOOKING_AWAY):
        watching.take(desk.facts(desk.raised(kind)))
    different, away = watching.told("alert")
    assert different.photo == watching.card().photo != ""
    assert away.photo == ""


def test_a_session_without_a_photo_is_a_technical_alert_with_the_reason(watching, desk):
    missing = NoCheckInPhoto(fault=PhotoFault.TOO_DARK, attempts=3)
    watching.take(desk.presence(), desk.facts(desk.opened(), missing))
    (alert,) = watching.told("alert")
    assert alert.words == "There is no check-in photo after 3 tries: there was too little light on the face"
    assert alert.technical


def test_the_photo_is_served_to_staff_alone_and_never_stored(site, browser, make_desk):
    desk = make_desk(site.clock)
    site.tell(desk.presence())
    site.tell(desk.facts(desk.opened(), desk.moved(Move.SIGN_IN, State.CHECKING_IN), photo()))
    (card,) = browser.get("/desks.json").json["desks"]
    answer = browser.get(card["photo"])
    assert (answer.data, answer.mimetype) == (JPEG + b"photo", "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"
    assert site.app.test_client().get(card["photo"]).status_code == 401
    assert browser.get("/desks/nobody/photo.jpg").status_code == 404
