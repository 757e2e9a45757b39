"""The kiosk at work: the pages are served by threads; the process lives on as long as they answer."""

from __future__ import annotations

import http.client
import logging
import threading
from typing import Final

from appliance.kiosk_ui.ports import Reach
from appliance.runtime.custody_link import Custody, CustodyLink
from appliance.runtime.life import Life, StopSignal
from appliance.runtime.settings import Desk
from web.serve import Face

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""How often the process asks itself whether its pages still answer."""


def links(desk: Desk) -> Reach:
    """A link to custody for each thread that asks for one."""
    held = threading.local()

    def reach() -> Custody:
        if not hasattr(held, "link"):
            held.link = CustodyLink(desk)
        link: CustodyLink = held.link
        return link

    return reach


def serve(face: Face) -> None:
    """Serves in the background."""
    threading.Thread(target=face.run, name="pages", daemon=True).start()


def watch(life: Life, stop: StopSignal, host: str, port: int) -> None:
    """Says that there is progress while the pages answer, until told to stop."""
    while life.goes_on:
        if answers(host, port):
            life.progress()
        else:
            log.warning("the pages do not answer")
        stop.wait(LOOK_S)


def answers(host: str, port: int, timeout_s: float = 2.0) -> bool:
    """Whether the pages at that address answer."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
