"""Facts come in: verified against the stored chain, written in one transaction, confirmed after its commit.

A line that its desk should have signed is taken only with a signature that holds. The same facts twice have their
effect once. A hole is answered with what we hold, so that the desk goes back to it. Nothing that is stored is ever
overwritten: a second story about the same place is kept beside the first, and the session counts as disputed from
then on.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from proctoring import ledger, signed
from proctoring.errors import LedgerBroken, Refused
from proctoring.fact import SegmentStored
from proctoring.ledger import Entry, Line
from proctoring.session import State
from proctoring.wire import Facts, Receipt
from review_server.projection import project
from review_server.receipts import Receipts, receipt
from review_server.standing import Patience, head_of, settle
from review_server.store import Store
from review_server.tables import LineRow, RemovedRow, RivalRow, SessionRow, StoredRow
from signing.certificate import Certificate, why_not, why_not_of
from web.clock import Clock

log = logging.getLogger(__name__)

SESSION_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


class Ingest:
    """Takes facts from desks."""

    def __init__(
        self, store: Store, receipts: Receipts, clock: Clock, patience: Patience, authority: Certificate | None = None
    ) -> None:
        self._store = store
        self._authority = authority
        self._receipts = receipts
        self._clock = clock
        self._patience = patience

    def take(self, facts: Facts) -> None:
        """Stores what is new and sends a receipt for all that is held. What cannot be taken is logged."""
        try:
            with self._receipts.turn:
                with self._store.write() as tx:
                    confirmed = self._insert(tx, facts)
                self._receipts.send([confirmed])
        except Refused as refused:
            log.warning("facts from %s were refused: %s", facts.desk, refused)
        except OperationalError as error:
            log.error("the database cannot be written (%s): free disk space; the desk keeps its facts", error.orig)

    def _insert(self, tx: Session, facts: Facts) -> Receipt:
        row = _owned(tx, facts)
        intake = _Intake(tx, facts, row, self._clock.utc_ms(), self._authority)
        intake.take_all()
        if intake.row:
            tx.flush()
            settle(tx, intake.row, intake.now_ms, self._patience)
        return receipt(intake.head, _stored_of(tx, intake.named))


def _owned(tx: Session, facts: Facts) -> SessionRow | None:
    if not SESSION_NAME.fullmatch(facts.session):
        raise Refused("bad_session", "The session's name is not made of letters, digits, dashes and underscores.")
    row = tx.get(SessionRow, facts.session)
    if row is not None and row.desk != facts.desk:
        raise Refused("other_desk", f"Session {row.id} belongs to desk {row.desk}.")
    return row


def _stored_of(tx: Session, named: list[str]) -> list[str]:
    """Of these segments the ones that came, whether they are still here or their time is over."""
    here = select(StoredRow.sha256).where(StoredRow.sha256.in_(named))
    removed = select(RemovedRow.sha256).where(RemovedRow.sha256.in_(named))
    return [*tx.scalars(here), *tx.scalars(removed)] if named else []


class _NotSigned(LedgerBroken):
    pass


class _Intake:
    """One message's lines, one after the other."""

    def __init__(
        self, tx: Session, facts: Facts, row: SessionRow | None, now_ms: int, authority: Certificate | None
    ) -> None:
        self._tx = tx
        self._facts = facts
        self.row = row
        self.now_ms = now_ms
        self._authority = authority
        self.head = head_of(row) if row else ledger.start(facts.desk, facts.session)
        self.named: list[str] = []
        """Segments that lines of this message name."""

    def take_all(self) -> None:
        """Takes lines up to the first that does not fit."""
        for line in self._facts.lines:
            try:
                goes_on = self._take(line)
            except _NotSigned as unsigned:
                self.row = self.row or self._open()
                self._stick(f"The desk's next lines were refused. {unsigned}")
                goes_on = False
            except LedgerBroken as broken:
                self._stick(f"The desk's next lines could not be taken. {broken}")
                goes_on = False
            if not goes_on:
                return

    def _take(self, line: Line) -> bool:
        entry = self._read(line)
        if entry.seq > self.head.seq + 1:
            log.info("a hole in session %s: held to %d, got %d", self.head.session, self.head.seq, entry.seq)
            return False
        if 1 <= entry.seq <= self.head.seq:
            self._compare(entry, line)
        else:
            self._accept(line)
        if isinstance(entry.fact, SegmentStored):
            self.named.append(entry.fact.segment.sha256)
        return True

    def _read(self, line: Line) -> Entry:
        try:
            return ledger.read(line)
        except LedgerBroken as broken:
            raise LedgerBroken(self.head.seq + 1, broken.reason) from broken

    def _accept(self, line: Line) -> None:
        entry, head = ledger.follow(self.head, line)
        if self.row and self.row.sealed:
            raise LedgerBroken(entry.seq, "it comes after the seal.")
        self._check_signature(entry, line)
        row = self.row = self.row or self._open()
        self._tx.add(LineRow(session=row.id, seq=entry.seq, hash=line.hash, text=line.text))
        project(self._tx, row, entry)
        self.head = head
        row.head_seq, row.head_hash = head.seq, head.hash
        row.heard_utc_ms = self.now_ms
        row.stuck = None

    def _check_signature(self, entry: Entry, line: Line) -> None:
        """Raises _NotSigned for an opening without a certificate of ours, or a signature that does not hold."""
        fault = None
        if entry.seq == 1 and self._authority:
            fault = why_not_of(signed.certificate_of(entry), entry.desk, self._authority)
        elif signed.is_to_be_signed(entry):
            certificate = signed.certificate_of(entry if entry.seq == 1 else self._first())
            fault = signed.fault(certificate, entry, line, self._why_not)
        if fault:
            raise _NotSigned(entry.seq, f"{fault}.")

    def _why_not(self, pem: str, data: bytes, signature: bytes) -> str | None:
        return why_not(pem, data, signature, self.head.desk, self._authority)

    def _first(self) -> Entry:
        first = self._tx.get_one(LineRow, (self.head.session, 1))
        return ledger.read(Line(first.text, first.hash))

    def _open(self) -> SessionRow:
        row = SessionRow(
            id=self.head.session,
            desk=self.head.desk,
            state=State.RECEIVING,
            desk_state=State.BOOKED,
            candidate="",
            exam_title="",
            opened_utc_ms=self.now_ms,
            heard_utc_ms=self.now_ms,
            sealed=False,
            gaps=0,
        )
        row.head_seq, row.head_hash = self.head.seq, self.head.hash
        self._tx.add(row)
        self._tx.flush()
        return row

    def _compare(self, entry: Entry, line: Line) -> None:
        held = self._tx.get_one(LineRow, (self.head.session, entry.seq))
        if (held.hash, held.text) == (line.hash, line.text):
            return
        is_whole = ledger.sha256(line.text.encode("utf-8", "surrogatepass")) == line.hash
        if is_whole and (entry.desk, entry.session) == (self.head.desk, self.head.session):
            self._dispute(entry.seq, line)
        else:
            log.warning("session %s: a damaged copy of entry %d was put aside", self.head.session, entry.seq)

    def _dispute(self, seq: int, line: Line) -> None:
        row = self.row
        assert row is not None
        reason = (
            f"The desk sent two different entries {seq}. The first is kept and shown; the other is kept beside it."
        )
        row.dispute = row.dispute or reason
        rival = RivalRow(session=row.id, hash=line.hash, text=line.text, at_utc_ms=self.now_ms)
        self._tx.merge(rival)
        log.error("session %s is disputed: %s", row.id, reason)

    def _stick(self, reason: str) -> None:
        log.warning("session %s of %s: %s", self.head.session, self.head.desk, reason)
        # A sealed ledger has all its lines: what else comes is damaged, and no line will come to clear this.
        if self.row and not self.row.sealed:
            self.row.stuck = reason
