"""Single flipped bits in everything that a session leaves behind: is each of them found?

A pack is flipped anywhere in its file, headers and padding included; a ledger in the text or hash of any of its lines
in the desk's and in the server's database; a segment anywhere in its file. Found means that the command whose
work it is (`verify`, `fsck`) names a fault. `found` must be all of `flips`, `honest_passed` all of `honest`: the same
commands on what nobody touched.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from bench.evidence import Kept, keep
from bench.figures import Figures
from deskproctor.export import Wishes, export
from deskproctor.fsck import HASHES, ROWS, check
from deskproctor.verify import NoPack, read_authority, verify
from signing.certificate import Certificate

SEED: Final = 20_261
VIDEOS: Final = tuple(bytes([number]) * 1500 for number in range(5))

Flip = Callable[[random.Random], str | None]
"""Flips one bit, looks, and puts it back. Says where the bit was if it was missed."""


def figures(flips: int = 10_000, seed: int = SEED) -> Figures:
    """As many flips, in turn in each kind of thing, at places that the seed chooses."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        kept = keep(Path(folder), VIDEOS, kills=(3,))
        kinds = dict(_kinds(kept, Path(folder)))
        honest = list(_honest(kept, Path(folder)))
        turns = [name for name, _ in zip(itertools.cycle(kinds), range(flips), strict=False)]
        missed = [place for name in turns if (place := kinds[name](dice))]
    counts: Figures = {f"flips_in_{name}": turns.count(name) for name in kinds}
    where: Figures = {"missed": "; ".join(missed[:5])} if missed else {}
    found: Figures = {"flips": flips, "found": flips - len(missed)}
    return found | counts | {"honest": len(honest), "honest_passed": honest.count(0)} | where


def _kinds(kept: Kept, folder: Path) -> Iterator[tuple[str, Flip]]:
    authority = read_authority(kept.authority)
    for name, wishes in (("pack", Wishes()), ("pack_of_flags", Wishes(flags_only=True, margin_ms=500, sealed=True))):
        path = folder / f"{name}.zip"
        export(kept.session, kept.server, path, wishes)
        yield name, partial(_in_pack, path=path, authority=authority)
    yield "desk_ledger", lambda dice: _in_ledger(dice, kept.desk, "custody/custody.db")
    yield "server_ledger", lambda dice: _in_ledger(dice, kept.server, "review.db")
    yield "desk_segments", lambda dice: _in_segment(dice, kept.desk)
    yield "server_segments", lambda dice: _in_segment(dice, kept.server)


def _honest(kept: Kept, folder: Path) -> Iterator[int]:
    """The exit status of the same commands where nothing is wrong."""
    for path in folder.glob("*.zip"):
        yield verify(path, read_authority(kept.authority)).exit_status
    yield check(kept.desk).exit_status
    yield check(kept.server).exit_status


def _in_pack(dice: random.Random, path: Path, authority: Certificate) -> str | None:
    place = dice.randrange(path.stat().st_size * 8)
    _flip_in_file(path, place)
    try:
        found = verify(path, authority).exit_status != 0
    except NoPack:
        found = True
    _flip_in_file(path, place)
    return None if found else f"{path.name} bit {place}"


def _in_segment(dice: random.Random, folder: Path) -> str | None:
    path = dice.choice(sorted((folder / "segments").iterdir()))
    place = dice.randrange(path.stat().st_size * 8)
    _flip_in_file(path, place)
    found = check(folder, HASHES).exit_status != 0
    _flip_in_file(path, place)
    return None if found else f"{path.name} bit {place}"


def _in_ledger(dice: random.Random, folder: Path, database: str) -> str | None:
    column = dice.choice(("text", "text", "text", "hash"))
    with closing(sqlite3.connect(folder / database, isolation_level=None)) as db:
        db.execute("pragma synchronous = off")
        db.text_factory = bytes
        row, before = dice.choice(db.execute(f"select rowid, {column} from lines").fetchall())
        place = dice.randrange(len(before) * 8)
        _set(db, column, row, _flipped(before, place))
        found = check(folder, ROWS).exit_status != 0
        _set(db, column, row, before)
    return None if found else f"{database} {column} of row {row} bit {place}"


def _set(db: sqlite3.Connection, column: str, row: int, text: bytes) -> None:
    db.execute(f"update lines set {column} = cast(? as text) where rowid = ?", [text, row])


def _flip_in_file(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place // 8)
        byte = file.read(1)[0]
        file.seek(place // 8)
        file.write(bytes([byte ^ 1 << place % 8]))


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)
