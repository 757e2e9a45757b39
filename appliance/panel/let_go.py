"""`python -m appliance.panel.let_go`: after the panel died, lets the resistors set the lamp's fail-safe state."""

from __future__ import annotations

from appliance.panel.gpio import choose_factory, let_go
from appliance.panel.pins import load_pins
from appliance.panel.settings import PanelSettings
from appliance.runtime import log
from appliance.runtime.arguments import settings_path
from appliance.runtime.settings import load
from proctoring.fact import Part


def main() -> None:
    """Wires nothing but pins."""
    _desk, settings = load(settings_path("Lets go of the panel's pins."), Part.PANEL, PanelSettings)
    choose_factory(settings.pin_factory)
    let_go(load_pins(settings.pin_map))


if __name__ == "__main__":
    log.run("panel let_go", main)
