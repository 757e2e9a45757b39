"""Custody's database: SQLite in WAL mode with synchronous=FULL, so that a committed row outlives a power cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import msgspec
from sqlite_utils import Database

from proctoring.errors import DeskproctorError
from proctoring.ledger import Line
from proctoring.wire import PendingSegment

NumberedLine = tuple[str, int, Line]
"""A session, the entry's number in it, the line."""


class StorageFailed(DeskproctorError, OSError):
    """The desk's disk does not take what must be kept."""


class StoredSegment(msgspec.Struct, frozen=True):
    """A segment's row: the ledger entry that names it and where its bytes are."""

    session: str
    camera: str
    number: int
    seq: int
    sha256: str
    size: int
    file: str


class Heartbeat(msgspec.Struct, frozen=True):
    """When custody was last known to be alive."""

    boot: str
    mono_ms: int
    at_utc_ms: int


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageFailed(f"The desk's disk did not take the entry ({error}). Call the invigilator.") from error


class Store:
    """Rows that are only ever added, and three notes (heartbeat, current session, preparation) that are replaced."""

    def __init__(self, path: Path) -> None:
        self._db = Database(path)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        with self._db.atomic():
            self._make_tables()

    def _make_tables(self) -> None:
        make = {
            "lines": ({"session": str, "seq": int, "text": str, "hash": str}, ("session", "seq")),
            "segments": (
                {"session": str, "camera": str, "number": int, "seq": int, "sha256": str, "size": int, "file": str},
                ("session", "camera", "number"),
            ),
            "receipts": (
                {"session": str, "up_to_seq": int, "up_to_hash": str, "at_utc_ms": int},
                ("session", "up_to_seq"),
            ),
            "received": ({"session": str, "sha256": str, "at_utc_ms": int}, ("session", "sha256")),
            "orders": ({"id": str, "outcome": bytes}, "id"),
            "notes": ({"name": str, "value": str}, "name"),
        }
        for name, (columns, key) in make.items():
            self._db.create_table(name, columns, pk=key, if_not_exists=True)  # type: ignore[arg-type]

    # --- the ledger ---

    def add(
        self,
        lines: Iterable[NumberedLine] = (),
        segment: StoredSegment | None = None,
        outcome: tuple[str, bytes] | None = None,
        notes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Adds lines, the segment that one of them names, an order's (id, outcome) and notes.

        All in one transaction, durable when this returns; nothing of it where it raises StorageFailed.
        """
        rows = [
            {"session": session, "seq": seq, "text": line.text, "hash": line.hash} for session, seq, line in lines
        ]
        with _told_plainly(), self._db.atomic():
            self._db.table("lines").insert_all(rows)
            if segment is not None:
                self._db.table("segments").insert(msgspec.structs.asdict(segment))
            if outcome is not None:
                self._db.table("orders").insert({"id": outcome[0], "outcome": outcome[1]})
            for name, value in notes.items():
                self._db.table("notes").upsert({"name": name, "value": value}, pk="name")

    def lines(self, session: str, after: int = 0, limit: int = -1) -> list[Line]:
        """A session's lines in order, from the one behind `after`."""
        sql = "select text, hash from lines where session = ? and seq > ? order by seq limit ?"
        return [Line(text, hash_) for text, hash_ in self._db.execute(sql, [session, after, limit])]

    def line_hash(self, session: str, seq: int) -> str | None:
        """The hash of one line."""
        row = self._db.execute("select hash from lines where session = ? and seq = ?", [session, seq]).fetchone()
        return row[0] if row else None

    # --- segments and receipts ---

    def segment(self, session: str, camera: str, number: int) -> StoredSegment | None:
        """A segment's row. Two segments may have the same bytes, as those of a picture that stands still."""
        sql = "select * from segments where session = ? and camera = ? and number = ?"
        row = next(self._db.query(sql, [session, camera, number]), None)
        return StoredSegment(**row) if row else None

    def add_receipt(
        self, session: str, up_to_seq: int, up_to_hash: str, segments: Iterable[str], at_utc_ms: int
    ) -> None:
        """Keeps a receipt."""
        receipt = {"session": session, "up_to_seq": up_to_seq, "up_to_hash": up_to_hash, "at_utc_ms": at_utc_ms}
        rows = [{"session": session, "sha256": sha256, "at_utc_ms": at_utc_ms} for sha256 in segments]
        with _told_plainly(), self._db.atomic():
            self._db.table("receipts").insert(receipt, ignore=True)
            self._db.table("received").insert_all(rows, ignore=True)

    def unreceipted(self) -> list[tuple[str, int, int]]:
        """(session, last entry, last entry with a receipt) of every session that the server has not all of."""
        sql = """
            select session, head, receipted from (
                select l.session, max(l.seq) as head, min(l.rowid) as first,
                       coalesce((select max(up_to_seq) from receipts r where r.session = l.session), 0) as receipted
                from lines l group by l.session
            ) where head > receipted order by first
        """
        return [(session, head, receipted) for session, head, receipted in self._db.execute(sql)]

    def unreceived(self, limit: int) -> list[PendingSegment]:
        """The oldest segments that the server has not confirmed."""
        sql = """
            select s.session, s.sha256, s.size, s.file from segments s
            left join received r on r.session = s.session and r.sha256 = s.sha256
            where r.sha256 is null group by s.session, s.sha256 order by min(s.rowid) limit ?
        """
        return [PendingSegment(*row) for row in self._db.execute(sql, [limit])]

    # --- orders and notes ---

    def outcome(self, order: str) -> bytes | None:
        """What an order came to, as it was answered the first time."""
        row = self._db.execute("select outcome from orders where id = ?", [order]).fetchone()
        return row[0] if row else None

    def note(self, name: str) -> str | None:
        """A note's text."""
        row = self._db.execute("select value from notes where name = ?", [name]).fetchone()
        return row[0] if row else None

    def set_note(self, name: str, value: str) -> None:
        """Replaces a note."""
        self.add(notes={name: value})

    def heartbeat(self) -> Heartbeat | None:
        """When custody was last known to be alive, by its own note."""
        text = self.note("heartbeat")
        return msgspec.json.decode(text, type=Heartbeat) if text else None

    def beat(self, heartbeat: Heartbeat) -> None:
        """Notes that custody is alive."""
        self.set_note("heartbeat", msgspec.json.encode(heartbeat).decode())

    def close(self) -> None:
        """Closes the database."""
        self._db.close()
