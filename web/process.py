"""A staff face as a process: its one argument, how it says that it is ready, and how it is told to stop."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from proctoring.errors import DeskproctorError
from web.serve import Face
from web.settings import FaceSettings
from web.staff import sign_in_path


def settings_path(program: str, description: str) -> Path:
    """The path given with --settings."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    help_ = f"the settings file; see {program}/settings.py"
    parser.add_argument("--settings", type=Path, required=True, help=help_)
    path: Path = parser.parse_args().settings
    return path


def stop_signal() -> threading.Event:
    """Set by SIGTERM and SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def serve(face: Face, settings: FaceSettings, stop: threading.Event) -> None:
    """Serves in the background and says so in one line on standard output."""
    threading.Thread(target=_serve, args=(face, stop), daemon=True).start()
    ready = {
        "ready": True,
        "url": f"http://{settings.host}:{face.port}",
        "sign_in": sign_in_path(settings.staff_key),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


def _serve(face: Face, stop: threading.Event) -> None:
    try:
        face.run()
    finally:
        # A program without its pages is of no use: let it be started anew.
        stop.set()


def run(name: str, main: Callable[[], None]) -> None:
    """Runs `main()`. An error that we foresaw becomes one line and exit status 1; any other, a crash."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"%(levelname)s {name}: %(message)s", force=True
    )
    try:
        main()
    except DeskproctorError as error:
        logging.getLogger(name).error("%s", error)
        sys.exit(1)
