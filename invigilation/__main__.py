"""Wires the room console and runs it: python -m invigilation --settings console.toml."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path

from invigilation.clock import SystemClock
from invigilation.console import make_console
from invigilation.events import Stream
from invigilation.service import Console
from invigilation.settings import Settings
from messaging.mqtt import MqttBus
from proctoring.errors import DeskproctorError
from web.serve import Face
from web.settings import load
from web.staff import sign_in_path


def main(settings: Settings, stop: threading.Event) -> None:
    """Builds everything and runs until `stop` is set."""
    bus = MqttBus(settings.broker, settings.client)
    console = Console(bus, Stream(), SystemClock())
    face = Face(make_console(settings, console), settings.host, settings.port)
    bus.start()
    threading.Thread(target=_serve, args=(face, stop), daemon=True).start()
    _say_ready(settings, face.port)
    console.run(stop)
    bus.close()


def _serve(face: Face, stop: threading.Event) -> None:
    try:
        face.run()
    finally:
        # A console without its page is of no use: let it be started anew.
        stop.set()


def _say_ready(settings: Settings, port: int) -> None:
    ready = {"ready": True, "url": f"http://{settings.host}:{port}", "sign_in": sign_in_path(settings.staff_key)}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


def _stop_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _settings_path() -> Path:
    parser = argparse.ArgumentParser(prog="python -m invigilation", description="The room console.")
    parser.add_argument(
        "--settings", type=Path, required=True, help="the settings file; see invigilation/settings.py"
    )
    path: Path = parser.parse_args().settings
    return path


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s console: %(message)s")
    try:
        main(load(_settings_path(), Settings), _stop_signal())
    except DeskproctorError as error:
        logging.getLogger("console").error("%s", error)
        sys.exit(1)
