from collections.abc import Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from appliance.panel.gpio import GpioBoard, choose_factory
from appliance.panel.pins import load_pins


class Wires:
    """The far end of the wires: what a voltmeter and a finger see."""

    def __init__(self) -> None:
        self._pins = load_pins()

    def __getitem__(self, name: str) -> MockPin:
        return Device.pin_factory.pin(self._pins[name].bcm)

    def lit(self) -> set[str]:
        return {colour for colour in ("red", "amber", "green") if self[f"lamp_{colour}"].state}

    def press_call(self) -> None:
        self["call_button"].drive_low()
        self["call_button"].drive_high()

    def open_lid(self) -> None:
        self["lid_switch"].drive_high()

    def close_lid(self) -> None:
        self["lid_switch"].drive_low()


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    before = Device.pin_factory
    choose_factory("mock")
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before


@pytest.fixture
def wires(factory: MockFactory) -> Wires:
    return Wires()


@pytest.fixture
def board(factory: MockFactory) -> Iterator[GpioBoard]:
    board = GpioBoard(load_pins())
    yield board
    board.close()
