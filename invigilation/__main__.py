"""Wires the room console and runs it: python -m invigilation --settings console.toml."""

from __future__ import annotations

from invigilation.console import make_console
from invigilation.events import Stream
from invigilation.service import Console
from invigilation.settings import Settings
from messaging.mqtt import MqttBus
from web.clock import SystemClock
from web.process import run, serve, settings_path, stop_signal
from web.serve import Face
from web.settings import load


def main() -> None:
    """Builds everything and runs until told to stop."""
    settings, stop = load(settings_path("invigilation", "The room console."), Settings), stop_signal()
    bus = MqttBus(settings.broker, settings.client)
    console = Console(bus, Stream(), SystemClock())
    face = Face(make_console(settings, console), settings.host, settings.port)
    bus.start()
    serve(face, settings, stop)
    console.run(stop)
    bus.close()


if __name__ == "__main__":
    run("console", main)
