"""Segments that come after their session was sealed, because what held them was down or the disk had no room.

Nothing follows a seal, so they cannot enter the ledger any more. They are not thrown away either: they lie sealed in
a folder of their own beside the evidence, each with a row that says what it is, and `fsck` and the record name them.
They prove nothing by themselves; a person decides what they are worth.
"""

from __future__ import annotations

from appliance.custody.scribe import Scribe
from appliance.custody.sealing import seal
from appliance.custody.store import LateSegment, Store
from appliance.runtime.clock import Clock
from appliance.runtime.settings import Desk
from proctoring import ledger
from proctoring.fact import SessionOpened
from proctoring.ledger import sha256
from proctoring.segment import Segment

FOLDER = "late"


class Late:
    """The folder of late segments."""

    def __init__(self, desk: Desk, store: Store, scribe: Scribe, clock: Clock) -> None:
        self._desk = desk
        self._store = store
        self._scribe = scribe
        self._clock = clock

    def concerns(self, session: str) -> bool:
        """Whether that session was sealed at this desk: only then does it have a ledger that does not grow."""
        current = self._scribe.is_open and self._scribe.current().session.id == session
        return not current and self._opened(session) is not None

    def sealed(self, session: str, segment: Segment, video: bytes) -> tuple[LateSegment, bytes] | None:
        """The row and the bytes to keep; None where this segment is here already."""
        opened = self._opened(session)
        if opened is None or self._store.late_segment(session, segment.camera, segment.number) is not None:
            return None
        data = seal(video, opened.recipients)
        path = self._desk.folder(FOLDER) / f"{sha256(data)}.mp4.age"
        row = LateSegment(
            session=session,
            camera=segment.camera,
            number=segment.number,
            started_ms=segment.started_ms,
            ended_ms=segment.ended_ms,
            sha256=sha256(data),
            size=len(data),
            file=str(path),
            at_utc_ms=self._clock.utc_ms(),
        )
        return row, data

    def _opened(self, session: str) -> SessionOpened | None:
        for line in self._store.lines(session, limit=1):
            fact = ledger.read(line).fact
            return fact if isinstance(fact, SessionOpened) else None
        return None
