"""Films of a session's segments, and the segments opened for them, in memory alone and not for long."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from proctoring.errors import DeskproctorError
from proctoring.ledger import sha256
from review_server import outline
from review_server.boxes import Unplayable
from review_server.film import Film, Piece, Shot, shots
from review_server.outline import Outline
from review_server.sealing import CannotOpen, Keyring, KeysUnusable
from review_server.store import Store
from review_server.tables import OutlineRow

log = logging.getLogger(__name__)

NEVER_HELD: Final = (CannotOpen, KeysUnusable, OSError, Unplayable)
"""Why a segment may not be readable; none of them is a reason to fail at what it is wanted for."""
AT_ONCE: Final = 500
"""SQLite takes so many names in one question, and more."""
FILMS_KEPT: Final = 16
"""A film of three hours is about 5 MB of tables."""

Kept = TypeVar("Kept")


class Spoilt(DeskproctorError, OSError):
    """A segment that was whole when it came, and is not now. What was being read breaks off here."""


class NothingToPlay(DeskproctorError, LookupError):
    """No segment of this session can be played yet."""


class Shelf(Generic[Kept]):
    """What was used last, up to a limit. Whoever makes a thing makes others wait for nothing."""

    def __init__(self, limit: int, weight: Callable[[Kept], int]) -> None:
        self._limit = limit
        self._weight = weight
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._sum = 0

    def get(self, key: str) -> Kept | None:
        """What was put there, if it still is."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: str, value: Kept) -> Kept:
        """Keeps it; the longest unused goes."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = value
                self._sum += self._weight(value)
            while self._sum > self._limit and len(self._kept) > 1:
                self._sum -= self._weight(self._kept.popitem(last=False)[1])
        return value

    def clear(self) -> None:
        """Keeps nothing any more."""
        with self._lock:
            self._kept.clear()
            self._sum = 0


def open_piece(piece: Piece, keyring: Keyring) -> tuple[Outline, bytes]:
    """A segment's outline and samples. Raises what NEVER_HELD lists."""
    data = piece.path.read_bytes()
    if sha256(data) != piece.sha256:
        raise CannotOpen("Its bytes are not those that the ledger names.")
    return outline.read(keyring.open(data))


class Outlines:
    """Outlines of stored segments, kept in the database."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    def note(self, sha256: str, path: Path) -> None:
        """Keeps the outline of a segment that has just come, where it can be opened here."""
        if made := self.made(Piece(sha256, 0, path)):
            self._keep({sha256: made})

    def of(self, pieces: Iterable[Piece]) -> dict[str, Outline]:
        """Those that are kept, and those that can be made now, by hash."""
        wanted = {piece.sha256: piece for piece in pieces}
        found = self._kept(list(wanted))
        missing = [piece for key, piece in wanted.items() if key not in found]
        made = {piece.sha256: one for piece in missing if (one := self.made(piece))}
        self._keep(made)
        return found | made

    def _kept(self, wanted: list[str]) -> dict[str, Outline]:
        decode = msgspec.msgpack.Decoder(Outline).decode
        found: dict[str, Outline] = {}
        with self._store.read() as tx:
            for begin in range(0, len(wanted), AT_ONCE):
                names = OutlineRow.sha256.in_(wanted[begin : begin + AT_ONCE])
                rows = tx.execute(select(OutlineRow.sha256, OutlineRow.outline).where(names))
                found |= {key: decode(written) for key, written in rows}
        return found

    def _keep(self, made: dict[str, Outline]) -> None:
        if not made:
            return
        try:
            with self._store.write() as tx:
                for key, one in made.items():
                    tx.merge(OutlineRow(sha256=key, outline=msgspec.msgpack.encode(one)))
        except OperationalError as error:
            log.warning("%d outlines could not be kept and will be made again: %s", len(made), error.orig)

    def made(self, piece: Piece) -> Outline | None:
        """The outline of a segment as it is on the disk now, where it can be opened here."""
        try:
            return open_piece(piece, self._keyring)[0]
        except NEVER_HELD as error:
            log.warning("segment %s cannot be played here: %s", piece.sha256[:12], error)
            return None


class Recordings:
    """Films, and the bytes of them. Readers never wait for each other."""

    def __init__(self, keyring: Keyring, outlines: Outlines, limit_bytes: int) -> None:
        self._keyring = keyring
        self._outlines = outlines
        self._films: Shelf[Film] = Shelf(FILMS_KEPT, lambda _: 1)
        self._opened: Shelf[bytes] = Shelf(limit_bytes, len)
        self._spoilt: set[str] = set()
        """Hashes of segments that had an outline and could no longer be opened."""

    def can_open(self, recipients: tuple[str, ...]) -> bool:
        """Whether what was sealed to these, if to any, can be opened here."""
        return not recipients or self._keyring.holds(recipients)

    def kept(self, name: str) -> Film | None:
        """The film that was laid out under that name, if it was not long ago."""
        return self._films.get(name)

    def film(self, name: str, pieces: Sequence[Piece], zero_ms: int = 0) -> Film:
        """Lays out these pieces in the order of their times; the film begins at `zero_ms`. Raises NothingToPlay."""
        return self._films.get(name) or self._films.put(name, self._laid_out(pieces, zero_ms))

    def read(self, film: Film, start: int, stop: int) -> Iterator[bytes]:
        """The film's bytes from `start` to before `stop`, opened as they are taken.

        Raises Spoilt where a segment was altered or lost since it came; the film is laid out without it from then on.
        """
        return film.read(start, stop, self._samples)

    def _laid_out(self, pieces: Sequence[Piece], zero_ms: int) -> Film:
        outlines = self._outlines.of(pieces)
        for piece in pieces:
            # What could not be read once may be read again: a disk comes back, or a key.
            if piece.sha256 in self._spoilt:
                kept, made = outlines.pop(piece.sha256, None), self._outlines.made(piece)
                if made is not None and made == kept:
                    self._spoilt.discard(piece.sha256)
                    outlines[piece.sha256] = made
        return lay_out(pieces, outlines, zero_ms)

    def _samples(self, shot: Shot) -> bytes:
        key = shot.piece.sha256
        try:
            return self._opened.get(key) or self._opened.put(key, samples(shot, self._keyring))
        except Spoilt:
            self._spoilt.add(key)
            self._films.clear()
            raise


def name_of_film(session: str, pieces: Iterable[Piece]) -> str:
    """Another name whenever the session's pieces are others."""
    return sha256("\n".join((session, *(f"{one.sha256} {one.started_ms}" for one in pieces))).encode())


def lay_out(pieces: Sequence[Piece], outlines: dict[str, Outline], zero_ms: int) -> Film:
    """A film of the pieces whose outline is known. Raises NothingToPlay where none is."""
    known = [(piece, outlines[piece.sha256]) for piece in pieces if piece.sha256 in outlines]
    if not known:
        raise NothingToPlay("No piece of this recording can be played here.")
    left_out = tuple(piece.sha256 for piece in pieces if piece.sha256 not in outlines)
    return Film(shots(known, zero_ms), zero_ms, left_out)


def samples(shot: Shot, keyring: Keyring) -> bytes:
    """A shot's samples. Raises Spoilt where it was altered or lost since it was laid out."""
    try:
        found, data = open_piece(shot.piece, keyring)
    except NEVER_HELD as error:
        raise Spoilt(f"Segment {shot.piece.sha256[:12]} cannot be opened any more: {error}") from error
    if found != shot.outline:
        raise Spoilt(f"Segment {shot.piece.sha256[:12]} is not what its outline says.")
    return data


def write(pieces: Sequence[Piece], path: Path, keyring: Keyring) -> tuple[str, ...]:
    """Writes the pieces' film to a file; gives the hashes of those left out.

    Raises NothingToPlay, Spoilt, OSError.
    """
    found, why = {}, ""
    for piece in pieces:
        try:
            found[piece.sha256] = open_piece(piece, keyring)[0]
        except NEVER_HELD as error:
            log.warning("segment %s was left out of the film: %s", piece.sha256[:12], error)
            why = str(error) if isinstance(error, CannotOpen) else why
    if not found:
        raise NothingToPlay(f"No piece of this recording can be played. {why}".strip())
    film = lay_out(pieces, found, zero_ms=0)
    with path.open("wb") as file:
        for part in film.read(0, film.size, lambda shot: samples(shot, keyring)):
            file.write(part)
    return film.left_out
