"""The panel's pins by gpiozero, real or mock. The only file that imports gpiozero."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from gpiozero import LED, Button, Device, DigitalInputDevice, GPIOZeroError
from gpiozero.pins.mock import MockFactory

from appliance.panel.lamp import Colour
from appliance.panel.pins import Pin, PinMap
from appliance.panel.ports import Happening
from proctoring.errors import DeskproctorError
from proctoring.wire import MoveLid, PressCall

log = logging.getLogger(__name__)

MODEL: Final = Path("/proc/device-tree/model")
BOUNCE_S: Final = 0.05
"""A mechanical contact bounces for some milliseconds; a finger does not press twice in 50."""


class PinsAway(DeskproctorError, OSError):
    """The pins cannot be opened."""


def choose_factory(name: str, model: Path = MODEL) -> None:
    """Sets gpiozero's pin factory: `lgpio`, `mock`, or `auto` for lgpio on a Raspberry Pi and mock elsewhere."""
    if name == "auto":
        name = "lgpio" if _is_raspberry_pi(model) else "mock"
    log.info("pins: %s", name)
    with _told_plainly():
        Device.pin_factory = _make_factory(name)


def _is_raspberry_pi(model: Path) -> bool:
    return model.exists() and model.read_text().startswith("Raspberry Pi")


def _make_factory(name: str) -> Any:
    if name == "mock":
        return MockFactory()
    from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415 (installed on a Raspberry Pi alone)

    return LGPIOFactory()


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except (GPIOZeroError, ImportError, OSError) as error:
        raise PinsAway(
            f"The panel's pins cannot be opened ({error}). On a Raspberry Pi install lgpio, give the process the "
            'group gpio and stop what else uses the pins; elsewhere set pin_factory = "mock" under [panel].'
        ) from error


class GpioBoard:
    """Lamp, call button and lid switch on the pins of a map. Until told, the lamp shows its fail-safe state."""

    def __init__(self, pins: PinMap) -> None:
        self._pins = pins
        self._happened: SimpleQueue[Happening] = SimpleQueue()
        self._open = ExitStack()
        with _told_plainly():
            self._lights = {colour: self._light(pins[f"lamp_{colour}"]) for colour in Colour}
            self._call = self._contact(pins["call_button"], active=PressCall())
            self._lid = self._contact(pins["lid_switch"], active=MoveLid(open=True), inactive=MoveLid(open=False))

    def _light(self, pin: Pin) -> Any:
        at_rest = pin.fail_safe == "active"
        return self._open.enter_context(LED(pin.bcm, active_high=pin.active == "high", initial_value=at_rest))

    def _contact(self, pin: Pin, active: Happening, inactive: Happening | None = None) -> Any:
        contact = self._open.enter_context(Button(pin.bcm, pull_up=pin.pull == "up", bounce_time=BOUNCE_S))
        on_closing, on_opening = (active, inactive) if _closed_is_active(pin) else (inactive, active)
        if on_closing is not None:
            contact.when_pressed = self._noting(on_closing)
        if on_opening is not None:
            contact.when_released = self._noting(on_opening)
        return contact

    def _noting(self, happening: Happening) -> Callable[[], None]:
        return lambda: self._happened.put(happening)

    def show(self, lights: frozenset[Colour]) -> None:
        """See Board."""
        for colour, light in self._lights.items():
            light.value = colour in lights

    def take(self) -> list[Happening]:
        """See Board."""
        taken: list[Happening] = []
        while True:
            try:
                taken.append(self._happened.get_nowait())
            except Empty:
                return taken

    def lid_open(self) -> bool:
        """See Board."""
        return bool(self._lid.is_pressed) == _closed_is_active(self._pins["lid_switch"])

    def close(self) -> None:
        """Gives the pins back as inputs; the resistors set the lamp's fail-safe state."""
        self._open.close()


def _closed_is_active(pin: Pin) -> bool:
    """Whether the pin means its active state while the contact is closed, that is while its pull is overcome."""
    return pin.at_rest == "inactive"


def let_go(pins: PinMap) -> None:
    """Makes the lamp's pins inputs, whatever they were: a kernel may keep an output when its process dies."""
    for colour in Colour:
        with _told_plainly():
            DigitalInputDevice(pins[f"lamp_{colour}"].bcm, pull_up=None, active_state=True).close()


def close_mock_case(pins: PinMap) -> None:
    """Off the Pi there is no case that could stand open: mock pins are set as a closed one leaves them."""
    if isinstance(Device.pin_factory, MockFactory):
        Device.pin_factory.pin(pins["lid_switch"].bcm).drive_low()
