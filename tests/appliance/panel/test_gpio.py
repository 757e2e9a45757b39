from pathlib import Path
from typing import Any

import pytest
from gpiozero import LED, Device
from gpiozero.pins.mock import MockFactory

from appliance.panel.gpio import GpioBoard, PinsAway, choose_factory, close_mock_case, let_go
from appliance.panel.lamp import Colour
from appliance.panel.pins import load_pins
from proctoring.wire import MoveLid, PressCall


def test_the_lamp_is_red_until_somebody_tells_it_otherwise(board: GpioBoard, wires: Any) -> None:
    assert wires.lit() == {"red"}


def test_the_lamp_shows_exactly_the_lights_it_is_told(board: GpioBoard, wires: Any) -> None:
    board.show(frozenset({Colour.AMBER, Colour.GREEN}))
    assert wires.lit() == {"amber", "green"}
    board.show(frozenset())
    assert wires.lit() == set()


def test_a_press_is_noted_once_however_long_it_lasts(board: GpioBoard, wires: Any) -> None:
    wires["call_button"].drive_low()
    assert board.take() == [PressCall()]
    wires["call_button"].drive_high()
    assert board.take() == []


def test_opening_and_closing_the_lid_are_noted_in_order(board: GpioBoard, wires: Any) -> None:
    wires.close_lid()
    wires.open_lid()
    wires.close_lid()
    assert board.take() == [MoveLid(open=False), MoveLid(open=True), MoveLid(open=False)]


def test_a_cut_wire_reads_as_an_open_lid(board: GpioBoard, wires: Any) -> None:
    assert board.lid_open()
    wires.close_lid()
    assert not board.lid_open()


def test_a_panel_that_ends_leaves_its_lamp_to_the_resistors(board: GpioBoard, wires: Any) -> None:
    board.show(frozenset({Colour.GREEN}))
    board.close()
    assert [wires[f"lamp_{colour}"].function for colour in Colour] == ["input"] * 3


def test_the_lamp_of_a_panel_that_died_is_let_go(factory: MockFactory, wires: Any) -> None:
    with LED(load_pins()["lamp_green"].bcm, initial_value=True) as left_behind:
        pin = left_behind.pin
        factory.reset()
        assert pin.function == "output"
    let_go(load_pins())
    assert [wires[f"lamp_{colour}"].function for colour in Colour] == ["input"] * 3


def test_pins_that_another_program_holds_are_said_plainly(factory: MockFactory) -> None:
    with LED(load_pins()["lamp_red"].bcm), pytest.raises(PinsAway, match="stop what else uses the pins"):
        GpioBoard(load_pins())


def test_off_the_pi_gpiozeros_mock_pins_are_chosen(factory: MockFactory, tmp_path: Path) -> None:
    choose_factory("auto", tmp_path / "no-model")
    assert isinstance(Device.pin_factory, MockFactory)


def test_on_a_pi_without_lgpio_the_panel_says_what_to_do(factory: MockFactory, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    with pytest.raises(PinsAway, match=r"install lgpio.*pin_factory = \"mock\""):
        choose_factory("auto", model)


def test_off_the_pi_the_case_counts_as_closed(board: GpioBoard) -> None:
    close_mock_case(load_pins())
    assert not board.lid_open()
