"""To the review server over HTTP: segments, PUT by hash, and the question what time it is there.

The only file that imports requests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import requests

from appliance.sync.ports import Put
from appliance.sync.settings import SyncSettings
from proctoring.wire import PendingSegment

TIME_S: Final = 2.0
"""An answer that takes longer says little about the time."""
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


def _session(settings: SyncSettings) -> requests.Session:
    http = requests.Session()
    # Else a .netrc or a proxy of the environment could take the place of what the settings say.
    http.trust_env = False
    http.headers["Authorization"] = f"Bearer {settings.token}"
    http.verify = settings.server_ca or True
    return http


class _Times(msgspec.Struct):
    came_utc_ms: int
    went_utc_ms: int


class HttpTimes:
    """ServerTimes over HTTP. One thread only, with a connection of its own: no segment goes before the question."""

    def __init__(self, settings: SyncSettings) -> None:
        self._address = settings.server_url.rstrip("/") + "/time"
        self._http = _session(settings)

    def times(self) -> tuple[int, int] | None:
        """See ServerTimes."""
        try:
            answer = self._http.get(self._address, timeout=TIME_S, allow_redirects=False)
            times = msgspec.json.decode(answer.content, type=_Times) if answer.ok else None
        except (requests.RequestException, msgspec.DecodeError):
            return None
        return (times.came_utc_ms, times.went_utc_ms) if times else None


class HttpStore:
    """A SegmentStore over HTTP. One thread only."""

    def __init__(self, settings: SyncSettings) -> None:
        self._address = settings.server_url.rstrip("/") + "/segments/"
        self._http = _session(settings)

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
