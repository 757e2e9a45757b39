"""Taking segments into custody: the bytes are durable under their SHA-256 before the ledger names them.

The order is copy → fsync → rename → fsync the folder → row. Whatever stops in between leaves the incoming file, and
the sender asks again. Bytes are copied, not moved: a file that capture owns could still be changed by capture.
"""

from __future__ import annotations

import os
from pathlib import Path

from appliance.custody.scribe import Scribe
from appliance.custody.store import StorageFailed, Store, StoredSegment
from appliance.runtime.settings import Desk
from proctoring.errors import Refused
from proctoring.fact import SegmentStored
from proctoring.ledger import sha256
from proctoring.wire import StoreSegment


class Evidence:
    """The folder of segments."""

    def __init__(self, desk: Desk, store: Store, scribe: Scribe) -> None:
        self._incoming = desk.folder("incoming").resolve()
        self._folder = desk.folder("segments")
        self._store = store
        self._scribe = scribe
        for left_over in self._folder.glob("*.part"):
            left_over.unlink()

    def take(self, request: StoreSegment) -> int:
        """Stores a segment; returns its entry's number. The same segment twice has effect once."""
        segment = request.segment
        session = self._scribe.current().session.id
        held = self._store.segment(session, segment.sha256)
        if held is not None:
            Path(request.file).unlink(missing_ok=True)
            return held.seq
        source = self._source(request.file)
        data = self._read(source)
        if len(data) != segment.size or sha256(data) != segment.sha256:
            raise Refused(
                "segment_differs", f"The file {source.name} is not what was announced. It is left where it is."
            )
        path = self._folder / f"{segment.sha256}.mp4"
        keep(path, data)
        row = StoredSegment(sha256=segment.sha256, session=session, seq=0, size=segment.size, file=str(path))
        seq = self._scribe.write(SegmentStored(segment=segment), segment=row)
        source.unlink()
        return seq

    def _source(self, file: str) -> Path:
        source = Path(file).resolve()
        if source.parent != self._incoming:
            raise Refused("not_incoming", "Only files in the incoming folder are taken.")
        return source

    def _read(self, source: Path) -> bytes:
        try:
            return source.read_bytes()
        except OSError as error:
            raise Refused("no_file", f"The file {source.name} cannot be read: {error.strerror}.") from error


def keep(path: Path, data: bytes) -> None:
    """Writes a file so that it is wholly there after a power cut, or not at all. Raises StorageFailed."""
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageFailed(
            f"The desk's disk did not take a recording ({error.strerror}). Call the invigilator."
        ) from error


def sync_folder(folder: Path) -> None:
    """Makes renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
