from __future__ import annotations

from appliance.capture.time_base import TimeBase
from proctoring.wire import FrameHead


def head(mono_ms: int) -> FrameHead:
    return FrameHead(number=1, mono_ms=mono_ms, width=160, height=90)


def times(*taken_and_now: tuple[int, int]) -> list[tuple[int, int]]:
    base = TimeBase()
    set_right = (base.set_right(head(taken_ms), now_ms) for taken_ms, now_ms in taken_and_now)
    return [(right.mono_ms, jump_ms) for right, jump_ms in set_right]


def test_times_that_count_on_are_left_as_they_are() -> None:
    assert times((1000, 1030), (1067, 1100), (1133, 1160)) == [(1000, 0), (1067, 0), (1133, 0)]


def test_a_clock_that_jumps_ahead_is_set_right_from_then_on() -> None:
    assert times((1000, 1000), (61_067, 1067), (61_133, 1133)) == [(1000, 0), (1067, 60_000), (1133, 0)]


def test_a_clock_that_jumps_back_and_ahead_again_is_set_right_each_time() -> None:
    found = times((50_000, 50_000), (40_067, 50_067), (40_133, 50_133), (50_200, 50_200), (50_267, 50_267))
    assert found == [(50_000, 0), (50_067, -10_000), (50_133, 0), (50_200, 10_067 - 67), (50_267, 0)]


def test_old_pictures_that_the_driver_held_are_no_jump() -> None:
    assert times((1000, 1000), (1067, 9000), (1133, 9001), (9066, 9066)) == [
        (1000, 0),
        (1067, 0),
        (1133, 0),
        (9066, 0),
    ]


def test_jitter_is_no_jump() -> None:
    assert times((1000, 1000), (995, 1001), (1067, 1060)) == [(1000, 0), (995, 0), (1067, 0)]
