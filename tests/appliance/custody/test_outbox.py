"""What waits for a receipt: the same as by looking through everything, at the cost of what waits alone."""

import contextlib
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.custody.store import Store, StoredSegment
from bench.outbox import all_unreceipted, all_unreceived
from proctoring.ledger import Line

SEALED = '{"fact":{"fact":"sealed"}}'


class Desk:
    """A store, and what its tests do to it."""

    def __init__(self, folder):
        self.path = Path(folder) / "custody.db"
        self.store = Store(self.path)
        self.heads = {}

    @property
    def db(self):
        return self.store._db.conn

    def close(self):
        self.store.close()

    def start_again(self):
        self.store.close()
        self.store = Store(self.path)

    def grow(self, session, text="{}"):
        """The ledger's next line; a third of them names a segment, some of which have the same bytes."""
        seq = self.heads[session] = self.heads.get(session, 0) + 1
        sha256 = f"bytes {session} {seq // 6}"
        segment = StoredSegment(session, "desk", seq, seq, sha256, 5, f"/{sha256}") if seq % 3 == 0 else None
        self.store.add([(session, seq, Line(text, f"hash {seq}"))], segment)

    def receive(self, session, short_by=0, segments=True):
        """A receipt for all but so many lines, and for the segments among them."""
        seq = max(0, self.heads.get(session, 0) - short_by)
        named = {f"bytes {session} {n // 6}" for n in range(3, seq + 1, 3)} if segments else ()
        self.store.add_receipt(session, seq, f"hash {seq}", named, 1)

    def agrees(self):
        """The outbox is what a look through everything finds."""
        assert self.store.unreceipted() == all_unreceipted(self.db)
        assert sorted(self.store.unreceived(-1), key=str) == sorted(all_unreceived(self.db, -1), key=str)

    def forget_tables(self):
        """As an older version leaves a database: without the tables, and without what keeps them up."""
        triggers = self.db.execute("select name from sqlite_master where type = 'trigger'").fetchall()
        for (name,) in triggers:
            self.db.execute(f"drop trigger {name}")
        for table in ("unreceipted", "unreceived"):
            self.db.execute(f"drop table {table}")
        self.db.commit()


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["grow", "grow", "grow", "receive", "receive_lines", "seal", "confirm", "start_again"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 4),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_comes_in_whichever_order_it_is_what_a_look_through_everything_finds(steps):
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(Desk(folder)) as desk:
        for what, session, number in steps:
            match what:
                case "grow":
                    desk.grow(session)
                case "seal":
                    desk.grow(session, SEALED)
                case "receive":
                    desk.receive(session, number)
                case "receive_lines":
                    desk.receive(session, number, segments=False)
                case "confirm":
                    desk.store.confirm_sessions(1)
                case "start_again":
                    desk.start_again()
            desk.agrees()


def test_a_server_that_lost_some_of_a_whole_session_is_waited_for_again(desk):
    for _ in range(8):
        desk.grow("a")
    desk.grow("a", SEALED)
    desk.receive("a")
    desk.store.confirm_sessions(1)
    assert (desk.store.unreceipted(), desk.store.unreceived(-1)) == ([], [])
    desk.receive("a", short_by=5, segments=False)
    assert desk.store.unreceipted() == [("a", 9, 4)]
    assert len(desk.store.unreceived(-1)) == 2
    desk.agrees()


def test_what_an_older_version_left_is_in_the_outbox(desk):
    for session in ("a", "b", "c"):
        for _ in range(7):
            desk.grow(session)
    desk.receive("a")
    desk.receive("b", short_by=3)
    before = desk.store.unreceipted(), desk.store.unreceived(-1)
    desk.forget_tables()
    desk.start_again()
    assert (desk.store.unreceipted(), desk.store.unreceived(-1)) == before
    assert [session for session, _, _ in before[0]] == ["b", "c"]
    desk.agrees()


def test_what_an_older_version_writes_after_an_update_was_taken_back_is_in_the_outbox(desk):
    desk.grow("a")
    desk.receive("a")
    desk.store.close()
    with contextlib.closing(sqlite3.connect(desk.path)) as older, older:
        older.execute("insert into lines values ('a', 2, '{}', 'hash 2')")
        row = ("a", "desk", 1, 2, "bytes", 5, "/bytes", "plain")
        older.execute(f"insert into segments values ({', '.join('?' * len(row))})", row)
    desk.store = Store(desk.path)
    assert desk.store.unreceipted() == [("a", 2, 1)]
    assert [segment.sha256 for segment in desk.store.unreceived(-1)] == ["bytes"]


def test_the_longest_waiting_come_first_and_the_same_bytes_once(desk):
    for _ in range(24):
        desk.grow("a")
    assert [segment.sha256 for segment in desk.store.unreceived(4)] == ["bytes a 0", "bytes a 1", "bytes a 2"]
    assert len(desk.store.unreceived(-1)) == len({segment.sha256 for segment in desk.store.unreceived(-1)})


def steps_of(db, ask):
    """How many steps SQLite's machine takes for it."""
    count = 0

    def step():
        nonlocal count
        count += 1

    db.set_progress_handler(step, 1)
    ask()
    db.set_progress_handler(None, 1)
    return count


def test_it_costs_what_waits_and_not_what_lies_here(desk):
    desk.grow("now")
    desk.grow("now")
    desk.grow("now")
    asks = (desk.store.unreceipted, lambda: desk.store.unreceived(64))
    before = [steps_of(desk.db, ask) for ask in asks]
    looked_through = steps_of(desk.db, lambda: all_unreceipted(desk.db))
    for old in range(20):
        for _ in range(15):
            desk.grow(f"old {old}")
        desk.receive(f"old {old}")
    assert sum(steps_of(desk.db, ask) for ask in asks) <= 1.1 * sum(before)
    assert steps_of(desk.db, lambda: all_unreceipted(desk.db)) > 10 * looked_through
