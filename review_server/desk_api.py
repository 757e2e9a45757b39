"""What desks ask of this server over HTTP: to take a recording, and what time it is.

Answers are sentences, for the desk's log; the time alone is JSON.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from proctoring.errors import Refused
from review_server.segments import DiskFull, Segments
from web.clock import Clock

HASH: Final = re.compile(r"[0-9a-f]{64}")


def desk_api(segments: Segments, desks: dict[str, str], max_bytes: int, clock: Clock) -> Blueprint:
    """The desks' part of the application. `desks`: desk to token."""
    blueprint = Blueprint("desk_api", __name__)

    @blueprint.put("/segments/<sha256>")
    def put_segment(sha256: str) -> Response:
        desk = _caller(desks)
        if desk is None:
            return _say(401, "This desk is not known here. Check its token in the settings of both sides.")
        if not HASH.fullmatch(sha256):
            return _say(400, "The address must end with the SHA-256 of the file: 64 characters from 0-9 and a-f.")
        if (request.content_length or 0) > max_bytes:
            return _too_large(max_bytes)
        request.max_content_length = max_bytes
        return _take(segments, desk, sha256, max_bytes)

    @blueprint.get("/time")
    def get_time() -> Response:
        came_utc_ms = clock.utc_ms()
        if _caller(desks) is None:
            return _say(401, "This desk is not known here. Check its token in the settings of both sides.")
        # The second of the two last of all: what lies between them is not on the way.
        return jsonify({"came_utc_ms": came_utc_ms, "went_utc_ms": clock.utc_ms()})

    return blueprint


def _take(segments: Segments, desk: str, sha256: str, max_bytes: int) -> Response:
    try:
        is_new = segments.take(desk, sha256, request.stream, request.content_length or 0)
    except Refused as refused:
        return _say(400, refused.reason)
    except RequestEntityTooLarge:
        return _too_large(max_bytes)
    except ClientDisconnected:
        return _say(400, "The file broke off. Send it whole again.")
    except DiskFull as full:
        return _say(507, str(full))
    return _say(201, "Stored.") if is_new else _say(200, "It was stored already.")


def _caller(desks: dict[str, str]) -> str | None:
    """The desk whose token came with the request; every token is compared, so that time tells nothing."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    matching = [desk for desk, token in desks.items() if hmac.compare_digest(token.encode(), given)]
    return matching[0] if matching else None


def _too_large(max_bytes: int) -> Response:
    return _say(413, f"A segment may have {max_bytes} bytes at most. Record shorter segments.")


def _say(status: int, sentence: str) -> Response:
    return Response(sentence + "\n", status, mimetype="text/plain")
