"""The check-in photo in custody's hands."""

import msgspec
import pytest

from appliance.custody.attendance import SILENT_MS
from appliance.custody.check_in import PATIENCE_MS
from proctoring import ledger, wire
from proctoring.check_in import PHOTO_LIMIT, TRIES, Photo, PhotoFault, PhotoQuality
from proctoring.errors import Refused
from proctoring.exam import Booking
from proctoring.fact import CheckInPhoto, CheckPassed, Moved, NoCheckInPhoto, Part
from proctoring.policy import Mode, Policy
from proctoring.session import State

PHOTO = Photo(
    jpeg=b"\xff\xd8\xff photo",
    quality=PhotoQuality(score=0.9, eyes_px=60.0, light=120.0, contrast=40.0, detail=0.5),
    models={"faces": "beef"},
)


def facts(desk):
    session = desk.custody.view().session
    lines = desk.ask(wire.AskLines(session=session, after=0, limit=1000), wire.Lines).lines
    return [ledger.read(line).fact for line in lines]


def check_in(desk, policy=None, with_detectors=True):
    """Up to the page with the candidate's own picture."""
    desk.prepare(policy)
    if with_detectors:
        desk.ask(wire.Hello(part=Part.EDGE_AI, pid=7))
    desk.ask(wire.SignIn(name="Ada"))
    return desk.ask(wire.Consent(notice="1"))


def give(desk, attempt=1):
    session = desk.custody.view().session
    return desk.ask(wire.GivePhoto(session=session, attempt=attempt, photo=PHOTO), wire.Done)


def miss(desk, attempt, fault=PhotoFault.TOO_DARK):
    session = desk.custody.view().session
    desk.ask(wire.MissPhoto(session=session, attempt=attempt, fault=fault), wire.Done)


def fail(desk, times):
    for attempt in range(1, times + 1):
        desk.ask(wire.FinishCheck())
        miss(desk, attempt)


def test_the_photo_is_taken_before_the_check_is_passed_and_stands_in_the_ledger(desk):
    check_in(desk)
    view = desk.ask(wire.FinishCheck())
    assert (view.state, view.photo.wanted, view.photo.attempt) == (State.CHECKING_IN, True, 1)
    give(desk)
    assert desk.custody.view().state is State.READY
    photo, passed, *moves = facts(desk)[-4:]
    assert photo == CheckInPhoto(photo=PHOTO)
    assert isinstance(passed, CheckPassed)
    assert [type(move) for move in moves] == [Moved, Moved]


def test_where_a_person_admits_the_photo_leads_to_the_waiting_page(desk):
    booking = Booking(code="K7M2QX", candidate="Ada", exam="sample")
    desk.prepare(Policy(mode=Mode.LIVE), bookings=(booking,))
    desk.ask(wire.Hello(part=Part.EDGE_AI, pid=7))
    desk.ask(wire.SignIn(code="K7M2QX"))
    desk.ask(wire.Consent(notice="1"))
    desk.ask(wire.FinishCheck())
    give(desk)
    assert desk.custody.view().state is State.AWAITING_ADMISSION


def test_pressing_again_while_the_photo_is_taken_asks_for_no_second_one(desk):
    check_in(desk)
    desk.ask(wire.FinishCheck())
    assert desk.ask(wire.FinishCheck()).photo.attempt == 1


def test_what_is_wrong_is_in_the_view_and_pressing_again_tries_again(desk):
    check_in(desk)
    fail(desk, 1)
    assert desk.custody.view().photo.fault is PhotoFault.TOO_DARK
    assert desk.ask(wire.FinishCheck()).photo.attempt == 2
    give(desk, 2)
    assert desk.custody.view().state is State.READY


def test_an_answer_to_an_earlier_try_or_of_another_session_means_nothing(desk):
    check_in(desk)
    fail(desk, 1)
    desk.ask(wire.FinishCheck())
    miss(desk, 1, PhotoFault.NO_FACE)
    give(desk, 1)
    desk.ask(wire.GivePhoto(session="another", attempt=2, photo=PHOTO), wire.Done)
    view = desk.custody.view()
    assert (view.state, view.photo.wanted) == (State.CHECKING_IN, True)


def test_the_same_photo_twice_has_its_effect_once(desk):
    check_in(desk)
    desk.ask(wire.FinishCheck())
    give(desk)
    give(desk)
    assert sum(isinstance(fact, CheckInPhoto) for fact in facts(desk)) == 1


def test_a_photo_that_is_too_large_does_not_come_into_the_ledger(desk):
    check_in(desk)
    view = desk.ask(wire.FinishCheck())
    large = msgspec.structs.replace(PHOTO, jpeg=bytes(PHOTO_LIMIT + 1))
    with pytest.raises(Refused, match="at most"):
        desk.ask(wire.GivePhoto(session=view.session, attempt=1, photo=large), wire.Done)
    assert desk.custody.view().state is State.CHECKING_IN


def test_nobody_goes_on_without_a_photo_before_it_was_tried(desk):
    check_in(desk)
    fail(desk, TRIES - 1)
    with pytest.raises(Refused, match="take your photo first"):
        desk.ask(wire.FinishCheck(without_photo=True))
    assert not desk.custody.view().photo.may_be_left_out


def test_after_several_tries_the_session_goes_on_without_and_says_so(desk):
    check_in(desk)
    fail(desk, TRIES)
    assert desk.custody.view().photo.may_be_left_out
    assert desk.ask(wire.FinishCheck(without_photo=True)).state is State.READY
    assert NoCheckInPhoto(fault=PhotoFault.TOO_DARK, attempts=TRIES) in facts(desk)


def test_detectors_that_are_not_there_keep_nobody_from_the_exam(desk):
    check_in(desk, with_detectors=False)
    assert desk.ask(wire.FinishCheck()).state is State.READY
    assert NoCheckInPhoto(fault=PhotoFault.NOT_WORKING, attempts=0) in facts(desk)


def test_detectors_that_fell_silent_long_ago_are_not_there(desk):
    check_in(desk)
    desk.clock.pass_ms(SILENT_MS + 1)
    assert desk.ask(wire.FinishCheck()).state is State.READY


def test_detectors_that_do_not_answer_keep_nobody_either(desk):
    check_in(desk)
    desk.ask(wire.FinishCheck())
    desk.clock.pass_ms(PATIENCE_MS)
    desk.custody.tick()
    assert desk.custody.view().state is State.CHECKING_IN
    desk.clock.pass_ms(1)
    desk.custody.tick()
    assert desk.custody.view().state is State.READY
    assert NoCheckInPhoto(fault=PhotoFault.NOT_WORKING, attempts=1) in facts(desk)


def test_where_faces_are_not_compared_no_photo_is_taken(desk):
    check_in(desk, Policy(identity=False))
    assert desk.ask(wire.FinishCheck()).state is State.READY
    assert not any(isinstance(fact, CheckInPhoto | NoCheckInPhoto) for fact in facts(desk))


def test_the_photo_outlives_custody_and_is_given_to_whoever_asks_for_this_session(desk):
    check_in(desk)
    desk.ask(wire.FinishCheck())
    give(desk)
    desk.die_and_start_again()
    session = desk.custody.view().session
    assert desk.ask(wire.AskPhoto(session=session), wire.CheckInPhoto).jpeg == PHOTO.jpeg
    with pytest.raises(Refused, match="not at this desk"):
        desk.ask(wire.AskPhoto(session="another"), wire.CheckInPhoto)


def test_a_session_without_a_photo_has_none_to_give(desk):
    check_in(desk, with_detectors=False)
    desk.ask(wire.FinishCheck())
    session = desk.custody.view().session
    assert desk.ask(wire.AskPhoto(session=session), wire.CheckInPhoto).jpeg is None


def test_a_custody_that_died_while_the_photo_was_taken_lets_the_candidate_press_once_more(desk):
    check_in(desk)
    desk.ask(wire.FinishCheck())
    desk.die_and_start_again()
    desk.ask(wire.Hello(part=Part.EDGE_AI, pid=7))
    view = desk.ask(wire.FinishCheck())
    assert (view.state, view.photo.wanted) == (State.CHECKING_IN, True)
    give(desk)
    assert desk.custody.view().state is State.READY


def test_a_session_that_was_ended_during_the_check_takes_no_photo_any_more(desk):
    check_in(desk)
    desk.ask(wire.FinishCheck())
    session = desk.custody.view().session
    assert desk.order(wire.End(reason="Ill."), session=session).result == "succeeded"
    give(desk)
    assert not any(isinstance(fact, CheckInPhoto) for fact in facts(desk))
