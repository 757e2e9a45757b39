"""Wires the review server and runs it: python -m review_server --settings review.toml."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path

from messaging.mqtt import MqttBus
from proctoring.errors import DeskproctorError
from review_server import calendar
from review_server.app import make_app
from review_server.calendar import Preparation
from review_server.clock import SystemClock
from review_server.folder import claim
from review_server.ingest import Ingest
from review_server.playback import Recordings
from review_server.receipts import Receipts
from review_server.review import Forms, Pages
from review_server.reviews import Reviews
from review_server.segments import SegmentFiles, Segments
from review_server.service import Service, begin_run, will
from review_server.settings import Settings, load
from review_server.standing import Patience
from review_server.store import Store
from web.serve import Face
from web.staff import sign_in_path


def main(settings: Settings, stop: threading.Event) -> None:
    """Runs until `stop` is set."""
    with claim(settings.data_dir):
        store = Store(settings.data_dir / "review.db")
        run(settings, store, stop)
        store.close()


def run(settings: Settings, store: Store, stop: threading.Event) -> None:
    """Builds everything on an open store and works until `stop` is set."""
    clock = SystemClock()
    patience = Patience(round(settings.patience_s * 1000), round(settings.silence_s * 1000))
    calendar.seed(store)
    number = begin_run(store, clock)
    bus = MqttBus(settings.broker, "review-server", will(number, clock))
    receipts = Receipts(bus)
    files = SegmentFiles(settings.data_dir, settings.keep_free_bytes)
    segments = Segments(store, files, receipts, clock, patience)
    pages = Pages(store, files, Recordings(settings.data_dir / "recordings", settings.recordings_bytes))
    app = make_app(settings, segments, pages, Forms(pages, Reviews(store, clock)))
    face = Face(app, settings.host, settings.port)
    ingest = Ingest(store, receipts, clock, patience)
    preparation = Preparation(store, bus, clock, round(settings.order_life_s * 1000))
    service = Service(store, clock, patience)
    service.listen(bus, ingest, preparation)
    threading.Thread(target=_serve, args=(face, stop), daemon=True).start()
    _say_ready(settings, face.port)
    service.run(bus, number, stop)
    face.close()


def _serve(face: Face, stop: threading.Event) -> None:
    try:
        face.run()
    finally:
        # A server without its pages is of no use: let it be started anew.
        stop.set()


def _say_ready(settings: Settings, port: int) -> None:
    ready = {"ready": True, "url": f"http://{settings.host}:{port}", "sign_in": sign_in_path(settings.staff_key)}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


def _start_log() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s review_server: %(message)s", force=True
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _stop_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _settings_path() -> Path:
    parser = argparse.ArgumentParser(prog="python -m review_server", description="The review server.")
    parser.add_argument(
        "--settings", type=Path, required=True, help="the settings file; see review_server/settings.py"
    )
    path: Path = parser.parse_args().settings
    return path


if __name__ == "__main__":
    _start_log()
    try:
        main(load(_settings_path()), _stop_signal())
    except DeskproctorError as error:
        logging.getLogger("review_server").error("%s", error)
        sys.exit(1)
