import itertools

import pytest

from appliance.panel.lamp import BY_STATE, CALLED, DARK, FREE, PROBLEM, UNKNOWN, UNPREPARED, Signal, lit, signal
from proctoring.fact import Part
from proctoring.session import ACTIVE, TABLE, State
from proctoring.wire import View

ALL = {UNKNOWN, CALLED, PROBLEM, UNPREPARED, *BY_STATE.values()}


def view(state: State | None = None, **more: object) -> View:
    session = "session-1" if state else None
    return View(desk="desk-1", prepared=True, walk_in=True, session=session, state=state, **more)  # type: ignore[arg-type]


def test_every_state_that_a_session_has_at_a_desk_has_its_signal() -> None:
    reachable = {State.BOOKED}
    while more := {to for (source, _), to in TABLE.items() if source in reachable} - reachable:
        reachable |= more
    assert set(BY_STATE) == reachable


def test_no_two_signals_look_alike() -> None:
    looks = [(shown.lights, shown.on_ms, shown.off_ms) for shown in ALL]
    assert len(set(looks)) == len(looks)


@pytest.mark.parametrize("shown", sorted(ALL, key=lambda shown: shown.meaning), ids=lambda shown: shown.meaning)
def test_no_light_flashes_more_than_three_times_a_second(shown: Signal) -> None:
    states = [lit(shown, at_ms) for at_ms in range(0, 12_000, 5)]
    flashes = sum(1 for before, after in itertools.pairwise(states) if not before and after)
    assert flashes / 12 <= 3


@pytest.mark.parametrize("shown", sorted(ALL, key=lambda shown: shown.meaning), ids=lambda shown: shown.meaning)
def test_every_signal_can_be_seen_and_says_what_it_means(shown: Signal) -> None:
    assert any(lit(shown, at_ms) for at_ms in range(0, 3000, 125))
    assert shown.meaning.endswith(".")


def test_nothing_blinks_while_an_exam_runs() -> None:
    running = signal(view(State.RUNNING))
    assert {lit(running, at_ms) for at_ms in range(0, 5000, 125)} == {running.lights}


def test_the_lamp_that_was_told_nothing_is_red() -> None:
    assert signal(None) == UNKNOWN
    assert lit(UNKNOWN, 123) == {"red"}


def test_a_desk_without_a_session_is_free_or_not_prepared() -> None:
    assert signal(view()) == FREE
    assert signal(View(desk="desk-1", prepared=False, walk_in=True)) == UNPREPARED


@pytest.mark.parametrize("part", [Part.CAPTURE, Part.KIOSK_UI])
def test_a_part_that_the_exam_needs_is_a_problem_when_it_is_away(part: Part) -> None:
    assert signal(view(State.RUNNING, absent=(part,))) == PROBLEM


@pytest.mark.parametrize("part", [Part.EDGE_AI, Part.SYNC])
def test_detectors_and_network_that_are_away_are_no_problem_at_the_desk(part: Part) -> None:
    assert signal(view(State.RUNNING, absent=(part,))) == BY_STATE[State.RUNNING]


@pytest.mark.parametrize("state", list(BY_STATE))
def test_a_camera_that_ended_is_a_problem_only_while_the_exam_is_on(state: State) -> None:
    assert (signal(view(state, camera_ended=True)) == PROBLEM) == (state in ACTIVE)


def test_a_candidate_who_calls_is_seen_before_everything_else() -> None:
    assert signal(view(State.RUNNING, called=True, absent=(Part.CAPTURE,))) == CALLED


def test_a_blinking_light_is_dark_in_between() -> None:
    assert [bool(lit(CALLED, at_ms)) for at_ms in (0, 249, 250, 499, 500)] == [True, True, False, False, True]
    assert lit(CALLED, 300) == DARK
