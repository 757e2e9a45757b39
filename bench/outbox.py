"""What custody looks up for `sync` each second, against a look through the whole ledger folder.

The folder is a desk's of some months: sessions of which the server has everything, and one of which the last few
entries and segments wait. Both sides give the same answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from appliance.custody.store import Store
from bench.figures import Figures
from bench.places import folder_on_disk
from bench.turns import in_turn
from proctoring.wire import PendingSegment

WAITING: Final = 3
"""Of the newest session's entries, and of its segments."""
TEXT: Final = '{"fact":{"fact":"answered","question":"q1","revision":3,"value":"' + "Because. " * 60 + '"}}'
A_TIME: Final = 64


def figures(sessions: int = 200, lines: int = 3000, rounds: int = 5) -> Figures:
    """`lines` in each of so many `sessions`; every second one names a segment."""
    with folder(sessions, lines) as path:
        store, db = Store(path), sqlite3.connect(path)
        assert store.unreceipted() == all_unreceipted(db)
        assert store.unreceived(A_TIME) == all_unreceived(db, A_TIME)
        turns = in_turn(
            rounds,
            lambda: (store.unreceipted(), store.unreceived(A_TIME)),
            lambda: (all_unreceipted(db), all_unreceived(db, A_TIME)),
        )
        store.close()
        db.close()
    return {
        "sessions": sessions,
        "lines": sessions * lines,
        "asked_ms": 1000 * turns.ours_s,
        "looked_through_ms": 1000 * turns.bare_s,
        "asked_over_looked_through": turns.over_bare,
    }


def all_unreceipted(db: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """The outbox's sessions, by all lines and receipts."""
    sql = """
        select session, head, receipted from (
            select l.session, max(l.seq) as head, min(l.rowid) as first,
                   coalesce((select max(up_to_seq) from receipts r where r.session = l.session), 0) as receipted
            from lines l group by l.session
        ) where head > receipted order by first
    """
    return db.execute(sql).fetchall()


def all_unreceived(db: sqlite3.Connection, limit: int) -> list[PendingSegment]:
    """The outbox's segments, by all segments and all that were received."""
    sql = """
        select s.session, s.sha256, s.size, s.file from segments s
        left join received r on r.session = s.session and r.sha256 = s.sha256
        where r.sha256 is null group by s.session, s.sha256 order by min(s.rowid) limit ?
    """
    return [PendingSegment(*row) for row in db.execute(sql, [limit])]


# --- a desk's folder -------------------------------------------------------------------------------


@contextmanager
def folder(sessions: int, lines: int) -> Iterator[Path]:
    """The database of such a desk."""
    with folder_on_disk() as place:
        path = place / "custody.db"
        Store(path).close()
        db = sqlite3.connect(path)
        for number in range(sessions):
            write_session(db, f"{number:032x}", lines, WAITING if number == sessions - 1 else 0)
        db.close()
        yield path


def write_session(db: sqlite3.Connection, session: str, lines: int, waiting: int) -> None:
    """One session in one transaction, received but for the last `waiting` entries and segments."""
    hashes = [f"{session}{number:032x}" for number in range(1, lines // 2 + 1)]
    receipts = [*range(A_TIME, lines - waiting, A_TIME), lines - waiting]
    rows = (
        (session, "desk", number, 2 * number, sha256, 200_000, f"/segments/{sha256}.mp4.age", sha256)
        for number, sha256 in enumerate(hashes, 1)
    )
    with db:
        db.executemany(
            "insert into lines values (?, ?, ?, ?)", ((session, n, TEXT, "0" * 64) for n in range(1, lines + 1))
        )
        db.executemany("insert into segments values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        db.executemany(
            "insert into received values (?, ?, 1)", ((session, one) for one in hashes[: len(hashes) - waiting])
        )
        db.executemany("insert into receipts values (?, ?, '', 1)", ((session, seq) for seq in receipts))
