from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.pace import Pace


def taken(source_per_s: float, wanted_per_s: float, seconds: int = 20) -> int:
    pace = Pace(wanted_per_s)
    return sum(pace.takes(1_000_000 + round(n * 1000 / source_per_s)) for n in range(round(source_per_s * seconds)))


@pytest.mark.parametrize("source_per_s", [5, 10, 12, 14, 15])
def test_a_source_no_faster_than_wanted_stays_as_it_is(source_per_s: float) -> None:
    assert taken(source_per_s, 15) == source_per_s * 20


@pytest.mark.parametrize("source_per_s", [20, 24, 25, 29.97, 30, 50, 60])
def test_a_faster_source_is_brought_to_what_is_wanted(source_per_s: float) -> None:
    assert abs(taken(source_per_s, 15) - 300) <= 2


def test_after_a_pause_it_does_not_make_up_for_what_was_missed() -> None:
    pace = Pace(10)
    assert pace.takes(0)
    assert pace.takes(60_000)
    assert not pace.takes(60_030)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=200), st.sampled_from([1, 10, 15, 30]))
def test_never_more_than_wanted_however_the_pictures_come(steps: list[int], per_s: int) -> None:
    pace, now_ms, times = Pace(per_s), 0, []
    for step in steps:
        now_ms += step
        if pace.takes(now_ms):
            times.append(now_ms)
    span_s = (times[-1] - times[0]) / 1000
    assert len(times) <= span_s * per_s + 2
