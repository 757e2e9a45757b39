"""Which recordings a key opens, and so whether it may be taken out of use."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from proctoring.errors import Refused
from review_server.retention import removed_of
from review_server.sealing import Key, Keyring
from review_server.segments import path_of
from review_server.standing import stored_and_missing
from review_server.tables import LineRow, SegmentRow, StoredRow


def sessions_sealed_to(tx: Session, key: Key) -> list[str]:
    """Sessions whose ledger says so, but for those whose recording was deleted when its time was over.

    A key's public half is one of a kind in any text.
    """
    opened = select(LineRow.session).where(LineRow.seq == 1, LineRow.text.contains(key.recipient, autoescape=True))
    return [name for name in tx.scalars(opened.order_by(LineRow.session)) if not _is_deleted(tx, name)]


def _is_deleted(tx: Session, session: str) -> bool:
    return bool(removed_of(tx, session)) and stored_and_missing(tx, session) == ((), ())


def unnamed_segments(tx: Session, keyring: Keyring, key: Key, data_dir: Path) -> list[str]:
    """Segments that the key opens and that no ledger here names yet: their facts are still on the way."""
    named = select(SegmentRow.sha256)
    unnamed = tx.scalars(select(StoredRow.sha256).where(StoredRow.sha256.not_in(named)).order_by(StoredRow.sha256))
    return [sha256 for sha256 in unnamed if keyring.opens(key, path_of(data_dir / "segments", sha256).read_bytes())]


def retire(tx: Session, keyring: Keyring, number: int, data_dir: Path) -> Path:
    """Takes a key out of use that nothing here needs; where its file is now.

    Raises Refused with what needs it, and KeysUnusable.
    """
    keys = {key.number: key for key in keyring.listed()}
    if number not in keys:
        raise Refused("no_key", f"There is no key {number}. `deskproctor keys list` shows those that there are.")
    if number == max(keys):
        raise Refused("newest_key", f"Desks seal to key {number}. Make a newer one first: `deskproctor keys rotate`.")
    sessions = len(sessions_sealed_to(tx, keys[number]))
    unnamed = len(unnamed_segments(tx, keyring, keys[number], data_dir))
    if sessions or unnamed:
        raise Refused(
            "key_needed",
            f"Key {number} opens the recordings of {sessions} sessions here, and {unnamed} segments whose ledger has "
            "not come yet. It has to stay for as long as they do.",
        )
    return keyring.retire(keys[number])
