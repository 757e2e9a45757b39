"""What the server has not confirmed, held in two small tables that follow the others.

`unreceipted` has the sessions of which entries may wait for a receipt, `unreceived` the segments. `sync` asks once a
second, and a desk keeps ledgers for good: what is asked for must cost what waits, not what lies here.

Triggers keep both in step, in the transaction of whoever writes. So an older version of custody, which knows nothing
of them, leaves them right as well when an update is taken back and comes again. `unreceipted` may hold a session too
many, for instance after a receipt is taken back; it never lacks one.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from proctoring.wire import PendingSegment

_TABLES: Final = (
    "create table unreceipted (session text primary key)",
    "create table unreceived (session text, camera text, number integer, primary key (session, camera, number))",
)

_FILL: Final = (
    """
    with recursive names(session) as (
        select min(session) from lines
        union all select (select min(session) from lines l where l.session > names.session)
        from names where names.session is not null
    )
    insert into unreceipted select session from names where
        (select max(seq) from lines l where l.session = names.session) >
        coalesce((select max(up_to_seq) from receipts r where r.session = names.session), 0)
    """,
    """
    insert into unreceived select s.session, s.camera, s.number from segments s
        where not exists (select 1 from received r where r.session = s.session and r.sha256 = s.sha256)
        order by s.rowid
    """,
)

# No "or ignore" where an insert fires: its own conflict clause would count within the trigger instead.
_TRIGGERS: Final = (
    """
    create trigger line_waits after insert on lines
    when not exists (select 1 from unreceipted where session = new.session) begin
        insert into unreceipted values (new.session);
    end
    """,
    """
    create trigger receipt_comes after insert on receipts begin
        delete from unreceipted where session = new.session
            and new.up_to_seq >= (select max(seq) from lines where session = new.session);
    end
    """,
    """
    create trigger receipt_is_taken_back after delete on receipts
    when not exists (select 1 from unreceipted where session = old.session) begin
        insert into unreceipted values (old.session);
    end
    """,
    """
    create trigger segment_waits after insert on segments
    when not exists (select 1 from received where session = new.session and sha256 = new.sha256) begin
        insert into unreceived values (new.session, new.camera, new.number);
    end
    """,
    """
    create trigger segment_is_received after insert on received begin
        delete from unreceived where (session, camera, number) in
            (select session, camera, number from segments where sha256 = new.sha256 and session = new.session);
    end
    """,
    """
    create trigger segment_waits_again after delete on received begin
        insert or ignore into unreceived select session, camera, number from segments
            where sha256 = old.sha256 and session = old.session;
    end
    """,
)


def keep_up(db: sqlite3.Connection) -> None:
    """Makes the tables where there are none, filled from what an older version left, in the caller's transaction."""
    if db.execute("select 1 from sqlite_master where name = 'unreceipted'").fetchone() is None:
        for statement in (*_TABLES, *_FILL, *_TRIGGERS):
            db.execute(statement)


def unreceipted(db: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """(session, last entry, last entry with a receipt) of every session that the server has not all of."""
    sql = """
        select session, head, receipted from (
            select u.session,
                   (select max(seq) from lines l where l.session = u.session) as head,
                   coalesce((select max(up_to_seq) from receipts r where r.session = u.session), 0) as receipted,
                   (select rowid from lines l where l.session = u.session order by seq limit 1) as first
            from unreceipted u
        ) where head > receipted order by first
    """
    return [(session, head, receipted) for session, head, receipted in db.execute(sql)]


def unreceived(db: sqlite3.Connection, limit: int) -> list[PendingSegment]:
    """Segments that the server has not confirmed, those that wait longest first; the same bytes once."""
    sql = """
        select s.session, s.sha256, s.size, s.file
        from (select rowid as place, * from unreceived order by rowid limit ?) u
        join segments s using (session, camera, number) order by u.place
    """
    waiting = {row[:2]: PendingSegment(*row) for row in db.execute(sql, [limit])}
    return list(waiting.values())
