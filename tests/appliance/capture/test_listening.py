from __future__ import annotations

import time

import pytest

from appliance.capture.listening import HELD, Listening
from appliance.capture.ports import NoMicrophone
from appliance.capture.simulated import SimulatedMicrophone
from appliance.runtime.clock import SimulatedClock, SystemClock
from appliance.runtime.sounds import Sound


class Window:
    def __init__(self) -> None:
        self.offered: list[Sound] = []

    def offer(self, sound: Sound) -> None:
        self.offered.append(sound)


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def microphone(clock: SimulatedClock) -> SimulatedMicrophone:
    return SimulatedMicrophone(clock)


@pytest.fixture
def listening(microphone: SimulatedMicrophone, window: Window, clock: SimulatedClock) -> Listening:
    return Listening(microphone, window, clock)


def test_what_is_heard_goes_to_the_recording_and_to_the_detectors(listening: Listening, window: Window) -> None:
    for _ in range(5):
        listening.turn()
    heard = listening.heard()
    assert len(heard) == 5
    assert heard == window.offered
    assert listening.heard() == []


def test_a_microphone_that_fails_is_said_and_opened_anew(
    listening: Listening, microphone: SimulatedMicrophone
) -> None:
    listening.turn()
    microphone.unplug()
    listening.turn()
    listening.turn()
    microphone.plug_in()
    listening.turn()
    first, *faults, last = listening.heard()
    assert [type(fault) for fault in faults] == [NoMicrophone, NoMicrophone]
    assert isinstance(first, Sound)
    assert isinstance(last, Sound)
    assert last.mono_ms - first.mono_ms >= 2000


def test_what_nobody_takes_away_has_a_bound(listening: Listening) -> None:
    for _ in range(HELD + 50):
        listening.turn()
    assert len(listening.heard()) == HELD


def test_it_listens_only_while_it_is_told_to(window: Window) -> None:
    clock = SystemClock()
    listening = Listening(SimulatedMicrophone(clock), window, clock)
    assert listening.heard() == []
    listening.begin(clock.mono_ms())
    until_s = time.monotonic() + 20
    while not window.offered:
        assert time.monotonic() < until_s
        clock.wait(0.01)
    listening.begin(None)
    offered = len(window.offered)
    assert listening.heard() == []
    clock.wait(0.15)
    assert len(window.offered) == offered


def test_what_its_thread_dies_of_is_raised_where_it_is_asked(window: Window) -> None:
    class Broken(SimulatedMicrophone):
        def next(self, patience_s: float) -> Sound | None:
            raise ZeroDivisionError

    clock = SystemClock()
    listening = Listening(Broken(clock), window, clock)
    listening.begin(clock.mono_ms())
    with pytest.raises(ZeroDivisionError):
        for _ in range(1000):
            listening.heard()
            clock.wait(0.01)
