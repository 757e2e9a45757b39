"""Starts custody."""

from __future__ import annotations

from appliance.custody.service import Custody
from appliance.custody.settings import CustodySettings
from appliance.custody.store import Store
from appliance.custody.timekeeping import built_utc_ms
from appliance.runtime import log
from appliance.runtime.arguments import settings_path
from appliance.runtime.clock import SystemClock
from appliance.runtime.life import BEAT_MS, StopSignal, last_exit, notify
from appliance.runtime.settings import load
from appliance.runtime.sockets import Answerer, Teller
from proctoring import wire
from proctoring.fact import Part


def main() -> None:
    """Wires custody and serves until told to stop."""
    desk, settings = load(settings_path("The desk's custody"), "custody", CustodySettings)
    stop, clock = StopSignal(), SystemClock()
    identity = settings.identity(desk)
    store = Store(desk.folder("custody") / "custody.db")
    after = last_exit(desk.run_dir, Part.CUSTODY)
    custody = Custody(desk, settings, store, clock, identity, after, built_utc_ms())
    with Answerer(desk.socket("custody")) as requests, Teller(desk.socket("view")) as views:
        notify("READY=1")
        beat_ms = 0
        while not stop.is_set:
            answered = requests.answer(custody.handle, timeout_ms=100)
            if clock.mono_ms() - beat_ms >= BEAT_MS:
                beat_ms = clock.mono_ms()
                custody.tick()
                notify("WATCHDOG=1")
                answered = True
            if answered:
                views.tell(wire.encode(custody.view()))
    notify("STOPPING=1")
    store.close()


if __name__ == "__main__":
    log.run("custody", main)
