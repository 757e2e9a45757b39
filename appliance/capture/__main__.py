"""Capture: sole owner of a camera. It records, cuts segments, and offers pictures to the other processes."""

from __future__ import annotations

from contextlib import ExitStack

from appliance.capture import encoders
from appliance.capture.backlog import beside
from appliance.capture.eyes import FIRST, Eye, NoWindow, asked_for, settings_of
from appliance.capture.filming import NO_EAR, Filming
from appliance.capture.hand_over import HandOver
from appliance.capture.listening import Listening
from appliance.capture.ports import Ear, Window
from appliance.capture.segments import Incoming
from appliance.capture.service import Service
from appliance.capture.settings import CaptureSettings, chosen, chosen_microphone
from appliance.capture.standby import Standby
from appliance.capture.tapes import Tapes
from appliance.runtime import log
from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import CustodyLink
from appliance.runtime.frames import FrameTeller
from appliance.runtime.life import Life, StopSignal
from appliance.runtime.memory import incoming_in_memory
from appliance.runtime.settings import Desk
from appliance.runtime.sounds import SoundTeller


def main() -> None:
    """Wires the process and runs it."""
    path, eye = asked_for(__doc__ or "")
    desk, settings = settings_of(eye, path)
    stop, clock = StopSignal(), SystemClock()
    source = chosen(settings, clock, patient=eye is not FIRST)
    custody = CustodyLink(desk)
    standby = Standby(desk, custody, stop, clock, eye.part)
    if not standby.wait():
        return
    source.open()
    incoming = Incoming(incoming_in_memory(desk), eye.mark)
    hand_over = HandOver(custody, incoming, settings.camera, clock, eye.part)
    with ExitStack() as stack:
        window, ear = _company(eye, desk, settings, clock, stack)
        encoder = encoders.chosen(settings.encoder, encoders.board_encodes())
        tapes = Tapes(incoming, hand_over.report, beside, encoder, hears=eye is FIRST)
        filming = Filming(source, window, tapes, hand_over.report, clock, settings.offer_per_s, ear)
        service = Service(custody, filming, incoming, hand_over, clock)
        service.film(standby.view)
        standby.await_note()
        with Life(desk, eye.part, custody, stop) as life:
            service.run(life)
    source.close()


def _company(
    eye: Eye, desk: Desk, settings: CaptureSettings, clock: SystemClock, stack: ExitStack
) -> tuple[Window, Ear]:
    """Who looks and who listens: the detectors have the first camera alone."""
    if eye is not FIRST:
        return NoWindow(), NO_EAR
    window, sounds = stack.enter_context(FrameTeller(desk)), stack.enter_context(SoundTeller(desk))
    return window, Listening(chosen_microphone(settings, clock), sounds, clock)


if __name__ == "__main__":
    log.run("capture", main)
