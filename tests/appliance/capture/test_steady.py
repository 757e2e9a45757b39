from __future__ import annotations

import pytest

from appliance.capture.ports import NoCamera
from appliance.capture.simulated import FaultyCamera
from appliance.capture.steady import Steady
from appliance.runtime.clock import SimulatedClock


@pytest.fixture
def camera(clock: SimulatedClock, settings) -> FaultyCamera:
    return FaultyCamera(clock, settings)


@pytest.fixture
def steady(camera: FaultyCamera, clock: SimulatedClock) -> Steady:
    steady = Steady(camera, clock)
    steady.open()
    return steady


def test_a_camera_that_comes_back_is_opened_anew(camera: FaultyCamera, steady: Steady) -> None:
    assert steady.next(0.2)
    camera.unplug()
    with pytest.raises(NoCamera, match="the camera was unplugged"):
        steady.next(0.2)
    camera.plug_in()
    for _ in range(5):
        with pytest.raises(NoCamera):
            steady.next(0.2)
    assert camera.opened == 1
    assert steady.next(0.2)
    assert camera.opened == 2


def test_what_it_first_died_of_is_said_until_it_is_back(camera: FaultyCamera, steady: Steady) -> None:
    camera.unplug("the camera failed: no buffers")
    for _ in range(20):
        with pytest.raises(NoCamera, match=r"^the camera failed: no buffers$"):
            steady.next(0.2)


def test_while_it_is_away_each_look_takes_its_patience_and_no_more(
    camera: FaultyCamera, steady: Steady, clock: SimulatedClock
) -> None:
    camera.unplug()
    with pytest.raises(NoCamera):
        steady.next(0.2)
    before_ms = clock.mono_ms()
    for _ in range(10):
        with pytest.raises(NoCamera):
            steady.next(0.2)
    assert clock.mono_ms() - before_ms == 2000


def test_a_patient_one_waits_for_a_camera_that_was_never_there(camera: FaultyCamera, clock: SimulatedClock) -> None:
    camera.unplug()
    steady = Steady(camera, clock, patient=True)
    steady.open()
    with pytest.raises(NoCamera, match="There is no camera"):
        steady.next(0.2)
    camera.plug_in()
    clock.pass_ms(1000)
    assert steady.next(0.2)


def test_a_camera_that_was_never_there_is_an_error_at_once(camera: FaultyCamera, clock: SimulatedClock) -> None:
    camera.unplug()
    with pytest.raises(NoCamera, match="There is no camera"):
        Steady(camera, clock).open()
