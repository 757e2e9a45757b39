"""Taking segments into custody: the bytes are durable under their SHA-256 before the ledger names them.

The order is copy → fsync → rename → fsync the folder → row. Whatever stops in between leaves the incoming file, and
the sender asks again. Bytes are copied, not moved: a file that capture owns could still be changed by capture.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from appliance.custody.scribe import Scribe
from appliance.custody.store import StorageFailed, Store, StoredSegment
from appliance.runtime.settings import Desk
from proctoring.errors import Refused
from proctoring.fact import SegmentStored
from proctoring.ledger import sha256
from proctoring.segment import Segment
from proctoring.wire import StoreSegment

log = logging.getLogger(__name__)


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
        source = self._source(request.file)
        session = self._scribe.recording(request.session).session.id
        held = self._store.segment(session, segment.camera, segment.number)
        if held is None:
            seq = self._keep(session, segment, source)
        elif held.sha256 == segment.sha256:
            seq = held.seq
        else:
            raise Refused("segment_differs", f"Segment {segment.number} is here already, with other bytes.")
        self._clear(source)
        return seq

    def _keep(self, session: str, segment: Segment, source: Path) -> int:
        data = self._read(source)
        if len(data) != segment.size or sha256(data) != segment.sha256:
            raise Refused(
                "segment_differs", f"The file {source.name} is not what was announced. It is left where it is."
            )
        path = self._folder / f"{segment.sha256}.mp4"
        keep(path, data)
        row = StoredSegment(
            session=session,
            camera=segment.camera,
            number=segment.number,
            seq=0,
            sha256=segment.sha256,
            size=segment.size,
            file=str(path),
        )
        return self._scribe.write(SegmentStored(segment=segment), segment=row)

    def _clear(self, source: Path) -> None:
        """Takes the incoming file away; one that cannot be is offered again by its owner, without effect."""
        try:
            source.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s stays in the incoming folder: %s", source.name, error.strerror)

    def _source(self, file: str) -> Path:
        source = Path(file.replace("\0", "")).resolve()
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
