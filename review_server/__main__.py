"""Wires the review server and runs it: python -m review_server --settings review.toml."""

from __future__ import annotations

import logging
import shutil
import threading

from messaging.mqtt import MqttBus
from review_server import calendar
from review_server.app import make_app
from review_server.calendar import Preparation
from review_server.folder import claim
from review_server.holds import Holds
from review_server.ingest import Ingest
from review_server.playback import Outlines, Recordings
from review_server.receipts import Receipts
from review_server.retention import Keeper
from review_server.review import Forms, Pages
from review_server.reviews import Reviews
from review_server.sealing import Keyring
from review_server.segments import SegmentFiles, Segments
from review_server.service import Service, begin_run, will
from review_server.settings import Settings, load
from review_server.standing import Patience
from review_server.store import Store
from web.clock import SystemClock
from web.process import run, serve, settings_path, stop_signal
from web.serve import Face


def main() -> None:
    """Runs until told to stop."""
    settings, stop = load(settings_path("review_server", "The review server.")), stop_signal()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with claim(settings.data_dir):
        store = Store(settings.data_dir / "review.db")
        work(settings, store, stop)
        store.close()


def work(settings: Settings, store: Store, stop: threading.Event) -> None:
    """Builds everything on an open store and works until `stop` is set."""
    clock = SystemClock()
    patience = Patience(round(settings.patience_s * 1000), round(settings.silence_s * 1000))
    calendar.seed(store)
    number = begin_run(store, clock)
    keyring = Keyring(settings.data_dir, settings.recovery_recipients)
    keyring.begin(clock.utc_ms())
    # Where an earlier version kept joined recordings, which anybody with the disk could play.
    shutil.rmtree(settings.data_dir / "recordings", ignore_errors=True)
    bus = MqttBus(settings.broker, "review-server", will(number, clock))
    receipts, holds = Receipts(bus), Holds(store, bus, clock)
    files = SegmentFiles(settings.data_dir, settings.keep_free_bytes)
    outlines = Outlines(store, keyring)
    segments = Segments(store, files, receipts, clock, patience, outlines.note)
    pages = Pages(store, files, Recordings(keyring, outlines, settings.recordings_bytes))
    app = make_app(settings, segments, pages, Forms(pages, Reviews(store, clock), holds), clock)
    face = Face(app, settings.host, settings.port)
    ingest = Ingest(store, receipts, clock, patience, settings.authority())
    preparation = Preparation(store, bus, clock, keyring, round(settings.order_life_s * 1000))
    service = Service(store, clock, patience, preparation, holds, Keeper(store, files, clock))
    service.listen(bus, ingest)
    serve(face, settings, stop)
    service.run(bus, number, stop)
    face.close()


if __name__ == "__main__":
    run("review_server", main)
