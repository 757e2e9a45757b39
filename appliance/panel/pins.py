"""The pin map: which wire of the panel goes to which pin, read from `hardware/pins.toml` and checked."""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from proctoring.errors import DeskproctorError

Level = Literal["high", "low"]
Meaning = Literal["active", "inactive"]
Rail = Literal["3V3", "5V", "GND"]
Wire = Literal[
    "black", "brown", "red", "orange", "yellow", "green", "blue", "violet", "grey", "white", "pink", "turquoise"
]  # fmt: skip
"""The wire colours of IEC 60757."""

HEADER: dict[int, str] = {
    1: "3V3", 2: "5V",
    3: "GPIO2", 4: "5V",
    5: "GPIO3", 6: "GND",
    7: "GPIO4", 8: "GPIO14",
    9: "GND", 10: "GPIO15",
    11: "GPIO17", 12: "GPIO18",
    13: "GPIO27", 14: "GND",
    15: "GPIO22", 16: "GPIO23",
    17: "3V3", 18: "GPIO24",
    19: "GPIO10", 20: "GND",
    21: "GPIO9", 22: "GPIO25",
    23: "GPIO11", 24: "GPIO8",
    25: "GND", 26: "GPIO7",
    27: "GPIO0", 28: "GPIO1",
    29: "GPIO5", 30: "GND",
    31: "GPIO6", 32: "GPIO12",
    33: "GPIO13", 34: "GND",
    35: "GPIO19", 36: "GPIO16",
    37: "GPIO26", 38: "GPIO20",
    39: "GND", 40: "GPIO21",
}  # fmt: skip
"""Physical pin → what it is, on every Raspberry Pi with 40 pins. The tests hold it against gpiozero's table."""

BOARD_OWN = {0: "the identity chip of a HAT", 1: "the identity chip of a HAT"}
"""BCM numbers that the board itself uses at start-up (Raspberry Pi HAT specification: ID_SD and ID_SC)."""

DIRECTIONS = {
    "lamp_red": "out",
    "lamp_amber": "out",
    "lamp_green": "out",
    "call_button": "in",
    "lid_switch": "in",
}
"""The pins that the panel drives or reads: a map must name exactly these."""


class BadPinMap(DeskproctorError, ValueError):
    """A pin map that cannot be wired as it stands. The text names the pin and says what to change."""


class Pin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One signal wire. `fail_safe` is what the pin means when nobody drives it, or its wire is off."""

    name: str
    part: str
    bcm: int
    physical: int
    direction: Literal["in", "out"]
    pull: Literal["up", "down"]
    pull_by: Literal["board", "resistor"]
    active: Level
    wire: Wire
    fail_safe: Meaning
    why: str

    @property
    def at_rest(self) -> Meaning:
        """What the pin means when only its pull holds it."""
        return "active" if (self.pull == "up") == (self.active == "high") else "inactive"


class Supply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One wire that carries power or ground, not a signal."""

    name: str
    part: str
    physical: int
    rail: Rail
    wire: Wire
    why: str


class Reserved(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A BCM number that another part of the desk uses, so that no panel wire may."""

    bcm: int
    use: str


Lead = Pin | Supply
"""One wire of the panel, whatever it carries."""


class PinMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every wire of the panel."""

    board: str
    pin: tuple[Pin, ...]
    supply: tuple[Supply, ...]
    reserved: tuple[Reserved, ...] = ()

    def __getitem__(self, name: str) -> Pin:
        """The signal wire of that name; KeyError if there is none."""
        return {pin.name: pin for pin in self.pin}[name]

    @property
    def leads(self) -> list[Lead]:
        """Every wire in the order of the header."""
        leads: list[Lead] = [*self.pin, *self.supply]
        return sorted(leads, key=lambda lead: lead.physical)


def load_pins(path: Path | None = None) -> PinMap:
    """The checked pin map in `path`, or the one that ships in `hardware`. BadPinMap says what to change."""
    source = path if path is not None else files("hardware").joinpath("pins.toml")
    try:
        return check(msgspec.toml.decode(source.read_bytes(), type=PinMap))
    except OSError as error:
        raise BadPinMap(f"The pin map {source} cannot be read: {error.strerror}. Check the path.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadPinMap(f"The pin map {source} cannot be used: {error}") from error


def check(pins: PinMap) -> PinMap:
    """The same map, if every wire can be soldered as it says; BadPinMap names the first that cannot."""
    _names_are_the_panels(pins)
    for pin in pins.pin:
        _stands_on_a_signal_pin(pin)
        _is_free(pin, pins.reserved)
        _rests_as_it_says(pin)
        _rests_without_software(pin)
    for supply in pins.supply:
        _stands_on_its_rail(supply)
    _no_two_share(pins)
    return pins


def _names_are_the_panels(pins: PinMap) -> None:
    found = {pin.name: pin.direction for pin in pins.pin}
    for name in DIRECTIONS.keys() - found.keys():
        raise BadPinMap(f"The pin map has no {name}: add a [[pin]] of that name.")
    for name, direction in found.items():
        if DIRECTIONS.get(name) != direction:
            known = ", ".join(f"{known} ({way})" for known, way in DIRECTIONS.items())
            raise BadPinMap(f"{name} ({direction}) is no pin of the panel. It knows {known}.")


def _stands_on_a_signal_pin(pin: Pin) -> None:
    on_header = HEADER.get(pin.physical)
    if on_header is None:
        raise BadPinMap(f"{pin.name}: the header has no pin {pin.physical}. Its pins are 1 to 40.")
    if not on_header.startswith("GPIO"):
        raise BadPinMap(
            f"{pin.name}: pin {pin.physical} of the header is {on_header} and carries power, not a signal. "
            "Choose a pin that is named GPIO."
        )
    if pin.bcm not in _physical_of_bcm():
        raise BadPinMap(f"{pin.name}: the header has no GPIO{pin.bcm}. Choose one of 2 to 27.")
    if on_header != f"GPIO{pin.bcm}":
        raise BadPinMap(
            f"{pin.name}: GPIO{pin.bcm} is pin {_physical_of_bcm()[pin.bcm]} of the header, and pin "
            f"{pin.physical} is {on_header}. Make the two agree."
        )


def _is_free(pin: Pin, reserved: Iterable[Reserved]) -> None:
    taken = BOARD_OWN | {other.bcm: other.use for other in reserved}
    if pin.bcm in taken:
        raise BadPinMap(f"{pin.name}: GPIO{pin.bcm} is kept for {taken[pin.bcm]}. Choose another pin.")


def _rests_as_it_says(pin: Pin) -> None:
    if pin.fail_safe != pin.at_rest:
        raise BadPinMap(
            f"{pin.name}: with pull {pin.pull} and active {pin.active} it rests {pin.at_rest}, "
            f"but fail_safe says {pin.fail_safe}. Change the resistor or the word."
        )


def _rests_without_software(pin: Pin) -> None:
    """A lamp's pull must be a resistor: the board's own pulls are off again once a process let go of the pin."""
    if pin.direction == "out" and pin.pull_by != "resistor":
        raise BadPinMap(f"{pin.name}: a lamp needs a resistor as its pull. Set pull_by to resistor and fit one.")


def _stands_on_its_rail(supply: Supply) -> None:
    on_header = HEADER.get(supply.physical, "not on the header")
    if on_header != supply.rail:
        raise BadPinMap(
            f"{supply.name}: pin {supply.physical} is {on_header}, not {supply.rail}. "
            f"Pins with {supply.rail}: {', '.join(str(n) for n, name in HEADER.items() if name == supply.rail)}."
        )


def _no_two_share(pins: PinMap) -> None:
    leads = pins.leads
    _refuse_twice("pin", [(str(lead.physical), lead.name) for lead in leads])
    _refuse_twice("name", [(lead.name, f"the wire on pin {lead.physical}") for lead in leads])
    _refuse_twice("wire colour", [(lead.wire, lead.name) for lead in leads if not _is_ground(lead)])


def _refuse_twice(what: str, pairs: Iterable[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for key, owner in pairs:
        if key in first:
            raise BadPinMap(f"{first[key]} and {owner} share the {what} {key}. Give each its own.")
        first[key] = owner


def _is_ground(lead: Lead) -> bool:
    return isinstance(lead, Supply) and lead.rail == "GND"


def _physical_of_bcm() -> dict[int, int]:
    return {int(name.removeprefix("GPIO")): pin for pin, name in HEADER.items() if name.startswith("GPIO")}
