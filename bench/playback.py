"""How soon a recording of three hours begins to play, and how soon it plays on after a jump.

The recording is made of sealed segments in a review server's folder and served by its own web server. The peer is a
plain file of the same bytes, lying open on the disk, sent by the same web server's own means for files. Both are
asked over HTTP for what a player asks for: to begin with the film's tables and its first pictures, after a jump the
two megabytes from there on. Each jump goes to another place, so that nothing opened before helps.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import pyrage
from flask import Flask, Response, request, send_file

from appliance.capture.video import VideoWriter
from bench.figures import Figures
from bench.places import folder_on_disk, frames, source
from bench.turns import in_turn, seconds
from proctoring.policy import Recording
from review_server.film import Piece
from review_server.playback import Outlines, Recordings, name_of_film
from review_server.ranges import answer
from review_server.sealing import Keyring
from review_server.segments import SegmentFiles
from review_server.store import Store
from web.serve import Face

SEGMENT_MS: Final = 2000
AFTER_A_JUMP: Final = 2 << 20
DISTINCT: Final = 4
"""Videos that are encoded; each segment seals one of them anew, so that no two are the same bytes on the disk."""


def figures(minutes: int = 180, rounds: int = 9) -> Figures:
    """A recording of that length; each round begins anew on both sides, then jumps."""
    with folder_on_disk() as folder, served(folder, minutes * 60_000 // SEGMENT_MS) as site:
        begin = in_turn(rounds, lambda: site.begin("/film"), lambda: site.begin("/file"))
        ours, bare = (iter([(place + 0.5) / rounds for place in range(rounds)]) for _ in range(2))
        jumps = in_turn(rounds, lambda: site.jump("/film", next(ours)), lambda: site.jump("/file", next(bare)))
    return {
        "pictures": source(),
        "segments": site.segments,
        "recording_mb": site.size / 1e6,
        "tables_mb": site.first / 1e6,
        "noting_ms_per_segment": site.noting_s * 1000 / site.segments,
        "laying_out_ms": site.laying_out_s * 1000,
        "begin_ms": begin.ours_s * 1000,
        "begin_file_ms": begin.bare_s * 1000,
        "begin_over_bare": begin.over_bare,
        "jump_ms": jumps.ours_s * 1000,
        "jump_file_ms": jumps.bare_s * 1000,
        "jump_over_bare": jumps.over_bare,
    }


class Site(NamedTuple):
    """A film and a file of the same bytes, at one web server."""

    port: int
    segments: int
    size: int
    first: int
    """The film's bytes up to the end of its first segment."""
    noting_s: float
    laying_out_s: float

    def begin(self, address: str) -> None:
        """What a player needs to show the first picture, laid out anew as for the first viewer of a session."""
        self._ask(f"{address}?anew=1", 0, self.first)

    def jump(self, address: str, share: float) -> None:
        """What a player needs after a jump to that share of the recording."""
        start = self.first + round(share * (self.size - self.first - AFTER_A_JUMP))
        self._ask(address, start, start + AFTER_A_JUMP)

    def _ask(self, address: str, start: int, stop: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("GET", address, headers={"Range": f"bytes={start}-{stop - 1}"})
        response = connection.getresponse()
        got = len(response.read())
        connection.close()
        if (response.status, got) != (206, stop - start):
            raise RuntimeError(f"{address} answered {response.status} with {got} bytes instead of {stop - start}.")


@contextmanager
def served(folder: Path, segments: int) -> Iterator[Site]:
    """The site, its recording stored as it is when desks bring it."""
    store, keyring = Store(folder / "review.db"), Keyring(folder)
    keyring.begin(0)
    outlines = Outlines(store, keyring)
    pieces = stored(SegmentFiles(folder), keyring, encoded(folder), segments)
    noting_s = sum(seconds(partial(outlines.note, piece.sha256, piece.path)) for piece in pieces)
    recordings = Recordings(keyring, outlines, 128 << 20)
    name = name_of_film("bench", pieces)
    laying_out_s = seconds(lambda: recordings.film(name, pieces))
    film = recordings.film(name, pieces)
    with (folder / "film.mp4").open("wb") as file:
        file.writelines(recordings.read(film, 0, film.size))
    face = Face(application(folder, keyring, outlines, pieces), "127.0.0.1", 0)
    thread = threading.Thread(target=face.run, daemon=True)
    thread.start()
    first = len(film.head) + film.shots[0].size
    yield Site(face.port, segments, film.size, first, noting_s, laying_out_s)
    face.close()
    thread.join(10)
    store.close()


def application(folder: Path, keyring: Keyring, outlines: Outlines, pieces: list[Piece]) -> Flask:
    """Both addresses; `anew` forgets what was laid out and opened before."""
    app, name, kept = Flask("bench"), name_of_film("bench", pieces), Recordings(keyring, outlines, 128 << 20)

    @app.get("/film")
    def film() -> Response:
        recordings = Recordings(keyring, outlines, 128 << 20) if request.args.get("anew") else kept
        return answer(recordings, recordings.film(name, pieces), "film.mp4")

    @app.get("/file")
    def file() -> Response:
        return send_file(folder / "film.mp4", conditional=True)

    return app


def encoded(folder: Path) -> list[bytes]:
    """Segments as capture writes them, at the policy's usual settings."""
    settings, made = Recording(), []
    pictures = frames(settings, settings.frames_per_s)
    for number in range(DISTINCT):
        path = folder / f"{number}.mp4"
        writer = VideoWriter(path, settings)
        for place, frame in enumerate(islice(pictures, settings.frames_per_s * SEGMENT_MS // 1000)):
            writer.add(frame, place * 1000 // settings.frames_per_s)
        writer.close()
        made.append(path.read_bytes())
    return made


def stored(files: SegmentFiles, keyring: Keyring, videos: list[bytes], segments: int) -> list[Piece]:
    """So many sealed segments, one after the other."""
    recipients = [pyrage.x25519.Recipient.from_str(one) for one in keyring.recipients()]
    pieces = []
    for number in range(segments):
        data = pyrage.encrypt(videos[number % len(videos)], recipients)
        name = hashlib.sha256(data).hexdigest()
        files.keep(name, BytesIO(data), len(data))
        pieces.append(Piece(name, number * SEGMENT_MS, files.path(name), (number + 1) * SEGMENT_MS))
    return pieces
