import pytest

from invigilation.lateness import EARLIER_MS, LEARN_MS, Lateness

NOW = 1_800_000_000_000


@pytest.mark.parametrize(("age_ms", "earlier"), [(0, False), (2_000, False), (30_000, True)])
def test_with_right_clocks_a_fact_is_as_old_as_it_says(age_ms, earlier):
    assert (Lateness().age_ms(NOW - age_ms, NOW) > EARLIER_MS) is earlier


def test_everything_sent_again_after_a_break_stays_history():
    lateness = Lateness()
    for at_ms in range(0, LEARN_MS, 2_000):
        lateness.age_ms(NOW + at_ms, NOW + at_ms)
    back = NOW + LEARN_MS + 300_000
    ages = [lateness.age_ms(NOW + LEARN_MS + at_ms, back) for at_ms in range(0, 280_000, 2_000)]
    assert min(ages) > EARLIER_MS


@pytest.mark.parametrize("slow_ms", [45_000, 3_600_000, -45_000])
def test_a_desk_with_a_wrong_clock_is_live_once_its_error_is_learnt(slow_ms):
    lateness = Lateness()
    ages = [lateness.age_ms(NOW + at_ms - slow_ms, NOW + at_ms + 50) for at_ms in range(0, 3 * LEARN_MS, 2_000)]
    assert max(ages[LEARN_MS // 2_000 + 1 :]) <= EARLIER_MS


def test_a_desk_whose_clock_is_put_right_is_live_again():
    lateness = Lateness()
    for at_ms in range(0, 2 * LEARN_MS, 2_000):
        lateness.age_ms(NOW + at_ms + 3_600_000, NOW + at_ms)
    later = NOW + 2 * LEARN_MS
    ages = [lateness.age_ms(later + at_ms, later + at_ms) for at_ms in range(0, 3 * LEARN_MS, 2_000)]
    assert max(ages[-30:]) <= EARLIER_MS
