"""Sealed recordings on disk, each named by the SHA-256 of its bytes. A file is there whole or not at all.

The order of writing: temporary file, hash compared, fsync, rename, fsync of the folder, row, commit, receipt. A crash
between any two leaves a file without a row at worst; the desk then brings the same bytes again.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, Protocol

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from durable.files import keeping, sync
from proctoring.errors import DeskproctorError, Refused
from proctoring.wire import Receipt
from review_server.receipts import Receipts, receipt
from review_server.standing import Patience, head_of, settle
from review_server.store import Store
from review_server.tables import RemovedRow, SegmentRow, SessionRow, StoredRow
from web.clock import Clock

log = logging.getLogger(__name__)

CHUNK: Final = 1 << 18
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskFull(DeskproctorError, OSError):
    """No room for a recording; the desk keeps it and tries again."""


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, none at the end."""


def path_of(folder: Path, sha256: str) -> Path:
    """Where in the folder of segments the one with this hash is, or would be."""
    before_sealing = folder / f"{sha256}.mp4"
    return before_sealing if before_sealing.exists() else folder / f"{sha256}.mp4.age"


class SegmentFiles:
    """The files alone: no database."""

    def __init__(self, data_dir: Path, keep_free_bytes: int = 0, arriving: bool = True) -> None:
        """`arriving` is False for who takes nothing in, beside a server that does."""
        self._folder = data_dir / "segments"
        self._arriving = data_dir / "arriving"
        self._keep_free_bytes = keep_free_bytes
        if not arriving:
            return
        # What a crash left half-written is of no use to anybody: the desk still has it whole.
        shutil.rmtree(self._arriving, ignore_errors=True)
        for folder in (self._folder, self._arriving):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the segment with this hash is, or would be."""
        return path_of(self._folder, sha256)

    def sync(self) -> None:
        """Makes it durable that files are gone."""
        sync(self._folder)

    def keep(self, sha256: str, source: Readable, expected: int) -> int:
        """Stores the bytes of `source` durably and gives their number. Raises Refused for another hash, DiskFull."""
        if shutil.disk_usage(self._folder).free - expected < self._keep_free_bytes:
            raise _full()
        try:
            return self._keep(sha256, source)
        except OSError as error:
            if error.errno in FULL:
                raise _full() from error
            raise

    def _keep(self, sha256: str, source: Readable) -> int:
        # The same bytes may arrive twice at once: each time under a name of its own.
        part = self._arriving / f"{sha256}.{secrets.token_hex(8)}"
        with keeping(self.path(sha256), 0o600, part) as file:
            return _copy(source, file, sha256)


def _copy(source: Readable, file: IO[bytes], sha256: str) -> int:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        file.write(chunk)
    if digest.hexdigest() != sha256:
        reason = f"These bytes have the hash {digest.hexdigest()}, not {sha256}. Send the file whole again."
        raise Refused("wrong_hash", reason)
    return size


def _full() -> DiskFull:
    return DiskFull("The server's disk is full. Keep the file; it is taken once there is room again.")


class Segments:
    """Files and rows together."""

    def __init__(
        self,
        store: Store,
        files: SegmentFiles,
        receipts: Receipts,
        clock: Clock,
        patience: Patience,
        arrived: Callable[[str, Path], None] = lambda _sha256, _path: None,
    ) -> None:
        """`arrived` hears of each new segment once it is stored and confirmed."""
        self._arrived = arrived
        self._store = store
        self._files = files
        self._receipts = receipts
        self._clock = clock
        self._patience = patience

    def take(self, desk: str, sha256: str, source: Readable, expected: int) -> bool:
        """Stores a segment and confirms it to every desk whose ledger names it. False where it was here already."""
        is_new = not self._held(sha256)
        if is_new:
            size = self._files.keep(sha256, source, expected)
            log.info("segment %s from %s: %d bytes", sha256[:12], desk, size)
            self._note(StoredRow(sha256=sha256, size=size, desk=desk, at_utc_ms=self._clock.utc_ms()))
        self._confirm(sha256, is_new)
        if is_new:
            self._arrived(sha256, self._files.path(sha256))
        return is_new

    def _note(self, row: StoredRow) -> None:
        try:
            with self._store.write() as tx:
                tx.merge(row)
        except OperationalError as error:
            raise _full() from error

    def _confirm(self, sha256: str, is_new: bool) -> None:
        with self._receipts.turn:
            with self._store.write() as tx:
                confirmed = [self._news(tx, row, sha256, is_new) for row in _naming(tx, sha256)]
            self._receipts.send(confirmed)

    def _held(self, sha256: str) -> bool:
        with self._store.read() as tx:
            row, removed = tx.get(StoredRow, sha256), tx.get(RemovedRow, sha256)
        if removed is not None:
            return True  # it was here for its time; its desk need not keep it for us
        path = self._files.path(sha256)
        return row is not None and path.exists() and path.stat().st_size == row.size

    def _news(self, tx: Session, row: SessionRow, sha256: str, is_new: bool) -> Receipt:
        if is_new:
            row.heard_utc_ms = self._clock.utc_ms()
        settle(tx, row, self._clock.utc_ms(), self._patience)
        return receipt(head_of(row), [sha256])


def _naming(tx: Session, sha256: str) -> list[SessionRow]:
    named = select(SegmentRow.session).where(SegmentRow.sha256 == sha256)
    return list(tx.scalars(select(SessionRow).where(SessionRow.id.in_(named)).order_by(SessionRow.id)))
