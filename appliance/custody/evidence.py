"""Taking segments into custody: the sealed bytes are durable under their SHA-256 before the ledger names them.

The order is seal → note → write → fsync → rename → fsync the folder → row → take the plain file away. Whatever stops
in between, the next start or the next offer goes on from there: a file that the note describes and that is whole gets
its row, anything else is sealed again from the plain file, which lies in memory and outlives every process.
"""

from __future__ import annotations

import logging
from pathlib import Path

from appliance.custody.disk import Disk
from appliance.custody.history import History
from appliance.custody.late import FOLDER as LATE
from appliance.custody.late import Late
from appliance.custody.scribe import Scribe
from appliance.custody.sealing import seal
from appliance.custody.store import StorageFailed, Store, StoredSegment
from appliance.runtime.settings import Desk
from durable import files
from durable.files import PART
from proctoring.errors import Refused
from proctoring.fact import SegmentStored
from proctoring.ledger import sha256
from proctoring.segment import Segment
from proctoring.wire import StoreSegment

log = logging.getLogger(__name__)


class Evidence:
    """The folder of sealed segments."""

    def __init__(self, desk: Desk, store: Store, scribe: Scribe, disk: Disk, late: Late) -> None:
        self._incoming = desk.incoming().resolve()
        self._folder = desk.folder("segments")
        self._store = store
        self._scribe = scribe
        self._disk = disk
        self._late = late
        for folder in (self._folder, desk.data_dir / LATE):
            for left_over in folder.glob(f"*{PART}"):
                left_over.unlink()

    def take(self, request: StoreSegment) -> int:
        """Stores a segment; returns its entry's number, 0 where its session is sealed and it lies beside the ledger.

        The same segment twice has effect once.
        """
        segment = request.segment
        source = self._source(request.file)
        if self._late.concerns(request.session):
            return self._keep_late(request.session, segment, source)
        history = self._scribe.recording(request.session)
        held = self._store.segment(request.session, segment.camera, segment.number)
        if held is None:
            seq = self._keep(history, segment, source)
        elif (held.plain_sha256 or held.sha256) == segment.sha256:
            seq = held.seq
        else:
            raise Refused("segment_differs", f"Segment {segment.number} is here already, with other bytes.")
        self._clear(source)
        return seq

    def _keep_late(self, session: str, segment: Segment, source: Path) -> int:
        held = self._store.segment(session, segment.camera, segment.number)
        if held is None or held.plain_sha256 != segment.sha256:
            self._disk.check_room()
            late = self._late.sealed(session, segment, self._video(segment, source))
            if late is not None:
                row, data = late
                keep(Path(row.file), data)
                self._store.add_late(row)
        self._clear(source)
        return 0

    def recover(self) -> None:
        """Names the sealed files that were whole when custody last died, before their rows were written."""
        history = self._scribe.history
        if history is None or not self._scribe.is_open:
            return
        try:
            for sealed in self._store.begun_segments(history.session.id):
                if self._is_whole(sealed):
                    self._name(history.session.id, sealed)
        except StorageFailed as failure:
            # The next start or the next offer does it; the desk's other work need not wait for that.
            log.error("%s", failure)

    def _keep(self, history: History, segment: Segment, source: Path) -> int:
        session = history.session.id
        begun = (one for one in self._store.begun_segments(session) if one == segment.sealed(one.sha256, one.size))
        sealed = next((one for one in begun if self._is_whole(one)), None)
        return self._name(session, sealed or self._seal(history, segment, source))

    def _seal(self, history: History, segment: Segment, source: Path) -> Segment:
        """Writes the sealed file of a segment that has none."""
        self._disk.make_room(segment.size)
        video = self._video(segment, source)
        assert history.opened is not None, "a ledger opens with SessionOpened"
        data = seal(video, history.opened.recipients)
        sealed = segment.sealed(sha256(data), len(data))
        self._store.begin_segment(history.session.id, sealed)
        keep(self._path(sealed), data)
        return sealed

    def _name(self, session: str, sealed: Segment) -> int:
        row = StoredSegment(
            session=session,
            camera=sealed.camera,
            number=sealed.number,
            seq=0,
            sha256=sealed.sha256,
            size=sealed.size,
            file=str(self._path(sealed)),
            plain_sha256=sealed.plain_sha256,
        )
        return self._scribe.write(SegmentStored(segment=sealed), segment=row)

    def _path(self, sealed: Segment) -> Path:
        return self._folder / f"{sealed.sha256}.mp4.age"

    def _is_whole(self, sealed: Segment) -> bool:
        try:
            return sha256(self._path(sealed).read_bytes()) == sealed.sha256
        except OSError:
            return False

    def _clear(self, source: Path) -> None:
        """Takes the plain file away; one that cannot be is offered again by its owner, without effect."""
        try:
            source.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s stays in the incoming folder: %s", source.name, error.strerror)

    def _source(self, file: str) -> Path:
        source = Path(file.replace("\0", "")).resolve()
        if source.parent != self._incoming:
            raise Refused("not_incoming", "Only files in the incoming folder are taken.")
        return source

    def _video(self, segment: Segment, source: Path) -> bytes:
        """What capture handed over, if it is what it announced."""
        video = self._read(source)
        if len(video) != segment.size or sha256(video) != segment.sha256:
            raise Refused(
                "segment_differs", f"The file {source.name} is not what was announced. It is left where it is."
            )
        return video

    def _read(self, source: Path) -> bytes:
        try:
            return source.read_bytes()
        except OSError as error:
            raise Refused("no_file", f"The file {source.name} cannot be read: {error.strerror}.") from error


def keep(path: Path, data: bytes) -> None:
    """Writes a file so that it is wholly there after a power cut, or not at all. Raises StorageFailed."""
    try:
        # One name for all: on a disk that is full, what kills leave must not add up.
        files.keep(path, data, part=path.with_name(f"sealing{PART}"))
    except OSError as error:
        raise StorageFailed(
            f"The desk's disk did not take a recording ({error.strerror}). Call the invigilator."
        ) from error
