"""A film over HTTP, in the parts that a browser asks for (RFC 9110, 14)."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from review_server.film import Film
from review_server.playback import Recordings

LONGEST: Final = 4 << 20
"""Of "all from here on" so many bytes are given; a player asks on. Otherwise each paused player would hold a thread
of the server, and its memory."""


def answer(recordings: Recordings, film: Film, filename: str) -> Response:
    """The whole film, the part that was asked for, or why there is none."""
    response = Response(mimetype="video/mp4")
    response.set_etag(film.key)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers.set("Content-Disposition", "inline", filename=filename)
    start, stop = 0, film.size
    if _asks_for_a_part(film):
        start, stop = _part(film.size)
        response.status_code = 206 if start < stop else 416
        asked = f"{start}-{stop - 1}" if start < stop else "*"
        response.headers["Content-Range"] = f"bytes {asked}/{film.size}"
    response.content_length = stop - start
    response.response = recordings.read(film, start, stop) if start < stop else ()
    response.make_conditional(request)
    return response


def _asks_for_a_part(film: Film) -> bool:
    """Anything but one range of bytes of these very bytes is answered with all of them, as the standard allows."""
    asked, only_if = request.range, request.if_range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return False
    return (only_if.etag is None and only_if.date is None) or only_if.etag == film.key


def _part(size: int) -> tuple[int, int]:
    """The range that was asked for, (0, 0) where it lies beyond the end."""
    assert request.range is not None
    found = request.range.range_for_length(size)
    if found is None:
        return 0, 0
    (first, last), (start, stop) = request.range.ranges[0], found
    is_open = last is None and first >= 0
    return start, min(stop, start + LONGEST) if is_open else stop
