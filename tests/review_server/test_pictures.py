"""What a reviewer sees of a session's pictures: all moments of a flag, and the check-in photo."""

import re

import pytest

from proctoring import ledger
from proctoring.check_in import Photo, PhotoFault, PhotoQuality
from proctoring.fact import CheckInPhoto, FlagEnded, FlagRaised, NoCheckInPhoto
from proctoring.flag import FlagKind
from review_server import pictures

QUALITY = PhotoQuality(score=0.9, eyes_px=61.4, light=120.0, contrast=40.0, detail=0.52, yaw_deg=3.0, pitch_deg=-9.0)


def entries(desk):
    return ledger.verify(desk.desk, desk.session, desk.lines)[0]


@pytest.fixture
def desk(bench):
    """A desk whose session has begun."""
    desk = bench.Desk()
    desk.write(bench.opened())
    return desk


@pytest.fixture
def stored(server, bench, tmp_path):
    """A server with a whole session."""
    server.ingest.take(bench.whole(tmp_path)[0].facts())
    return server


def photographed(desk, bench):
    desk.write(CheckInPhoto(photo=Photo(jpeg=bench.jpeg(), quality=QUALITY, models={"faces": "beef" * 16})))


def shown(server, desk):
    server.ingest.take(desk.facts())
    return server.staff().get("/sessions/session-1").text


def alternatives(page):
    return re.findall(r'<img[^>]*alt="([^"]*)"', page)


def test_all_moments_of_a_flag_are_shown_and_say_kind_time_and_score(stored):
    page = stored.staff().get("/sessions/session-1").text
    named = [alt for alt in alternatives(page) if alt.startswith("Perhaps an object")]
    assert [re.sub(r".*cell phone\. ", "", alt) for alt in named] == [
        "First look, at 0:09.0, score 0.70. Opens larger.",
        "Highest score, at 0:09.3, score 0.70. Opens larger.",
        "Last look, at 0:09.9, score 0.70. Opens larger.",
    ]


def test_the_end_of_a_flag_has_its_final_pictures_and_an_end_without_any_keeps_the_first_ones(desk, bench):
    flags = [bench.flag(FlagKind.FACE_ABSENT, 1000, 4000), bench.flag(FlagKind.TOO_DARK, 1000, 4000)]
    for flag in flags:
        raised, ended = bench.pictures_of(flag, bench.jpeg())
        desk.write(FlagRaised(flag=flag, thumbnails=raised), flag.raised_ms)
        desk.write(FlagEnded(flag=flag, thumbnails=ended if flag is flags[0] else ()), 4000)
    found = pictures.of_flags(entries(desk))
    assert [len(found[flag.id]) for flag in flags] == [3, 2]


def test_the_check_in_photo_stands_on_the_page_with_its_figures(server, desk, bench):
    photographed(desk, bench)
    page = shown(server, desk)
    assert "Check-in photo of Amara Okafor" in alternatives(page)
    assert "61 pixels" in page
    assert "The check-in photo was taken." in page
    (address,) = re.findall(r'class="photo" src="([^"]*)"', page)
    assert server.staff().get(address).data == bench.jpeg()


def test_it_stands_beside_the_pictures_of_a_different_person_and_of_no_other_flag(server, desk, bench):
    photographed(desk, bench)
    for kind in (FlagKind.DIFFERENT_PERSON, FlagKind.LOOKING_AWAY):
        flag = bench.flag(kind, 1000, 4000)
        desk.write(FlagRaised(flag=flag, thumbnails=bench.pictures_of(flag, bench.jpeg())[0]), flag.raised_ms)
    assert alternatives(shown(server, desk)).count("Check-in photo, to compare with") == 1


@pytest.mark.parametrize(
    ("attempts", "told"),
    [
        (0, "There is no check-in photo: the detectors did not answer."),
        (1, "There is no check-in photo after one try: the detectors did not answer."),
        (3, "There is no check-in photo after 3 tries: the detectors did not answer."),
    ],
)
def test_a_session_without_a_photo_says_why_and_what_that_means(server, desk, attempts, told):
    desk.write(NoCheckInPhoto(fault=PhotoFault.NOT_WORKING, attempts=attempts))
    page = shown(server, desk)
    assert page.count(told) == 2
    assert "not kept from the exam" in page


@pytest.mark.parametrize("fault", PhotoFault)
def test_every_fault_has_its_words(fault):
    assert pictures.told(NoCheckInPhoto(fault=fault, attempts=3)).endswith(".")


def test_where_faces_are_not_compared_nothing_is_said_of_a_photo(stored):
    assert "Check-in photo" not in stored.staff().get("/sessions/session-1").text
