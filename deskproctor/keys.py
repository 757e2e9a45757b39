"""The review server's keys: listing them, making a newer one, taking an old one out of use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy.orm import Session

from proctoring.errors import DeskproctorError
from review_server.sealed_to import retire as retire_key
from review_server.sealed_to import sessions_sealed_to
from review_server.sealing import Keyring
from review_server.store import Store
from web.clock import SystemClock

data_dir = click.argument("data_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))


class NoServerHere(DeskproctorError, FileNotFoundError):
    """The folder is no review server's."""


@click.group()
def keys() -> None:
    """List, renew and retire the keys that open recordings. DATA_DIR is the review server's."""


@keys.command("list")
@data_dir
def list_keys(data_dir: Path) -> None:
    """Each key with its date, its public half, and how many sessions here are sealed to it."""
    with reading(data_dir) as tx:
        for key in Keyring(data_dir).listed():
            click.echo(
                f"{key.number:4d}  {key.created}  {key.recipient}  {len(sessions_sealed_to(tx, key))} sessions"
            )


@keys.command()
@data_dir
def rotate(data_dir: Path) -> None:
    """Make a newer key. A running server tells its desks within seconds; sessions under way keep theirs."""
    check(data_dir)
    key = Keyring(data_dir).rotate(SystemClock().utc_ms())
    click.echo(f"Key {key.number} in {key.path}. Keep a copy of it where this server's disk cannot take it along.")


@keys.command()
@data_dir
@click.argument("number", type=int)
def retire(data_dir: Path, number: int) -> None:
    """Take key NUMBER out of use, if no recording here needs it."""
    with reading(data_dir) as tx:
        path = retire_key(tx, Keyring(data_dir), number, data_dir)
    click.echo(f"Key {number} is in {path} now, out of use. Delete it once no desk can still hold what it opens.")


@contextmanager
def reading(data_dir: Path) -> Iterator[Session]:
    """One look into the server's database, which may be at work."""
    check(data_dir)
    store = Store(data_dir / "review.db")
    try:
        with store.read() as tx:
            yield tx
    finally:
        store.close()


def check(data_dir: Path) -> None:
    """Raises NoServerHere for a folder that no review server has worked in."""
    if not (data_dir / "review.db").is_file():
        raise NoServerHere(f"{data_dir} is no review server's folder. Give the data_dir of its settings.")
