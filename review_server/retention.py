"""How long the server keeps recordings, and the pass that deletes those whose time is over.

A session's days count from the decision that holds, or from its last news where nobody decided. They are those that
its candidate was told of, as its ledger says. While a review or an appeal is under way, or a legal hold stands,
nothing is deleted. The ledger, the decisions and the moves always stay.

First the rows say what is deleted and when; then the files go, after a crash in between with the next pass.
"""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from proctoring import ledger
from proctoring.decision import standing
from proctoring.fact import SessionOpened
from proctoring.ledger import Line
from proctoring.policy import Retention
from proctoring.session import State
from review_server.holds import is_held
from review_server.reviews import decisions_of
from review_server.segments import SegmentFiles
from review_server.store import Store
from review_server.tables import LineRow, OutlineRow, RemovedRow, SegmentRow, SessionRow, StoredRow
from web.clock import Clock

log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
SESSIONS_A_PASS: Final = 5
"""Of a three-hour exam each: so many that facts and receipts wait for some hundred milliseconds."""

DECIDED: Final = frozenset({State.APPROVED, State.DECLINED})
UNDECIDED: Final = frozenset({State.RECEIVING, State.COMPLETE, State.INCOMPLETE})


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session's recording stays; `until_utc_ms` is None while a review, an appeal or a hold keeps it."""

    days: int
    until_utc_ms: int | None
    held: bool


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """A session's recording that was deleted, or would be."""

    session: str
    files: int
    bytes: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole pass did, or would do."""

    dry_run: bool
    removed: tuple[Removal, ...]
    held: tuple[str, ...]
    """Sessions with a recording that a legal hold keeps."""


def kept(tx: Session, row: SessionRow) -> Kept:
    """How long a session's recording is kept as things stand."""
    days, held = _days(tx, row), is_held(tx, row.id)
    since_ms = None if held else _since_ms(tx, row)
    return Kept(days=days, until_utc_ms=None if since_ms is None else since_ms + days * DAY_MS, held=held)


def removed_of(tx: Session, session: str) -> list[RemovedRow]:
    """What was deleted of a session."""
    rows = tx.scalars(select(RemovedRow).where(RemovedRow.session == session).order_by(RemovedRow.at_utc_ms))
    return list(rows)


def _days(tx: Session, row: SessionRow) -> int:
    first = tx.get(LineRow, (row.id, 1))
    opened = ledger.read(Line(first.text, first.hash)).fact if first else None
    told = opened.retention if isinstance(opened, SessionOpened) else None
    return (told or Retention()).server_days


def _since_ms(tx: Session, row: SessionRow) -> int | None:
    if row.state in UNDECIDED:
        return row.heard_utc_ms
    decision = standing(decisions_of(tx, row.id)) if row.state in DECIDED else None
    return decision.at_utc_ms if decision else None


class Keeper:
    """Deletes recordings whose time is over: a pass a day, a few sessions at a time."""

    def __init__(self, store: Store, files: SegmentFiles, clock: Clock) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._due_utc_ms = 0

    def tick(self) -> None:
        """Call often: works where the day's pass is not through yet."""
        now_ms = self._clock.utc_ms()
        if not 0 < self._due_utc_ms - now_ms <= DAY_MS:
            through = len(self.sweep(SESSIONS_A_PASS)) < SESSIONS_A_PASS
            self._due_utc_ms = now_ms + (DAY_MS if through else 0)

    def report(self, dry_run: bool) -> Report:
        """A whole pass, for a person."""
        with self._store.read() as tx:
            due = self._due(tx)
            held = tuple(row.id for row in _with_recording(tx) if is_held(tx, row.id))
        removed = [
            Removal(session=row.id, files=len(found), bytes=sum(one.size for one in found)) for row, found in due
        ]
        if not dry_run:
            removed = self.sweep(len(due))
        return Report(dry_run=dry_run, removed=tuple(removed), held=held)

    def sweep(self, sessions: int) -> list[Removal]:
        """Deletes the recordings of at most so many sessions."""
        self._take_away()
        removals = []
        with self._store.read() as tx:
            due = [row.id for row, _ in self._due(tx)[:sessions]]
        for session in due:
            removals += self._remove(session)
        self._take_away()
        return removals

    def _remove(self, session: str) -> list[Removal]:
        """The rows: looked at again and changed in one transaction, so that a hold just set is not missed."""
        with self._store.write() as tx:
            row = tx.get_one(SessionRow, session)
            found = self._removable(tx, row)
            for one in found:
                tx.merge(
                    RemovedRow(
                        sha256=one.sha256, session=session, size=one.size, at_utc_ms=self._clock.utc_ms(), gone=False
                    )
                )
                tx.delete(one)
            tx.execute(delete(OutlineRow).where(OutlineRow.sha256.in_([one.sha256 for one in found])))
        if not found:
            return []
        log.info("the recording of session %s is deleted: its time is over", session)
        return [Removal(session=session, files=len(found), bytes=sum(one.size for one in found))]

    def _due(self, tx: Session) -> list[tuple[SessionRow, list[StoredRow]]]:
        pairs = ((row, self._removable(tx, row)) for row in _with_recording(tx))
        return [(row, found) for row, found in pairs if found]

    def _removable(self, tx: Session, row: SessionRow) -> list[StoredRow]:
        if not self._is_over(tx, row):
            return []
        mine = select(SegmentRow.sha256).where(SegmentRow.session == row.id)
        stored = tx.scalars(select(StoredRow).where(StoredRow.sha256.in_(mine)).order_by(StoredRow.sha256))
        return [one for one in stored if all(self._is_over(tx, other) for other in _naming(tx, one, row))]

    def _is_over(self, tx: Session, row: SessionRow) -> bool:
        until_ms = kept(tx, row).until_utc_ms
        return until_ms is not None and until_ms <= self._clock.utc_ms()

    def _take_away(self) -> None:
        """The files of rows that say they are deleted."""
        with self._store.read() as tx:
            names = list(tx.scalars(select(RemovedRow.sha256).where(RemovedRow.gone.is_(False))))
        gone = [name for name in names if self._unlinked(name)]
        if not gone:
            return
        self._files.sync()
        with self._store.write() as tx:
            for name in gone:
                tx.get_one(RemovedRow, name).gone = True

    def _unlinked(self, sha256: str) -> bool:
        try:
            self._files.path(sha256).unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            log.warning("segment %s is deleted and its file cannot be: %s", sha256[:12], error.strerror)
            return False
        return True


def _with_recording(tx: Session) -> list[SessionRow]:
    """The sessions that have a recording here, the one that was heard of longest ago first."""
    named = select(SegmentRow.session).join(StoredRow, StoredRow.sha256 == SegmentRow.sha256).distinct()
    return list(tx.scalars(select(SessionRow).where(SessionRow.id.in_(named)).order_by(SessionRow.heard_utc_ms)))


def _naming(tx: Session, stored: StoredRow, but: SessionRow) -> list[SessionRow]:
    """The other sessions whose ledgers name the same bytes; sealed ones have none."""
    names = select(SegmentRow.session).where(SegmentRow.sha256 == stored.sha256, SegmentRow.session != but.id)
    return list(tx.scalars(select(SessionRow).where(SessionRow.id.in_(names))))
