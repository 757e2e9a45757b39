"""What of a session can be watched: each camera's whole recording, and clips around a moment."""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec
from flask import Response, abort, jsonify, request

from review_server import dossier as dossiers
from review_server.film import Film, Piece
from review_server.playback import NothingToPlay, Recordings, name_of_film
from review_server.ranges import answer
from review_server.segments import SegmentFiles
from review_server.store import Store
from review_server.tables import FlagRow

AROUND_S: Final = 5.0
MOST_AROUND_S: Final = 60.0
"""Who wants more than a minute around a moment wants the whole recording."""
LATEST_S: Final = 7 * 86_400.0

NOTHING: Final = "No recording of this session has arrived yet."


class Showing(msgspec.Struct, frozen=True):
    """A camera's recording as it stood when a page was made."""

    camera: str
    film: str
    """Its name, so that a player is not given other bytes when more arrives."""


class Screen:
    """Recordings and clips, as the browser's own player wants them."""

    def __init__(self, store: Store, files: SegmentFiles, recordings: Recordings) -> None:
        self._store = store
        self._files = files
        self._recordings = recordings

    def films(self, session_id: str) -> list[Showing]:
        """The recordings of a session that can be shown."""
        with self._store.read() as tx:
            cameras = dossiers.read_cameras(tx, session_id)
            found = [(one, dossiers.read_pieces(tx, session_id, self._files, one)) for one in cameras]
        return [Showing(camera, name_of_film(session_id, pieces)) for camera, pieces in found if pieces]

    def pieces(self, session_id: str) -> tuple[Piece, ...]:
        """The pieces of the camera that is asked for, of the first one where none is."""
        camera = self.camera(session_id)
        with self._store.read() as tx:
            return dossiers.read_pieces(tx, session_id, self._files, camera)

    def camera(self, session_id: str) -> str:
        """The camera that is asked for, the first one where none is; empty where none has filmed yet."""
        with self._store.read() as tx:
            cameras = dossiers.read_cameras(tx, session_id)
        camera = request.args.get("camera") or next(iter(cameras), "")
        if cameras and camera not in cameras:
            abort(404, f"No camera of that name filmed this session. There is: {', '.join(cameras)}.")
        return camera

    def recording(self, session_id: str) -> Response:
        """The whole recording so far, or as it stood when `film` was named."""
        return answer(self._recordings, self._film(session_id), f"{session_id}.mp4")

    def recording_json(self, session_id: str) -> Response:
        """Which segments could not be fitted into the recording."""
        return jsonify({"left_out": self._film(session_id).left_out})

    def flag_clip(self, session_id: str, flag_id: str) -> Response:
        """A flag with some seconds `before` and `after` it."""
        with self._store.read() as tx:
            flag = tx.get(FlagRow, (session_id, flag_id))
        if flag is None:
            abort(404, "This session has no such flag. Take the address from the session's page.")
        words = f"{flag.kind} {flag.label or ''}".strip()
        return self._clip(session_id, words, flag.started_ms, flag.ended_ms)

    def clip(self, session_id: str) -> Response:
        """From second `from` to second `to` of a session, with some seconds `before` and `after`."""
        start_ms, end_ms = (round(1000 * _seconds(name, LATEST_S)) for name in ("from", "to"))
        if end_ms < start_ms:
            abort(400, "'to' lies before 'from'. Give both in seconds since the exam began, 'to' the later one.")
        return self._clip(session_id, "clip", start_ms, end_ms)

    def _film(self, session_id: str) -> Film:
        # A player goes on with the film that it began, though more may have arrived since.
        kept = self._recordings.kept(request.args.get("film", ""))
        return kept or self._lay_out(session_id, self.pieces(session_id), 0)

    def _clip(self, session_id: str, words: str, start_ms: int, end_ms: int | None) -> Response:
        before_s, after_s = (_seconds(name, MOST_AROUND_S, AROUND_S) for name in ("before", "after"))
        pieces = self.pieces(session_id)
        newest_ms = max((piece.ended_ms for piece in pieces), default=0)
        from_ms = start_ms - round(before_s * 1000)
        to_ms = max(start_ms, newest_ms if end_ms is None else end_ms) + round(after_s * 1000)
        # Every segment begins with a picture that needs none before it; a cut anywhere else would need encoding.
        wanted = tuple(piece for piece in pieces if piece.ended_ms > from_ms and piece.started_ms < to_ms)
        if pieces and not wanted:
            abort(404, "Nothing of this moment was recorded, or it has not arrived. See the session's page.")
        film = self._lay_out(session_id, wanted, wanted[0].started_ms if wanted else 0)
        return answer(self._recordings, film, _filename(session_id, words, start_ms))

    def _lay_out(self, session_id: str, pieces: tuple[Piece, ...], zero_ms: int) -> Film:
        if not pieces:
            abort(404, NOTHING)
        name = name_of_film(f"{session_id} {zero_ms}" if zero_ms else session_id, pieces)
        try:
            return self._recordings.film(name, pieces, zero_ms)
        except NothingToPlay as nothing:
            abort(404, str(nothing))


def _seconds(name: str, most: float, default: float | None = None) -> float:
    text = request.args.get(name)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        abort(400, f"'{name}' is {text!r}. Give seconds from 0 to {most:g}.")
    return value


def _filename(session_id: str, words: str, start_ms: int) -> str:
    minutes, seconds = divmod(start_ms // 1000, 60)
    at = f"{minutes // 60}h{minutes % 60:02d}m{seconds:02d}s"
    camera = request.args.get("camera", "")
    parts = [session_id, *([camera] if camera else []), words, at]
    return re.sub(r"[^\w.-]+", "-", "_".join(parts)) + ".mp4"
