import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctoring.errors import Refused
from proctoring.session import ACTIVE, TABLE, Move, Session, State, advance, extend, left, spent

DESK_STATES = set(State) - {
    State.RECEIVING,
    State.COMPLETE,
    State.INCOMPLETE,
    State.IN_REVIEW,
    State.APPROVED,
    State.DECLINED,
    State.SECOND_REVIEW,
    State.APPEALED,
}

steps = st.lists(st.tuples(st.sampled_from(Move), st.integers(0, 10_000)), max_size=60)


@given(steps)
def test_no_sequence_of_moves_reaches_a_state_that_the_table_does_not_lead_to(moves):
    session, now = Session(id="s", desk="d", allowed_ms=60_000), 0
    for move, wait in moves:
        now += wait
        before = session
        try:
            session = advance(session, move, now)
        except Refused:
            assert (before.state, move) not in TABLE
            continue
        assert TABLE[before.state, move] is session.state
        assert session.state in DESK_STATES


@given(steps)
def test_the_exam_clock_never_runs_backwards_and_runs_only_while_running(moves):
    session, now, used = Session(id="s", desk="d", allowed_ms=60_000), 0, 0
    for move, wait in moves:
        now += wait
        used += wait if session.state is State.RUNNING else 0
        with contextlib.suppress(Refused):
            session = advance(session, move, now)
        assert spent(session, now) == used
        assert left(session, now) == max(0, 60_000 - used)


def test_a_candidate_goes_from_booking_to_seal_by_eight_moves():
    session = Session(id="s", desk="d")
    path = (Move.SIGN_IN, Move.PASS_CHECK, Move.ADMIT, Move.START, Move.PAUSE, Move.RESUME, Move.SUBMIT, Move.SEAL)
    for move in path:
        session = advance(session, move, 0)
    assert session.state is State.SEALED


@pytest.mark.parametrize("state", [State.SEALED, State.SUBMITTED])
def test_a_finished_exam_never_runs_again(state):
    for move in set(Move) - {Move.SEAL}:
        with pytest.raises(Refused):
            advance(Session(id="s", desk="d", state=state), move, 0)


def test_a_refusal_says_in_words_why():
    with pytest.raises(Refused, match="awaiting admission cannot start"):
        advance(Session(id="s", desk="d", state=State.AWAITING_ADMISSION), Move.START, 0)


def test_an_extension_adds_time_and_is_refused_after_the_end():
    running = advance(Session(id="s", desk="d", state=State.READY, allowed_ms=1000), Move.START, 0)
    assert left(extend(running, 500), 0) == 1500
    with pytest.raises(Refused, match="cannot be extended"):
        extend(advance(running, Move.SUBMIT, 10), 500)
    with pytest.raises(Refused, match="add time"):
        extend(running, -5)


def test_every_state_but_the_last_ones_has_a_way_out():
    ways_out = {state for state, _ in TABLE}
    assert set(State) - ways_out == {State.SEALED}
    assert ways_out >= ACTIVE
