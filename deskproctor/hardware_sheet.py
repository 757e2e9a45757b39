"""The desk's hardware on paper: the wiring of the 40-pin header as SVG, the bill of materials as Markdown."""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import msgspec

from appliance.panel.pins import HEADER, Lead, Pin, PinMap, Supply
from proctoring.errors import DeskproctorError

Row = tuple[str, ...]

WIRE_PAINT = {
    "black": "#1a1a1a", "brown": "#7a4a21", "red": "#d22020", "orange": "#f08010", "yellow": "#f5d312",
    "green": "#1d8a3a", "blue": "#2060d0", "violet": "#8a3fd0", "grey": "#8c8c8c", "white": "#ffffff",
    "pink": "#f29ac0", "turquoise": "#20b5b0",
}  # fmt: skip
RAIL_PAINT = {"3V3": "#ffd9b0", "5V": "#ffc4c4", "GND": "#cfcfcf"}
SIGNAL_PAINT = "#e4efe4"

WIDTH, PITCH, TOP = 1000, 28, 104
PIN_X = {"left": 476, "right": 504}
CARD_WIDTH, CARD_X = 300, {"left": 40, "right": 660}
DRIVER_NOTES = (
    "Each light: 5V → light → collector of an NPN transistor, emitter → ground, signal wire → 1 kΩ → base.",
    "Red: 4.7 kΩ from its signal wire to 3V3. Amber and green: 10 kΩ from the signal wire to ground.",
    "Call button and lid switch: one side to the signal wire, the other to ground. Switch the power off first.",
)


class BadParts(DeskproctorError, ValueError):
    """A bill of materials that cannot be used as it stands."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of the bill of materials; `needed` says for which desk."""

    id: str
    name: str
    quantity: int
    needed: Literal["always", "raspberry-pi-4", "raspberry-pi-5", "optional"]
    used_for: str
    alternatives: tuple[str, ...]


class Parts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole bill of materials."""

    part: tuple[Part, ...]


def load_parts(pins: PinMap, path: Path | None = None) -> tuple[Part, ...]:
    """The bill of materials in `path`, or the one that ships, checked to hold every part that `pins` wires."""
    source = path if path is not None else files("hardware").joinpath("bill_of_materials.toml")
    try:
        parts = msgspec.toml.decode(source.read_bytes(), type=Parts).part
    except OSError as error:
        raise BadParts(f"The bill of materials {source} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadParts(f"The bill of materials {source} cannot be used: {error}") from error
    _refuse_gaps(parts, {lead.part for lead in pins.leads})
    return parts


def _refuse_gaps(parts: Sequence[Part], wired: set[str]) -> None:
    ids = [part.id for part in parts]
    for missing in sorted(wired - set(ids)):
        raise BadParts(f"The pin map wires a {missing}, but the bill of materials has no part of that id: add it.")
    for part in parts:
        if ids.count(part.id) > 1 or part.quantity < 1:
            raise BadParts(f"{part.id}: a part stands once in the bill of materials, with a quantity of at least 1.")


def parts_table(parts: Iterable[Part]) -> str:
    """The bill of materials as a Markdown table, in the order of the file."""
    return _markdown(
        ("Part", "Pieces", "Needed", "For what", "Or"),
        [
            (part.name, str(part.quantity), _needed(part), part.used_for, "; ".join(part.alternatives) or "—")
            for part in parts
        ],
    )


def pins_table(pins: PinMap) -> str:
    """Every wire as a Markdown table, in the order of the header: the drawing, for who cannot see it."""
    return _markdown(
        ("Pin", "Is", "Wire", "Goes to", "Direction", "Meaning at rest", "Why"),
        [
            (str(w.physical), HEADER[w.physical], f"{w.name}, {w.wire}", _title(w.part), *_role(w), w.why)
            for w in pins.leads
        ],
    )


def _needed(part: Part) -> str:
    return part.needed.replace("raspberry-pi-", "Raspberry Pi ")


def _role(wire: Lead) -> Row:
    if isinstance(wire, Supply):
        return ("supply", "—")
    return ("output" if wire.direction == "out" else "input", at_rest(wire))


def at_rest(pin: Pin) -> str:
    """In a plain word, what the pin means when nobody drives it or its wire is off."""
    words = {"lamp": ("lit", "dark"), "call": ("pressed", "not pressed"), "lid": ("open", "closed")}
    active, inactive = words[pin.name.split("_")[0]]
    return active if pin.fail_safe == "active" else inactive


def _markdown(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(cell.replace("|", "/") for cell in row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def wiring_svg(pins: PinMap) -> str:
    """The wiring as one SVG document: the header seen from above, a card for each part, what each pin rests at."""
    table_top = TOP + 20 * PITCH + 40
    height = table_top + (len(pins.pin) + len(DRIVER_NOTES) + 2) * 24 + 16
    svg = _canvas(height, pins)
    _draw_header(svg)
    for side in ("left", "right"):
        _draw_side(svg, side, [lead for lead in pins.leads if _side(lead.physical) == side])
    _draw_rest_table(svg, pins, table_top)
    _draw_notes(svg, table_top + (len(pins.pin) + 2) * 24)
    ElementTree.indent(svg)
    return ElementTree.tostring(svg, encoding="unicode", xml_declaration=True) + "\n"


def _canvas(height: int, pins: PinMap) -> ElementTree.Element:
    svg = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {height}",
            "role": "img",
            "aria-labelledby": "title desc",
            "font-family": "system-ui, sans-serif",
            "font-size": "14",
        },
    )
    ElementTree.SubElement(svg, "title", id="title").text = "Wiring of the desk's panel"
    ElementTree.SubElement(svg, "desc", id="desc").text = _in_words(pins.leads)
    ElementTree.SubElement(svg, "rect", width=str(WIDTH), height=str(height), fill="#ffffff")
    _text(svg, 40, 40, "Wiring of the desk's panel", size="22", weight="bold")
    _text(svg, 40, 66, f"{pins.board}, seen from above; pin 1 is the one at the corner with the square pad.")
    return svg


def _in_words(leads: Iterable[Lead]) -> str:
    return " ".join(
        f"Pin {lead.physical} ({HEADER[lead.physical]}): {lead.wire} wire, {lead.name}, to the {_title(lead.part)}."
        for lead in leads
    )


def _draw_header(svg: ElementTree.Element) -> None:
    body = {"rx": "8", "fill": "#3a3f44"}
    _rect(svg, PIN_X["left"] - 18, TOP - 18, PIN_X["right"] - PIN_X["left"] + 36, 20 * PITCH + 8, **body)
    for physical, name in HEADER.items():
        side, y = _side(physical), _y(physical)
        paint = RAIL_PAINT.get(name, SIGNAL_PAINT)
        _rect(svg, PIN_X[side] - 12, y - 12, 24, 24, rx="0" if physical == 1 else "12", fill=paint)
        _text(svg, PIN_X[side], y + 4, str(physical), size="11", anchor="middle")
        _text(svg, PIN_X[side] + _out(side) * 26, y + 5, name, size="12", anchor=_anchor(side))


def _draw_side(svg: ElementTree.Element, side: str, wires: Sequence[Lead]) -> None:
    for part, run in groupby(wires, key=lambda wire: wire.part):
        of_part = list(run)
        _draw_card(svg, side, _title(part), of_part)
        for wire in of_part:
            _draw_wire(svg, side, wire)


def _draw_card(svg: ElementTree.Element, side: str, title: str, wires: Sequence[Lead]) -> None:
    first, last = _y(wires[0].physical), _y(wires[-1].physical)
    look = {"rx": "6", "fill": "#f4f6f8", "stroke": "#5a6470"}
    _rect(svg, CARD_X[side], first - 12, CARD_WIDTH, last - first + 24, **look)
    outer = CARD_X[side] + (12 if side == "left" else CARD_WIDTH - 12)
    _text(svg, outer, (first + last) / 2 + 5, title, weight="bold", anchor="start" if side == "left" else "end")


def _draw_wire(svg: ElementTree.Element, side: str, wire: Lead) -> None:
    start = PIN_X[side] + _out(side) * 82
    end = CARD_X[side] + (CARD_WIDTH if side == "left" else 0)
    for stroke, width in (("#333333", "8"), (WIRE_PAINT[wire.wire], "5")):
        line: dict[str, float] = {"x1": start, "x2": end, "y1": _y(wire.physical), "y2": _y(wire.physical)}
        _element(svg, "line", line, stroke=stroke, stroke_width=width)
    label = f"{wire.name} · {wire.wire}"
    _text(svg, end + _out(side) * 10, _y(wire.physical) + 5, label, size="13", anchor=_anchor(side))


def _draw_rest_table(svg: ElementTree.Element, pins: PinMap, top: int) -> None:
    rows = [("Wire", "Pin", "Held by", "Active when", "When nobody drives it")]
    rows += [
        (pin.name, f"{pin.physical}, GPIO{pin.bcm}", f"pull {pin.pull} ({pin.pull_by})", pin.active, at_rest(pin))
        for pin in pins.pin
    ]
    for index, row in enumerate(rows):
        for x, cell in zip((40, 200, 360, 560, 720), row, strict=True):
            _text(svg, x, top + index * 24, cell, weight="normal" if index else "bold")


def _draw_notes(svg: ElementTree.Element, top: int) -> None:
    for index, note in enumerate(DRIVER_NOTES):
        _text(svg, 40, top + index * 24, note)


def _side(physical: int) -> str:
    return "left" if physical % 2 else "right"


def _out(side: str) -> int:
    return -1 if side == "left" else 1


def _anchor(side: str) -> str:
    return "end" if side == "left" else "start"


def _y(physical: int) -> int:
    return TOP + (physical - 1) // 2 * PITCH


def _title(part: str) -> str:
    return part.replace("-", " ").capitalize()


def _text(
    svg: ElementTree.Element,
    x: float,
    y: float,
    words: str,
    size: str = "14",
    weight: str = "normal",
    anchor: str = "start",
) -> None:
    look = {"font_size": size, "font_weight": weight, "text_anchor": anchor, "fill": "#1a1a1a"}
    _element(svg, "text", {"x": x, "y": y}, **look).text = words


def _rect(svg: ElementTree.Element, x: float, y: float, width: float, height: float, **look: str) -> None:
    _element(svg, "rect", {"x": x, "y": y, "width": width, "height": height}, **look)


def _element(svg: ElementTree.Element, tag: str, place: dict[str, float], **look: str) -> ElementTree.Element:
    numbers = {name: f"{value:g}" for name, value in place.items()}
    return ElementTree.SubElement(svg, tag, numbers | {k.replace("_", "-"): v for k, v in look.items()})
