from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from appliance.panel.pins import HEADER, BadPinMap, load_pins

SHIPPED = files("hardware").joinpath("pins.toml").read_text()
PI_4, PI_5 = "c03111", "c04170"


def changed(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = SHIPPED
    for old, new in changes:
        assert old in text, f"the shipped map no longer has {old!r}"
        text = text.replace(old, new, 1)
    path = tmp_path / "pins.toml"
    path.write_text(text)
    return path


@pytest.fixture
def refusal(tmp_path: Path) -> Callable[..., str]:
    def load(*changes: tuple[str, str]) -> str:
        with pytest.raises(BadPinMap) as refused:
            load_pins(changed(tmp_path, *changes))
        return str(refused.value)

    return load


def test_the_shipped_map_can_be_wired() -> None:
    pins = load_pins()
    assert {pin.name: pin.bcm for pin in pins.pin} == {
        "lamp_red": 17,
        "lamp_amber": 27,
        "lamp_green": 22,
        "call_button": 23,
        "lid_switch": 24,
    }


def test_red_is_lit_and_the_other_lights_are_dark_when_nobody_drives_them() -> None:
    at_rest = {pin.name: pin.at_rest for pin in load_pins().pin}
    assert at_rest["lamp_red"] == "active"
    assert at_rest["lamp_amber"] == at_rest["lamp_green"] == "inactive"


def test_a_cut_wire_reads_as_an_open_lid() -> None:
    assert load_pins()["lid_switch"].at_rest == "active"


@pytest.mark.parametrize("revision", [PI_4, PI_5])
def test_the_header_is_the_one_that_gpiozero_knows(revision: str) -> None:
    board = MockFactory(revision=revision).board_info
    theirs = {n: pin.name for n, pin in board.headers["J8"].pins.items() if isinstance(n, int)}
    if not theirs:
        theirs = {pin.row * 2 - (pin.col == 1): pin.name for pin in board.headers["J8"].pins.values()}
    assert theirs == HEADER


def test_two_wires_on_one_pin_are_refused(refusal: Callable[..., str]) -> None:
    text = refusal(("bcm = 27\nphysical = 13", "bcm = 17\nphysical = 11"))
    assert "lamp_red and lamp_amber share the pin 11" in text


def test_two_grounds_on_one_pin_are_refused(refusal: Callable[..., str]) -> None:
    text = refusal(("physical = 20", "physical = 14"))
    assert "call_ground and lid_ground share the pin 14" in text


def test_two_wires_of_one_colour_are_refused(refusal: Callable[..., str]) -> None:
    assert "share the wire colour blue" in refusal(('wire = "white"', 'wire = "blue"'))


@pytest.mark.parametrize(("physical", "rail"), [(1, "3V3"), (2, "5V"), (6, "GND")])
def test_a_signal_on_a_power_pin_is_refused(refusal: Callable[..., str], physical: int, rail: str) -> None:
    text = refusal(("physical = 11", f"physical = {physical}"))
    assert f"lamp_red: pin {physical} of the header is {rail} and carries power" in text


def test_a_supply_wire_on_the_wrong_rail_is_refused(refusal: Callable[..., str]) -> None:
    text = refusal(("physical = 17", "physical = 2"))
    assert "lamp_pull_up: pin 2 is 5V, not 3V3" in text
    assert "1, 17" in text


def test_a_number_that_the_header_does_not_have_is_refused(refusal: Callable[..., str]) -> None:
    assert "no GPIO28" in refusal(("bcm = 17", "bcm = 28"))
    assert "no pin 41" in refusal(("physical = 11", "physical = 41"))


def test_two_numbers_that_mean_different_pins_are_refused(refusal: Callable[..., str]) -> None:
    assert "GPIO18 is pin 12 of the header, and pin 11 is GPIO17" in refusal(("bcm = 17", "bcm = 18"))


def test_the_pins_of_the_clock_board_and_of_a_hats_identity_are_refused(refusal: Callable[..., str]) -> None:
    assert "real-time clock" in refusal(("bcm = 17\nphysical = 11", "bcm = 3\nphysical = 5"))
    assert "identity chip" in refusal(("bcm = 17\nphysical = 11", "bcm = 0\nphysical = 27"))


def test_a_resistor_that_does_not_give_the_fail_safe_state_is_refused(refusal: Callable[..., str]) -> None:
    text = refusal(('pull = "up"', 'pull = "down"'))
    assert "lamp_red: with pull down and active high it rests inactive, but fail_safe says active" in text


def test_a_lamp_that_rests_on_software_is_refused(refusal: Callable[..., str]) -> None:
    assert "lamp_red: a lamp needs a resistor" in refusal(('pull_by = "resistor"', 'pull_by = "board"'))


def test_a_missing_wire_and_an_unknown_one_are_refused(refusal: Callable[..., str]) -> None:
    assert "has no lamp_red" in refusal(('name = "lamp_red"', 'name = "lamp_blue"'))


def test_a_wire_in_the_wrong_direction_is_refused(refusal: Callable[..., str]) -> None:
    assert "lamp_red (in) is no pin of the panel" in refusal(('direction = "out"', 'direction = "in"'))


def test_an_unknown_word_is_refused_with_its_place(refusal: Callable[..., str]) -> None:
    assert "pin[0]" in refusal(('active = "high"', 'active = "hihg"'))
    assert "wire" in refusal(('wire = "red"', 'wire = "mauve"'))


def test_a_file_that_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(BadPinMap, match=r"cannot be read: No such file or directory\. Check the path"):
        load_pins(tmp_path / "none.toml")
