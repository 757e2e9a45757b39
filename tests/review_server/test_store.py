from __future__ import annotations

import sqlite3

import pytest
from alembic import command
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from review_server.store import Store, StoreUnusable, config
from review_server.tables import Base, LineRow, RunRow


@pytest.fixture
def store(tmp_path):
    built = Store(tmp_path / "review.db")
    yield built
    built.close()


def tables(store) -> set[str]:
    with store.read() as tx:
        return set(inspect(tx.connection()).get_table_names())


def test_the_migrations_make_what_the_models_say(store):
    with store.write() as tx:
        command.check(config(tx.connection()))


def test_the_migrations_go_down_to_nothing_and_up_again(store):
    with store.write() as tx:
        command.downgrade(config(tx.connection()), "base")
    assert tables(store) == {"alembic_version"}
    with store.write() as tx:
        command.upgrade(config(tx.connection()), "head")
    assert tables(store) == {"alembic_version", *Base.metadata.tables}


def test_a_commit_is_on_the_disk_and_references_hold(store):
    with store.read() as tx:
        pragmas = [
            tx.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]
    with pytest.raises(IntegrityError), store.write() as tx:
        tx.add(LineRow(session="nobody", seq=1, hash="", text=""))


def test_an_error_undoes_the_whole_transaction(store):
    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError), store.write() as tx:
        tx.add(RunRow(at_utc_ms=1))
        tx.flush()
        fail()
    with store.read() as tx:
        assert tx.query(RunRow).count() == 0


def test_a_reader_sees_one_state_while_a_writer_goes_on(store):
    with store.read() as reader:
        assert reader.query(RunRow).count() == 0
        with store.write() as tx:
            tx.add(RunRow(at_utc_ms=1))
        assert reader.query(RunRow).count() == 0
    with store.read() as reader:
        assert reader.query(RunRow).count() == 1


def test_a_database_of_a_newer_version_is_refused_clearly_and_left_alone(tmp_path):
    path = tmp_path / "review.db"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreUnusable, match="newer version"):
        Store(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


def test_a_file_that_is_no_database_is_refused_clearly(tmp_path):
    (tmp_path / "review.db").write_bytes(b"this is no database, but it is long enough to look at" * 100)
    with pytest.raises(StoreUnusable, match="cannot be used"):
        Store(tmp_path / "review.db")


def test_a_folder_that_is_not_there_is_refused_clearly(tmp_path):
    with pytest.raises(StoreUnusable, match="its folder exists"):
        Store(tmp_path / "nowhere" / "review.db")
