"""Wires sync."""

from __future__ import annotations

from appliance.runtime import log
from appliance.runtime.arguments import settings_path
from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import CustodyLink
from appliance.runtime.life import Life, StopSignal
from appliance.runtime.settings import load
from appliance.sync.http import HttpStore, HttpTimes
from appliance.sync.presence import DeskPresence, next_run
from appliance.sync.service import Sync
from appliance.sync.settings import SyncSettings, check_private
from appliance.sync.timing import TimeWatch
from appliance.sync.uploads import Uploader
from messaging.mqtt import MqttBus
from proctoring.fact import Part


def main() -> None:
    """Runs until told to stop."""
    path = settings_path("Facts to the broker, bytes to the server, orders back.")
    desk, settings = load(path, "sync", SyncSettings)
    check_private(path)
    stop, clock, custody = StopSignal(), SystemClock(), CustodyLink(desk)
    presence = DeskPresence(desk.desk, next_run(desk.folder("sync") / "run", clock), clock)
    bus = MqttBus(settings.broker, f"desk-{desk.desk}", presence.will)
    uploader, time = Uploader(HttpStore(settings), clock), TimeWatch(HttpTimes(settings), clock)
    sync = Sync(desk.desk, custody, bus, uploader, presence, clock, time)
    with Life(desk, Part.SYNC, custody, stop) as life:
        sync.start()
        while life.goes_on:
            sync.step()
            life.progress()
        sync.stop()


if __name__ == "__main__":
    log.run("sync", main)
