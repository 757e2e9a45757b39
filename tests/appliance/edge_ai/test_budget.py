import pytest

from appliance.edge_ai.budget import LATE_MS, MOST_PATIENCE_MS, PATIENCE_MS, TRIAL_MS, WINDOW_MS, Budget, Reading
from appliance.edge_ai.schedule import ORDER

LOWEST = len(ORDER)
FRAME_MS = 125


class Machine:
    """Four cores and an analysis that takes what its level costs."""

    def __init__(self, cpu_share=0.5):
        self.budget = Budget(cpu_share, cores=4)
        self.at_ms = self.cpu_ms = 0
        self.steps = []

    def run(self, length_ms, share=0.1, latency_ms=50):
        """`share` of the machine and a latency, each a number or a function of the level."""
        for _ in range(0, length_ms, FRAME_MS):
            level = self.budget.level
            self.at_ms += FRAME_MS
            self.cpu_ms += round(4 * FRAME_MS * (share(level) if callable(share) else share))
            late = latency_ms(level) if callable(latency_ms) else latency_ms
            step = self.budget.feed(Reading(self.at_ms, self.cpu_ms, late))
            if step:
                self.steps.append((self.at_ms, step))
        return [step.level for _, step in self.steps]


@pytest.fixture
def machine():
    return Machine()


def test_with_time_to_spare_nothing_is_left_out(machine):
    assert machine.run(3_600_000) == []
    assert machine.budget.level == 0


def test_more_than_its_share_makes_it_give_way_one_level_at_a_time(machine):
    assert machine.run(60_000, share=0.6) == [1, 2, 3, 4, 5]
    assert "60%" in machine.steps[0][1].reason
    assert "50%" in machine.steps[0][1].reason


def test_the_lowest_level_is_reached_within_sixteen_seconds_and_never_left_downwards(machine):
    machine.run(16_000, latency_ms=1000)
    assert machine.budget.level == LOWEST
    machine.run(60_000, latency_ms=5000)
    assert machine.budget.level == LOWEST


def test_a_busy_machine_makes_it_give_way_even_where_its_own_share_is_small(machine):
    assert machine.run(2 * WINDOW_MS, share=0.05, latency_ms=LATE_MS + 50)[:1] == [1]
    assert "300 ms" in machine.steps[0][1].reason


def test_it_stops_giving_way_where_it_fits(machine):
    cost = [0.7, 0.6, 0.52, 0.45, 0.4, 0.2]
    machine.run(25_000, share=lambda level: cost[level])
    assert machine.budget.level == 3


def test_a_few_dear_looks_in_time_are_no_pressure(machine):
    """Looks for things that take a while, one frame in four: the others are on time."""
    for _ in range(1000):
        machine.run(FRAME_MS, latency_ms=LATE_MS + 100)
        machine.run(3 * FRAME_MS, latency_ms=60)
    assert machine.steps == []


def test_a_single_slow_frame_changes_nothing(machine):
    machine.run(WINDOW_MS)
    machine.run(FRAME_MS, latency_ms=2000)
    assert machine.run(60_000) == []


def test_it_comes_back_level_by_level_after_enough_calm(machine):
    machine.run(16_000, share=0.9)
    before_ms = machine.at_ms
    machine.run(6 * (PATIENCE_MS + WINDOW_MS))
    assert [step.level for _, step in machine.steps[LOWEST:]] == [4, 3, 2, 1, 0]
    assert machine.steps[LOWEST][0] - before_ms >= PATIENCE_MS - WINDOW_MS
    assert all(step.was == step.level + 1 for _, step in machine.steps[LOWEST:])


def test_between_the_two_limits_it_stays_where_it_is(machine):
    machine.run(16_000, share=0.9)
    machine.run(3_600_000, share=0.45)
    assert machine.budget.level == LOWEST


def test_where_each_try_fails_the_tries_become_rare(machine):
    """The level that fits leaves so much room that the next is always tried, and always too much."""
    machine.run(3_600_000, share=lambda level: 0.3 if level >= 2 else 0.6)
    tries = [at_ms for at_ms, step in machine.steps if step.level < step.was]
    assert 3 <= len(tries) <= 10
    assert tries[-1] - tries[-2] >= MOST_PATIENCE_MS


def test_after_a_try_that_held_the_next_comes_as_soon_as_at_first(machine):
    machine.run(600_000, share=lambda level: 0.3 if level >= 2 else 0.6)
    machine.run(3 * MOST_PATIENCE_MS)
    assert machine.budget.level == 0
    last, before = machine.steps[-1][0], machine.steps[-2][0]
    assert last - before <= TRIAL_MS + 2 * WINDOW_MS


def test_a_pause_of_the_exam_is_no_calm_and_no_pressure(machine):
    machine.run(WINDOW_MS - FRAME_MS, share=0.9)
    machine.budget.rest()
    machine.at_ms += 600_000
    assert machine.run(WINDOW_MS - FRAME_MS, share=0.9) == []
    assert machine.run(2 * FRAME_MS, share=0.9) == [1]


def test_the_share_is_of_all_cores_that_it_may_run_on():
    one, four = Budget(0.5, cores=1), Budget(0.5, cores=4)
    for at_ms in range(0, 2 * WINDOW_MS, FRAME_MS):
        one.feed(Reading(at_ms, round(0.8 * at_ms), 50))
        four.feed(Reading(at_ms, round(0.8 * at_ms), 50))
    assert (one.level, four.level) == (1, 0)
