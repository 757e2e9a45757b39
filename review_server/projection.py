"""What a new entry changes in the rows that lists and searches are made from."""

from __future__ import annotations

from sqlalchemy.orm import Session

from proctoring import ledger
from proctoring.correction import Correction
from proctoring.fact import ClockMeasured, FlagEnded, FlagRaised, Gap, Moved, Sealed, SegmentStored, SessionOpened
from proctoring.flag import Flag
from proctoring.ledger import Entry, Line
from proctoring.segment import Segment
from review_server.tables import FlagRow, LineRow, SegmentRow, SessionRow


def project(tx: Session, row: SessionRow, entry: Entry) -> None:
    """Brings the rows of a session up to `entry`, which was just accepted."""
    match entry.fact:
        case SessionOpened() as opened:
            _open(row, opened, entry.at_utc_ms)
        case ClockMeasured():
            _date(tx, row, entry)
        case Moved(state=state):
            row.desk_state = state
        case FlagRaised(flag=flag) | FlagEnded(flag=flag):
            tx.merge(_flag(row.id, flag))
        case SegmentStored(segment=segment):
            tx.add(_segment(row.id, entry.seq, segment))
        case Gap():
            row.gaps += 1
        case Sealed():
            row.sealed = True
        case _:
            pass


def _open(row: SessionRow, opened: SessionOpened, at_utc_ms: int) -> None:
    row.candidate = opened.candidate
    row.booking = opened.booking
    row.exam_title = opened.exam_title
    row.opened_utc_ms = at_utc_ms


def _date(tx: Session, row: SessionRow, measured: Entry) -> None:
    """When the candidate signed in, by the server's time, if that was in the boot that was measured."""
    tx.flush()
    first = tx.get(LineRow, (row.id, 1))
    if first is not None:
        opened_ms = Correction([measured]).utc_ms(ledger.read(Line(first.text, first.hash)))
        row.opened_utc_ms = opened_ms or row.opened_utc_ms


def _flag(session: str, flag: Flag) -> FlagRow:
    return FlagRow(
        session=session,
        id=flag.id,
        kind=flag.kind,
        label=flag.label,
        technical=flag.technical,
        started_ms=flag.started_ms,
        ended_ms=flag.ended_ms,
        peak_score=flag.peak_score,
    )


def _segment(session: str, seq: int, segment: Segment) -> SegmentRow:
    return SegmentRow(
        session=session,
        seq=seq,
        sha256=segment.sha256,
        started_ms=segment.started_ms,
        ended_ms=segment.ended_ms,
        camera=segment.camera,
    )
