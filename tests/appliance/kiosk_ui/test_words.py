"""What is on record, in the candidate's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.kiosk_ui import words
from appliance.kiosk_ui.pages import PAGES, page_for
from appliance.kiosk_ui.sheet import typed_number
from proctoring.check_in import TRIES, PhotoFault, PhotoStep
from proctoring.flag import Flag, FlagKind, Rule, Why
from proctoring.policy import Policy, Rules
from proctoring.session import TABLE, State
from proctoring.wire import View

WHY = Why(threshold=0.6, dwell_ms=700, share=0.6, rule_version="1", scores=(), boxes=(), models={})


def flag(kind, label=None, ended_ms=9800):
    return Flag(
        id="f",
        kind=kind,
        label=label,
        technical=False,
        started_ms=5200,
        raised_ms=6000,
        ended_ms=ended_ms,
        peak_score=0.8,
        why=WHY,
    )


def test_a_flag_is_told_in_whole_seconds_that_hold_all_of_it():
    told = words.told(flag(FlagKind.PROHIBITED_OBJECT, "cell phone"))
    assert told == "The camera saw something that looked like a cell phone from 0:05 to 0:10."


def test_a_flag_that_never_ended_lasts_to_the_end():
    assert words.told(flag(FlagKind.FACE_ABSENT, ended_ms=None)).endswith("from 0:05 to the end.")


@pytest.mark.parametrize("kind", FlagKind)
def test_every_kind_of_flag_has_its_sentence(kind):
    assert words.told(flag(kind)).endswith(" from 0:05 to 0:10.")


@pytest.mark.parametrize("fault", PhotoFault)
def test_every_fault_of_a_photo_has_its_sentence_and_says_what_to_do_next(fault):
    first, last = (words.photo(PhotoStep(attempt=attempt, fault=fault)) for attempt in (1, TRIES))
    assert first.endswith("Then press the button again.")
    assert "You can go on without a photo" in last


def test_before_the_first_photo_nothing_is_said():
    assert words.photo(PhotoStep()) == ""
    assert "keep still" in words.photo(PhotoStep(attempt=1, wanted=True))


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "less than a second"), (1000, "1 second"), (60_000, "1 minute"), (125_000, "2 minutes and 5 seconds")],
)
def test_a_duration_is_told_in_minutes_and_seconds(ms, text):
    assert words.duration(ms) == text


@pytest.mark.parametrize(("ms", "text"), [(-5, "0:00"), (59_999, "0:59"), (3_723_000, "1:02:03")])
def test_a_clock_shows_hours_only_where_there_are_any(ms, text):
    assert words.clock(ms) == text


def test_the_notice_names_only_what_the_policy_looks_for():
    off = Rule(threshold=0.5, leave=0.5, dwell_ms=1, enabled=False)
    policy = Policy(rules=Rules(second_person=off), prohibited=("book",))
    told = words.looked_for(policy)
    assert "something looks like a book" in told
    assert not any("another person" in sight for sight in told)
    assert not any("looks like" in sight for sight in words.looked_for(Policy(prohibited=())))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_saved_number_reads_back_as_the_same_number(number):
    assert float(typed_number(number)) == number


def test_every_state_that_a_desk_can_be_in_has_a_page():
    at_the_desk = {State.CHECKING_IN}
    while more := {after for (state, _), after in TABLE.items() if state in at_the_desk} - at_the_desk:
        at_the_desk |= more
    assert at_the_desk == {*PAGES, State.CHECKING_IN}
    for state in at_the_desk:
        assert page_for(View(desk="d", prepared=True, walk_in=False, session="s", state=state))
