from __future__ import annotations

import itertools

import numpy as np
import pytest

from appliance.capture.video_file import VideoFile
from appliance.runtime.clock import SimulatedClock


def play(source: VideoFile, clock: SimulatedClock, until_ms: int) -> list[tuple[int, int]]:
    """(mono_ms, number in the file) of what is shown until then."""
    shown = []
    while clock.mono_ms() < until_ms:
        frame = source.next(0.2)
        if frame:
            luma = np.frombuffer(frame.planes, np.uint8)[: frame.head.width * frame.head.height].mean()
            shown.append((frame.head.mono_ms, round((float(luma) - 30) / 10)))
    return shown


@pytest.fixture
def zero(clock: SimulatedClock) -> int:
    return clock.mono_ms() + 1000


def opened(path, clock: SimulatedClock, loop: bool = False) -> VideoFile:
    source = VideoFile(path, clock, loop=loop)
    source.open()
    return source


def test_before_the_exam_it_shows_its_first_picture_ten_times_a_second(make_video, clock, zero) -> None:
    shown = play(opened(make_video(), clock), clock, zero)
    assert [number for _, number in shown] == [0] * 10
    assert all(late - early == 100 for (early, _), (late, _) in itertools.pairwise(shown))


def test_from_zero_on_each_picture_comes_at_its_time(make_video, clock) -> None:
    source = opened(make_video(frames=10, per_s=10), clock)
    zero = clock.mono_ms()
    source.begin(zero)
    assert play(source, clock, zero + 1000) == [(zero + 100 * n, n) for n in range(10)]


def test_it_has_ended_once_its_last_picture_was_shown_for_its_time(make_video, clock) -> None:
    source = opened(make_video(frames=10, per_s=10), clock)
    zero = clock.mono_ms()
    source.begin(zero)
    play(source, clock, zero + 900)
    assert source.ended is None
    play(source, clock, zero + 1000)
    assert source.ended == "video ended"
    assert play(source, clock, zero + 3000) == []


def test_a_recorder_that_comes_back_goes_on_where_the_file_is_by_then(make_video, clock) -> None:
    source = opened(make_video(frames=19, per_s=10), clock)
    source.begin(clock.mono_ms() - 900)
    number = play(source, clock, clock.mono_ms() + 50)[0][1]
    assert 4 <= number <= 9


def test_far_into_a_long_file_it_seeks(make_video, clock) -> None:
    source = opened(make_video(frames=200, per_s=10), clock)
    zero = clock.mono_ms() - 15_040
    source.begin(zero)
    first_ms, number = play(source, clock, clock.mono_ms() + 50)[0]
    assert 14_540 <= first_ms - zero <= 15_100
    assert number == (first_ms - zero) // 100 % 20


def test_a_machine_that_stood_still_loses_pictures_as_a_camera_would(make_video, clock) -> None:
    source = opened(make_video(frames=100, per_s=10), clock)
    zero = clock.mono_ms()
    source.begin(zero)
    play(source, clock, zero + 1000)
    clock.pass_ms(2500)
    assert play(source, clock, zero + 3550)[0][0] >= zero + 3000


def test_with_loop_it_starts_again_without_a_hole(make_video, clock) -> None:
    source = opened(make_video(frames=10, per_s=10), clock, loop=True)
    zero = clock.mono_ms()
    source.begin(zero)
    assert play(source, clock, zero + 2400) == [(zero + 100 * n, n % 10) for n in range(25)]
    assert source.ended is None


def test_a_looping_file_that_comes_back_late_is_in_the_right_lap(make_video, clock) -> None:
    source = opened(make_video(frames=10, per_s=10), clock, loop=True)
    zero = clock.mono_ms() - 60_200
    source.begin(zero)
    first_ms, number = play(source, clock, clock.mono_ms() + 150)[0]
    assert clock.mono_ms() - first_ms <= 700
    assert number == (first_ms - zero) // 100 % 10


def test_after_its_end_a_come_back_finds_it_ended(make_video, clock) -> None:
    source = opened(make_video(frames=10, per_s=10), clock)
    source.begin(clock.mono_ms() - 60_000)
    assert source.next(0.2) is None
    assert source.ended == "video ended"


def test_the_next_session_sees_it_from_the_beginning(make_video, clock) -> None:
    source = opened(make_video(frames=10, per_s=10), clock)
    source.begin(clock.mono_ms())
    play(source, clock, clock.mono_ms() + 2000)
    source.begin(None)
    assert source.ended is None
    assert play(source, clock, clock.mono_ms() + 100)[0][1] == 0
    source.begin(clock.mono_ms())
    assert play(source, clock, clock.mono_ms() + 250)[2][1] == 2


def test_a_file_that_breaks_in_the_middle_ends_with_the_reason(make_video, clock) -> None:
    path = make_video(frames=60, per_s=10, name="video.ts")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    path.write_bytes(data)
    source = opened(path, clock)
    source.begin(clock.mono_ms())
    shown = play(source, clock, clock.mono_ms() + 8000)
    assert 5 <= len(shown) < 60
    assert source.ended


def test_pictures_that_it_left_out_are_missing_in_its_numbers(make_video, clock) -> None:
    source = opened(make_video(frames=100, per_s=10), clock)
    source.begin(clock.mono_ms())
    before = source.next(0.2)
    clock.pass_ms(1450)
    after = source.next(0.2)
    assert before and after
    assert after.head.number - before.head.number == (after.head.mono_ms - before.head.mono_ms) // 100 > 1
