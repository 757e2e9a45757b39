"""Wires the panel."""

from __future__ import annotations

from contextlib import closing

from appliance.panel.gpio import GpioBoard, choose_factory, close_mock_case
from appliance.panel.pins import load_pins
from appliance.panel.service import Panel
from appliance.panel.settings import PanelSettings
from appliance.runtime import log
from appliance.runtime.arguments import settings_path
from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import CustodyLink
from appliance.runtime.life import Life, StopSignal
from appliance.runtime.settings import load
from proctoring.fact import Part


def main() -> None:
    """Builds everything and runs."""
    desk, settings = load(settings_path("Status lamp, call button, lid switch."), Part.PANEL, PanelSettings)
    choose_factory(settings.pin_factory)
    stop = StopSignal()
    custody = CustodyLink(desk)
    pins = load_pins(settings.pin_map)
    with closing(GpioBoard(pins)) as board, Life(desk, Part.PANEL, custody, stop) as life:
        close_mock_case(pins)
        Panel(board, custody, SystemClock()).run(life)


if __name__ == "__main__":
    log.run("panel", main)
