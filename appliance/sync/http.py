"""Segments to the review server: PUT by hash. The only file that imports requests."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import requests

from appliance.sync.ports import Put
from appliance.sync.settings import SyncSettings
from proctoring.wire import PendingSegment

CONNECT_S: Final = 5.0
ANSWER_S: Final = 30.0
ERROR_OF_THE_SERVER: Final = 500
ANSWERS: Final = {
    200: Put.STORED,
    201: Put.STORED,
    400: Put.HASH_DIFFERS,
    401: Put.UNKNOWN_DESK,
    413: Put.TOO_LARGE,
    507: Put.SERVER_FULL,
}


class HttpStore:
    """A SegmentStore over HTTP. One thread only."""

    def __init__(self, settings: SyncSettings) -> None:
        self._address = settings.server_url.rstrip("/") + "/segments/"
        self._http = requests.Session()
        # Else a .netrc or a proxy of the environment could take the place of what the settings say.
        self._http.trust_env = False
        self._http.headers["Authorization"] = f"Bearer {settings.token}"
        self._http.verify = settings.server_ca or True

    def put(self, segment: PendingSegment) -> Put:
        """See SegmentStore."""
        try:
            with Path(segment.file).open("rb") as file:
                return self._send(self._address + segment.sha256, file.read())
        except requests.RequestException:  # an OSError too
            return Put.AWAY
        except OSError:
            return Put.NO_FILE

    def _send(self, address: str, body: bytes) -> Put:
        answer = self._http.put(address, data=body, timeout=(CONNECT_S, ANSWER_S), allow_redirects=False)
        away = Put.AWAY if answer.status_code >= ERROR_OF_THE_SERVER else Put.REFUSED
        return ANSWERS.get(answer.status_code, away)
