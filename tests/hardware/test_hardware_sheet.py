from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from appliance.panel.pins import load_pins
from deskproctor.hardware_sheet import BadParts, load_parts, parts_table, pins_table, wiring_svg

SVG = "{http://www.w3.org/2000/svg}"
PINS = load_pins()


@pytest.fixture(scope="module")
def drawing() -> ElementTree.Element:
    return ElementTree.fromstring(wiring_svg(PINS))


def words(drawing: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in drawing.iter(f"{SVG}text")]


def test_the_drawing_names_every_pin_of_the_header(drawing: ElementTree.Element) -> None:
    assert {str(n) for n in range(1, 41)} <= set(words(drawing))


def test_the_drawing_names_every_wire_with_its_colour(drawing: ElementTree.Element) -> None:
    assert {f"{lead.name} · {lead.wire}" for lead in PINS.leads} <= set(words(drawing))


def test_the_drawing_says_in_words_what_it_shows(drawing: ElementTree.Element) -> None:
    assert drawing.get("role") == "img"
    labels = {drawing.find(f"{SVG}{tag}").get("id") for tag in ("title", "desc")}  # type: ignore[union-attr]
    assert set((drawing.get("aria-labelledby") or "").split()) == labels
    told = drawing.findtext(f"{SVG}desc") or ""
    assert all(f"Pin {lead.physical} (" in told for lead in PINS.leads)


def test_the_drawing_says_what_each_signal_rests_at(drawing: ElementTree.Element) -> None:
    told = words(drawing)
    assert told[told.index("lamp_red") + 4] == "lit"
    assert told[told.index("lid_switch") + 4] == "open"


def test_nothing_is_drawn_outside_the_page(drawing: ElementTree.Element) -> None:
    _, _, width, height = (float(number) for number in (drawing.get("viewBox") or "").split())
    for text in drawing.iter(f"{SVG}text"):
        assert 0 < float(text.get("x") or -1) < width
        assert 0 < float(text.get("y") or -1) < height


def test_a_wire_is_drawn_at_the_height_of_its_pin(drawing: ElementTree.Element) -> None:
    numbers = {
        text.text: float(text.get("y") or 0) for text in drawing.iter(f"{SVG}text") if text.get("font-size") == "11"
    }
    drawn = {float(line.get("y1") or 0) for line in drawing.iter(f"{SVG}line")}
    assert drawn == {numbers[str(lead.physical)] - 4 for lead in PINS.leads}


def test_the_bill_of_materials_holds_every_part_that_the_map_wires() -> None:
    assert {lead.part for lead in PINS.leads} <= {part.id for part in load_parts(PINS)}


def test_the_resistors_of_the_map_are_on_the_bill() -> None:
    quantity = {part.id: part.quantity for part in load_parts(PINS)}
    lamps = [pin for pin in PINS.pin if pin.direction == "out"]
    assert quantity["lamp-base-resistor"] == quantity["lamp-transistor"] == len(lamps)
    assert quantity["lamp-pull-up"] == sum(pin.pull == "up" for pin in lamps)
    assert quantity["lamp-pull-down"] == sum(pin.pull == "down" for pin in lamps)


def test_the_tables_are_markdown_with_a_row_for_each_line() -> None:
    parts = load_parts(PINS)
    for table, rows in ((parts_table(parts), len(parts)), (pins_table(PINS), len(PINS.leads))):
        lines = table.splitlines()
        assert len(lines) == rows + 2
        assert len({line.count("|") for line in lines}) == 1


def test_a_bill_without_a_wired_part_is_refused(tmp_path: Path) -> None:
    bill = tmp_path / "bill.toml"
    shipped = files("hardware").joinpath("bill_of_materials.toml").read_text()
    bill.write_text(shipped.replace('id = "lid-switch"', 'id = "lid-swich"'))
    with pytest.raises(BadParts, match="wires a lid-switch, but the bill of materials has no part of that id"):
        load_parts(PINS, bill)


def test_a_part_that_stands_twice_is_refused(tmp_path: Path) -> None:
    bill = tmp_path / "bill.toml"
    shipped = files("hardware").joinpath("bill_of_materials.toml").read_text()
    bill.write_text(shipped.replace('id = "ups"', 'id = "screen"'))
    with pytest.raises(BadParts, match="screen: a part stands once"):
        load_parts(PINS, bill)


def test_a_bill_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    bill = tmp_path / "bill.toml"
    bill.write_text('[[part]]\nid = "a"\nprice = 3\n')
    with pytest.raises(BadParts, match="cannot be used"):
        load_parts(PINS, bill)
