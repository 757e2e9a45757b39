"""The database: SQLite in WAL mode where a commit means that it is on the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from proctoring.errors import DeskproctorError

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 10000")


class StoreUnusable(DeskproctorError, OSError):
    """The database cannot be opened or brought up to date."""


class Store:
    """Short transactions on one database file. Any thread; writers come one after the other."""

    def __init__(self, path: Path) -> None:
        self._engine = _engine(path)
        self._writing = self._engine.execution_options(writes=True)
        self._lock = threading.Lock()
        try:
            migrate(self._writing)
        except (CommandError, DatabaseError) as error:
            raise StoreUnusable(
                f"The database {path} cannot be used ({error}). Check that its folder exists and may be written; "
                "a database of a newer version needs that version of the program."
            ) from error

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction that may write: committed, and on the disk, at the end, or nothing of it at an error."""
        with self._lock, Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One transaction that sees the database as it stood when it began."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Gives the files back."""
        self._engine.dispose()


def migrate(engine: Engine, to: str = "head") -> None:
    """Brings the tables up to revision `to`, in one transaction."""
    with engine.begin() as connection:
        command.upgrade(config(connection), to)


def config(connection: Connection) -> Config:
    """What Alembic needs to know; `migrations/env.py` takes the connection out of it."""
    found = Config()
    found.set_main_option("script_location", "review_server:migrations")
    found.attributes["connection"] = connection
    return found


def _engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), pool_size=32)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    # The driver would otherwise begin transactions by itself, and too late to see one state throughout.
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
