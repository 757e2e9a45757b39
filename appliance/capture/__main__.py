"""Capture: sole owner of the camera. It records, cuts segments, and offers pictures to the other processes."""

from __future__ import annotations

from appliance.capture.filming import Filming
from appliance.capture.hand_over import HandOver
from appliance.capture.segments import Incoming
from appliance.capture.service import Service
from appliance.capture.settings import CaptureSettings, chosen
from appliance.runtime import log
from appliance.runtime.arguments import settings_path
from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import CustodyLink
from appliance.runtime.frames import FrameTeller
from appliance.runtime.life import Life, StopSignal
from appliance.runtime.settings import load
from proctoring.fact import Part


def main() -> None:
    """Wires the process and runs it."""
    desk, settings = load(settings_path(__doc__ or ""), "capture", CaptureSettings)
    stop, clock = StopSignal(), SystemClock()
    source = chosen(settings, clock)
    source.open()
    custody = CustodyLink(desk)
    incoming = Incoming(desk.folder("incoming"))
    hand_over = HandOver(custody, incoming, settings.camera, clock)
    with FrameTeller(desk) as window:
        filming = Filming(source, window, incoming, hand_over.report, clock, settings.offer_per_s)
        with Life(desk, Part.CAPTURE, custody, stop) as life:
            Service(custody, filming, incoming, hand_over, clock).run(life)
    source.close()


if __name__ == "__main__":
    log.run("capture", main)
