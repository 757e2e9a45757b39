import pytest
from hypothesis import given
from hypothesis import strategies as st

from invigilation.trail import Standing, Trail
from proctoring.fact import CallPressed
from proctoring.ledger import Line, start
from web.clock import SimulatedClock

LENGTH = 8


def lines_of(make_desk, session="s-1"):
    desk = make_desk(SimulatedClock(), session=session)
    return [desk.line(CallPressed()) for _ in range(LENGTH)]


def test_a_ledger_seen_from_its_first_entry_is_verified(make_desk):
    trail = Trail("desk-1", "s-1")
    assert all(trail.take(line) for line in lines_of(make_desk))
    assert trail.standing is Standing.VERIFIED


def test_a_ledger_joined_in_the_middle_is_never_called_verified(make_desk):
    trail = Trail("desk-1", "s-1")
    for line in lines_of(make_desk)[3:]:
        assert trail.take(line)
        assert trail.standing is Standing.JOINED_LATER


def test_a_hole_counts_as_joined_later_until_it_is_filled(make_desk):
    trail = Trail("desk-1", "s-1")
    lines = lines_of(make_desk)
    for line in [*lines[:2], *lines[4:]]:
        trail.take(line)
    assert trail.standing is Standing.JOINED_LATER
    for line in lines[2:4]:
        trail.take(line)
    assert trail.standing is Standing.VERIFIED


@given(order=st.lists(st.integers(0, LENGTH - 1), max_size=40))
def test_any_order_with_any_repeats_gives_each_entry_once_and_verifies_exactly_a_whole_beginning(make_desk, order):
    trail = Trail("desk-1", "s-1")
    lines = lines_of(make_desk)
    taken = [entry.seq for index in order if (entry := trail.take(lines[index]))]
    assert taken == [seq + 1 for seq in dict.fromkeys(order)]
    whole = set(taken) == set(range(1, max(taken, default=0) + 1))
    assert trail.standing is (Standing.VERIFIED if whole else Standing.JOINED_LATER)


@given(at=st.integers(0, LENGTH - 1), place=st.integers(0, 400), order=st.permutations(range(LENGTH)))
def test_a_changed_byte_breaks_the_ledger_in_whatever_order_it_comes(make_desk, at, place, order):
    lines = lines_of(make_desk)
    text = lines[at].text
    place %= len(text)
    changed = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
    lines[at] = Line(changed, lines[at].hash)
    trail = Trail("desk-1", "s-1")
    for index in order:
        trail.take(lines[index])
    assert trail.standing is Standing.BROKEN


def test_another_history_behind_the_same_number_breaks_the_ledger(make_desk):
    first, other = make_desk(SimulatedClock()), make_desk(SimulatedClock(utc_ms=5))
    trail = Trail("desk-1", "s-1")
    assert trail.take(first.line(CallPressed()))
    assert trail.take(other.line(CallPressed())) is None
    assert trail.standing is Standing.BROKEN


@pytest.mark.parametrize("order", [1, -1])
def test_an_entry_that_does_not_follow_its_neighbour_breaks_the_ledger_but_is_still_shown(make_desk, order):
    other = make_desk(SimulatedClock(utc_ms=5))
    other.line(CallPressed())
    pair = [lines_of(make_desk)[0], other.line(CallPressed())]
    trail = Trail("desk-1", "s-1")
    assert all(trail.take(line) for line in pair[::order])
    assert trail.standing is Standing.BROKEN


def test_an_entry_of_another_session_is_not_taken(make_desk):
    trail = Trail("desk-1", "s-1")
    assert trail.take(lines_of(make_desk, session="s-2")[0]) is None
    assert trail.broken
    assert trail.head == start("desk-1", "s-1")
