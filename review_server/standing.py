"""Where a session stands at this server: its moves, and whether all of it has arrived."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from proctoring import ledger, signed
from proctoring.errors import LedgerBroken, Refused
from proctoring.ledger import Entry, Head, Line
from proctoring.session import Move, State, target
from review_server.tables import LineRow, MoveRow, RemovedRow, SegmentRow, SessionRow, StoredRow
from signing.certificate import why_not

SERVER = "review server"
"""Who makes the moves that no person makes."""


class Patience(msgspec.Struct, frozen=True):
    """How long after the last news of a session more is waited for."""

    sealed_ms: int
    unsealed_ms: int


class Chain(msgspec.Struct, frozen=True):
    """A stored ledger, checked from its first line: what holds, and why the rest does not."""

    entries: tuple[Entry, ...]
    broken: str | None


def head_of(row: SessionRow) -> Head:
    """The end of the chain that is stored."""
    return Head(desk=row.desk, session=row.id, seq=row.head_seq, hash=row.head_hash)


def check_chain(desk: str, session: str, lines: Iterable[Line]) -> Chain:
    """Follows the lines from the start of the chain to the first that does not hold."""
    head = ledger.start(desk, session)
    entries: list[Entry] = []
    for line in lines:
        try:
            entry, head = ledger.follow(head, line)
            _check_signature(entries[0] if entries else entry, entry, line)
        except LedgerBroken as broken:
            return Chain(tuple(entries), str(broken))
        entries.append(entry)
    return Chain(tuple(entries), None)


def _check_signature(first: Entry, entry: Entry, line: Line) -> None:
    """Against the certificate that the ledger names; whose that is was asked when its first line came."""
    fault = signed.fault(
        signed.certificate_of(first), entry, line, lambda pem, data, sign: why_not(pem, data, sign, entry.desk)
    )
    if fault:
        raise LedgerBroken(entry.seq, f"{fault}.")


def read_chain(tx: Session, row: SessionRow) -> Chain:
    """The stored ledger of a session, checked now; a line lost from its end is found as well."""
    found = tx.execute(select(LineRow.text, LineRow.hash).where(LineRow.session == row.id).order_by(LineRow.seq))
    chain = check_chain(row.desk, row.id, (Line(text, hash_) for text, hash_ in found))
    if chain.broken is None and len(chain.entries) != row.head_seq:
        return Chain(chain.entries, f"{row.head_seq} entries were stored and {len(chain.entries)} are left.")
    return chain


def why_not_verified(row: SessionRow, chain: Chain) -> str | None:
    """Why a reviewer should not rely on this ledger as it stands, or None where it verifies."""
    return row.dispute or chain.broken or row.stuck


def stored_and_missing(tx: Session, session: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The hashes of the segments that the ledger names: those on our disk and those that have not come yet.

    What has come and was deleted when its time was over is neither.
    """
    found = tx.execute(
        select(SegmentRow.sha256, StoredRow.sha256, RemovedRow.sha256)
        .outerjoin(StoredRow, StoredRow.sha256 == SegmentRow.sha256)
        .outerjoin(RemovedRow, RemovedRow.sha256 == SegmentRow.sha256)
        .where(SegmentRow.session == session)
        .order_by(SegmentRow.seq)
    ).all()
    stored = dict.fromkeys(named for named, held, _ in found if held)
    missing = dict.fromkeys(named for named, held, removed in found if not held and not removed)
    return tuple(stored), tuple(missing)


def move(tx: Session, row: SessionRow, step: Move, by: str, now_ms: int, reason: str = "") -> None:
    """Makes a move of the one table and records it. Raises Refused where the table has no such move."""
    row.state = target(row.state, step)
    tx.add(_record(row, step, by, now_ms, reason, refused=False))


def record_refusal(tx: Session, row: SessionRow, step: Move, by: str, now_ms: int, refused: Refused) -> None:
    """Records that a move was refused, and why."""
    tx.add(_record(row, step, by, now_ms, refused.reason, refused=True))


def settle(tx: Session, row: SessionRow, now_ms: int, patience: Patience) -> None:
    """Complete once all is here and verifies; incomplete once there was no news for too long."""
    if row.state not in {State.RECEIVING, State.INCOMPLETE}:
        return
    if _all_here(tx, row):
        move(tx, row, Move.COMPLETE, SERVER, now_ms)
    elif row.state is State.RECEIVING and now_ms - row.heard_utc_ms > _patience_ms(row, patience):
        move(tx, row, Move.GIVE_UP_WAITING, SERVER, now_ms, "Nothing new came for too long.")


def _all_here(tx: Session, row: SessionRow) -> bool:
    if not row.sealed or row.dispute or row.stuck or stored_and_missing(tx, row.id)[1]:
        return False
    return read_chain(tx, row).broken is None


def _patience_ms(row: SessionRow, patience: Patience) -> int:
    return patience.sealed_ms if row.sealed else patience.unsealed_ms


def _record(row: SessionRow, step: Move, by: str, now_ms: int, reason: str, refused: bool) -> MoveRow:
    return MoveRow(
        session=row.id, move=step, state=row.state, by=by, at_utc_ms=now_ms, reason=reason, refused=refused
    )
