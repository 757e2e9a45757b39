"""Custody's database: SQLite in WAL mode with synchronous=FULL, so that a committed row outlives a power cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
from sqlite_utils import Database

from appliance.custody import outbox
from proctoring.errors import DeskproctorError
from proctoring.ledger import Line
from proctoring.segment import Segment
from proctoring.wire import PendingSegment

NumberedLine = tuple[str, int, Line]
"""A session, the entry's number in it, the line."""


_PLACE: Final = "session = ? and camera = ? and number = ?"


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
    plain_sha256: str = ""
    """Of the video inside; empty where the file was stored before sealing."""


class LateSegment(msgspec.Struct, frozen=True):
    """A segment that came after its session was sealed: no entry names it. `sha256` is of the sealed bytes."""

    session: str
    camera: str
    number: int
    started_ms: int
    ended_ms: int
    sha256: str
    size: int
    file: str
    at_utc_ms: int


class Held(msgspec.Struct, frozen=True):
    """A legal hold on a session that somebody set, or lifted. The one with the highest number counts."""

    session: str
    number: int
    held: bool
    by: str
    reason: str
    at_utc_ms: int


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
            "late": (
                {"session": str, "camera": str, "number": int, "started_ms": int, "ended_ms": int}
                | {"sha256": str, "size": int, "file": str, "at_utc_ms": int},
                ("session", "camera", "number"),
            ),
            "begun": (
                {"session": str, "camera": str, "number": int, "segment": str},
                ("session", "camera", "number"),
            ),
            "receipts": (
                {"session": str, "up_to_seq": int, "up_to_hash": str, "at_utc_ms": int},
                ("session", "up_to_seq"),
            ),
            "received": ({"session": str, "sha256": str, "at_utc_ms": int}, ("session", "sha256")),
            "confirmed": ({"session": str, "seq": int, "at_utc_ms": int}, "session"),
            "holds": (
                {"session": str, "number": int, "held": bool, "by": str, "reason": str, "at_utc_ms": int},
                ("session", "number"),
            ),
            "forgotten": (
                {"session": str, "camera": str, "number": int, "sha256": str, "at_utc_ms": int}
                | {"receipt_seq": int, "gone": bool},
                ("session", "camera", "number"),
            ),
            "orders": ({"id": str, "outcome": bytes}, "id"),
            "notes": ({"name": str, "value": str}, "name"),
        }
        for name, (columns, key) in make.items():
            self._db.create_table(name, columns, pk=key, if_not_exists=True)  # type: ignore[arg-type]
        if "plain_sha256" not in self._db.table("segments").columns_dict:  # made before sealing
            self._db.table("segments").add_column("plain_sha256", str, not_null_default="")
        self._db.table("segments").create_index(["sha256"], if_not_exists=True)
        self._db.table("forgotten").create_index(["gone"], if_not_exists=True)
        outbox.keep_up(self._db.conn)

    # --- the ledger ---

    def add(
        self,
        lines: Iterable[NumberedLine] = (),
        segment: StoredSegment | None = None,
        outcome: tuple[str, bytes] | None = None,
        notes: Mapping[str, str] = MappingProxyType({}),
        hold: Held | None = None,
    ) -> None:
        """Adds lines, the segment that one of them names, an order's (id, outcome), a hold and notes.

        All in one transaction, durable when this returns; nothing of it where it raises StorageFailed.
        """
        rows = [
            {"session": session, "seq": seq, "text": line.text, "hash": line.hash} for session, seq, line in lines
        ]
        with _told_plainly(), self._db.atomic():
            self._db.table("lines").insert_all(rows)
            if segment is not None:
                self._db.table("segments").insert(msgspec.structs.asdict(segment))
                self._db.table("begun").delete_where(_PLACE, [segment.session, segment.camera, segment.number])
            if outcome is not None:
                self._db.table("orders").insert({"id": outcome[0], "outcome": outcome[1]})
            if hold is not None:
                self._db.table("holds").insert(msgspec.structs.asdict(hold), ignore=True)
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
        row = next(self._db.table("segments").rows_where(_PLACE, [session, camera, number]), None)
        return StoredSegment(**row) if row else None

    def late_segment(self, session: str, camera: str, number: int) -> LateSegment | None:
        """The row of a segment that came after the seal."""
        row = next(self._db.table("late").rows_where(_PLACE, [session, camera, number]), None)
        return LateSegment(**row) if row else None

    def late_count(self, session: str) -> int:
        """How many segments of a session came after its seal."""
        count: int = self._db.table("late").count_where("session = ?", [session])
        return count

    def add_late(self, segment: LateSegment) -> None:
        """Keeps the row of a late segment, whose file is durable."""
        with _told_plainly(), self._db.atomic():
            self._db.table("late").insert(msgspec.structs.asdict(segment))

    def begin_segment(self, session: str, segment: Segment) -> None:
        """Notes what a sealed file about to be written will hold. The row that names it takes the note away."""
        text = msgspec.json.encode(segment).decode()
        row = {"session": session, "camera": segment.camera, "number": segment.number, "segment": text}
        with _told_plainly(), self._db.atomic():
            self._db.table("begun").upsert(row, pk=("session", "camera", "number"))

    def begun_segments(self, session: str) -> list[Segment]:
        """The session's segments of which a sealed file may be here that no entry names, in order."""
        sql = "select segment from begun where session = ? order by camera, number"
        return [msgspec.json.decode(text, type=Segment) for (text,) in self._db.execute(sql, [session])]

    def named_segments(self) -> set[str]:
        """The hashes of all segments that have a row, or a note that one is to come."""
        begun = (msgspec.json.decode(text, type=Segment) for (text,) in self._db.execute("select segment from begun"))
        stored = self._db.execute("select sha256 from segments")
        return {segment.sha256 for segment in begun} | {sha256 for (sha256,) in stored}

    def add_receipt(
        self, session: str, up_to_seq: int, up_to_hash: str, segments: Iterable[str], at_utc_ms: int
    ) -> None:
        """Keeps a receipt. One for less of a session than was confirmed before: the server lost some of it."""
        receipt = {"session": session, "up_to_seq": up_to_seq, "up_to_hash": up_to_hash, "at_utc_ms": at_utc_ms}
        rows = [{"session": session, "sha256": sha256, "at_utc_ms": at_utc_ms} for sha256 in segments]
        with _told_plainly(), self._db.atomic():
            self._unconfirm(session, up_to_seq)
            self._db.table("receipts").insert(receipt, ignore=True)
            self._db.table("received").insert_all(rows, ignore=True)

    def unreceipted(self) -> list[tuple[str, int, int]]:
        """(session, last entry, last entry with a receipt) of every session that the server has not all of."""
        return outbox.unreceipted(self._db.conn)

    def unreceived(self, limit: int) -> list[PendingSegment]:
        """Of the segments that the server has not confirmed, those that wait longest; -1 for all."""
        return outbox.unreceived(self._db.conn, limit)

    def _unconfirm(self, session: str, up_to_seq: int) -> None:
        """Takes the server's word for a whole session back where it has less of it now, and nothing is forgotten."""
        sql = """
            delete from confirmed where session = :session and seq > :seq
            and session not in (select session from forgotten)
        """
        if self._db.execute(sql, {"session": session, "seq": up_to_seq}).rowcount > 0:
            self._db.table("receipts").delete_where("session = ? and up_to_seq > ?", [session, up_to_seq])
            self._db.table("received").delete_where("session = ?", [session])

    # --- forgetting ---

    def confirm_sessions(self, now_utc_ms: int) -> None:
        """Notes the sealed sessions of which receipts name every line and every segment, as found now."""
        sql = """
            with recursive names(session) as (
                select min(session) from lines
                union all select (select min(session) from lines l where l.session > names.session)
                from names where names.session is not null
            )
            select l.session, l.seq, ? from names join lines l on l.session = names.session
                and l.seq = (select max(seq) from lines m where m.session = names.session)
            where l.session not in (select session from confirmed)
            and json_extract(l.text, '$.fact.fact') = 'sealed'
            and exists (select 1 from receipts r
                where r.session = l.session and r.up_to_seq = l.seq and r.up_to_hash = l.hash)
            and not exists (select 1 from segments s
                left join received g on g.session = s.session and g.sha256 = s.sha256
                where s.session = l.session and g.sha256 is null)
        """
        rows = self._db.execute(sql, [now_utc_ms]).fetchall()
        if rows:
            with _told_plainly(), self._db.atomic():
                self._db.table("confirmed").insert_all(
                    [{"session": name, "seq": seq, "at_utc_ms": at} for name, seq, at in rows]
                )

    def forgettable_sessions(self) -> list[tuple[str, int]]:
        """(session, when it was confirmed) of those that have segments left and are under no legal hold."""
        # A session's segments are forgotten all at once: one row tells, and the cost is that of the sessions.
        sql = """
            select c.session, c.at_utc_ms from confirmed c
            where exists (select 1 from segments s where s.session = c.session)
            and not exists (select 1 from forgotten f where f.session = c.session)
            and not coalesce(
                (select held from holds h where h.session = c.session order by number desc limit 1), 0)
        """
        return list(self._db.execute(sql))

    def forget(self, session: str, at_utc_ms: int) -> None:
        """Notes that the segments of a confirmed session are forgotten. Their files go afterwards."""
        sql = """
            insert or ignore into forgotten (session, camera, number, sha256, at_utc_ms, receipt_seq, gone)
            select s.session, s.camera, s.number, s.sha256, ?, c.seq, 0
            from segments s join confirmed c using (session) where s.session = ?
        """
        with _told_plainly(), self._db.atomic():
            self._db.execute(sql, [at_utc_ms, session])

    def forgotten_files(self, limit: int) -> list[StoredSegment]:
        """Segments that are forgotten and whose files may be here yet; none whose bytes another session needs."""
        sql = """
            select s.* from forgotten f join segments s using (session, camera, number)
            where f.gone = 0 and not exists (select 1 from segments o
                left join forgotten g using (session, camera, number)
                where o.sha256 = f.sha256 and g.session is null)
            limit ?
        """
        cursor = self._db.execute(sql, [limit])
        names = [column[0] for column in cursor.description]
        return [StoredSegment(**dict(zip(names, row, strict=True))) for row in cursor]

    def mark_gone(self, segments: Iterable[StoredSegment]) -> None:
        """Notes that the files of these are deleted, durably."""
        places = [(one.session, one.camera, one.number) for one in segments]
        with _told_plainly(), self._db.atomic():
            for place in places:
                self._db.execute(f"update forgotten set gone = 1 where {_PLACE}", place)  # noqa: S608 (a constant)

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
