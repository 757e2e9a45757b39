"""Starts the kiosk."""

from __future__ import annotations

import json
import sys

from appliance.kiosk_ui.app import make_app
from appliance.kiosk_ui.camera import FrameCamera
from appliance.kiosk_ui.service import links, serve, watch
from appliance.kiosk_ui.settings import KioskSettings
from appliance.runtime import log
from appliance.runtime.arguments import settings_path
from appliance.runtime.life import Life, StopSignal
from appliance.runtime.settings import load
from proctoring.fact import Part
from web.serve import Face


def main() -> None:
    """Wires the kiosk and serves until told to stop."""
    desk, settings = load(settings_path("What the candidate sees"), "kiosk_ui", KioskSettings)
    stop, reach = StopSignal(), links(desk)
    face = Face(make_app(reach, FrameCamera(desk), settings.host), settings.host, settings.port)
    serve(face)
    sys.stdout.write(json.dumps({"ready": True, "url": f"http://{settings.host}:{face.port}"}) + "\n")
    sys.stdout.flush()
    with Life(desk, Part.KIOSK_UI, reach(), stop) as life:
        watch(life, stop, settings.host, face.port)
    face.close()


if __name__ == "__main__":
    log.run("kiosk_ui", main)
