"""Capture: sole owner of the camera. It records, cuts segments, and offers pictures to the other processes."""

from __future__ import annotations

from appliance.capture import encoders
from appliance.capture.backlog import beside
from appliance.capture.filming import Filming
from appliance.capture.hand_over import HandOver
from appliance.capture.listening import Listening
from appliance.capture.segments import Incoming
from appliance.capture.service import Service
from appliance.capture.settings import CaptureSettings, chosen, chosen_microphone
from appliance.capture.standby import Standby
from appliance.capture.tapes import Tapes
from appliance.runtime import log
from appliance.runtime.arguments import settings_path
from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import CustodyLink
from appliance.runtime.frames import FrameTeller
from appliance.runtime.life import Life, StopSignal
from appliance.runtime.memory import incoming_in_memory
from appliance.runtime.settings import load
from appliance.runtime.sounds import SoundTeller
from proctoring.fact import Part


def main() -> None:
    """Wires the process and runs it."""
    desk, settings = load(settings_path(__doc__ or ""), "capture", CaptureSettings)
    stop, clock = StopSignal(), SystemClock()
    source = chosen(settings, clock)
    custody = CustodyLink(desk)
    standby = Standby(desk, custody, stop, clock)
    if not standby.wait():
        return
    source.open()
    incoming = Incoming(incoming_in_memory(desk))
    hand_over = HandOver(custody, incoming, settings.camera, clock)
    with FrameTeller(desk) as window, SoundTeller(desk) as sounds:
        ear = Listening(chosen_microphone(settings, clock), sounds, clock)
        encoder = encoders.chosen(settings.encoder, encoders.board_encodes())
        tapes = Tapes(incoming, hand_over.report, beside, encoder)
        filming = Filming(source, window, tapes, hand_over.report, clock, settings.offer_per_s, ear)
        service = Service(custody, filming, incoming, hand_over, clock)
        service.film(standby.view)
        standby.await_note()
        with Life(desk, Part.CAPTURE, custody, stop) as life:
            service.run(life)
    source.close()


if __name__ == "__main__":
    log.run("capture", main)
