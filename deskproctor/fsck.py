"""`deskproctor fsck`: whether a desk's or a review server's folder still holds what it once took.

Three levels, each with the ones before it: `rows` (ledgers with their signatures, and the rows that go with them),
`files` (each recording's file is there, whole by its size, and none that nobody names), `hashes` (their bytes). It
changes nothing; what can be repaired, the programs repair themselves when they start.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from proctoring import ledger
from proctoring.errors import DeskproctorError, LedgerBroken
from proctoring.finding import Finding, fault, has_fault, note
from proctoring.ledger import Line
from proctoring.scrutiny import Scrutiny, scrutinise
from signing.certificate import BadCertificate, Certificate, why_not
from signing.identity import FOLDER

ROWS, FILES, HASHES = "rows", "files", "hashes"
LEVELS: Final = (ROWS, FILES, HASHES)

CLEAN, FAULTY, UNREADABLE = 0, 1, 2

RESTORE: Final = "Take it from a copy of this folder; until then the session cannot be proved."
SEND_AGAIN: Final = "The desk still has it unless a receipt let it go; take it from a copy otherwise."


class NoData(DeskproctorError, OSError):
    """A folder that is neither a desk's nor a review server's, or cannot be read."""


class Report(msgspec.Struct, frozen=True):
    """What `fsck --json` prints. `status` is "clean" or "faults"."""

    status: str
    kind: str
    level: str
    sessions: int
    entries: int
    files: int
    findings: tuple[Finding, ...]

    @property
    def exit_status(self) -> int:
        """0 where nothing is wrong, else 1."""
        return CLEAN if self.status == "clean" else FAULTY


class StoredFile(msgspec.Struct, frozen=True):
    """A recording that should be on the disk."""

    sha256: str
    size: int
    path: Path


class Ledgers(dict[str, Scrutiny]):
    """Every session's ledger, checked, by the session's name."""


class _Folder:
    """What both kinds share."""

    name = database = ""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.db = connection

    def lines(self) -> dict[str, list[Line]]:
        """Each session's lines in order."""
        found: dict[str, list[Line]] = {}
        for session, text, hash_ in self.db.execute("select session, text, hash from lines order by session, seq"):
            found.setdefault(session, []).append(Line(text, hash_))
        return found

    def numbering(self) -> Iterator[Finding]:
        """Rows whose number is not that of their place."""
        sql = "select session, count(*), min(seq), max(seq) from lines group by session"
        for session, count, first, last in self.db.execute(sql):
            if (first, last) != (1, count):
                yield fault(session, f"{count} entries are stored, numbered {first} to {last}. {RESTORE}")

    def unnamed(self, folder: str, named: set[Path], what_to_do: str) -> Iterator[Finding]:
        """Files among the recordings that no row names."""
        for path in sorted((self.folder / folder).glob("*")):
            if path not in named:
                yield note(f"{folder}/{path.name}", f"no row names this file. {what_to_do}")

    def has(self, table: str) -> bool:
        """Whether there is such a table: an older version's database may lack it."""
        sql = "select count(*) from sqlite_master where type = 'table' and name = ?"
        return bool(self.db.execute(sql, [table]).fetchone()[0])


class DeskFolder(_Folder):
    """A desk's data_dir, as custody keeps it."""

    name, database = "desk", "custody/custody.db"

    def rows(self, ledgers: Ledgers) -> Iterator[Finding]:
        """What does not agree with the ledgers."""
        yield from self.numbering()
        yield from self._segments(ledgers)
        yield from self._receipts()
        yield from self._forgotten()
        for session, camera, number in self._late("session, camera, number"):
            yield note(
                session,
                f"segment {number} of {camera} came after the seal: it is kept in late/ and no entry proves it.",
            )

    def _late(self, columns: str) -> Iterator[tuple[Any, ...]]:
        if self.has("late"):
            yield from self.db.execute(f"select {columns} from late")  # noqa: S608 (columns that stand above and below)

    def _segments(self, ledgers: Ledgers) -> Iterator[Finding]:
        named = {(session, seq): one for session, found in ledgers.items() for seq, one in found.segments().items()}
        for session, camera, number, seq, sha256, size in self.db.execute(
            "select session, camera, number, seq, sha256, size from segments"
        ):
            entry = named.pop((session, seq), None)
            if entry is None or (entry.camera, entry.number, entry.sha256, entry.size) != (
                camera,
                number,
                sha256,
                size,
            ):
                yield fault(session, f"the row of segment {number} is not what entry {seq} says. {RESTORE}")
        for (session, seq), segment in named.items():
            yield fault(session, f"entry {seq} names segment {segment.number}, and it has no row. {RESTORE}")

    def _receipts(self) -> Iterator[Finding]:
        sql = """
            select r.session, r.up_to_seq from receipts r
            left join lines l on l.session = r.session and l.seq = r.up_to_seq
            where r.up_to_seq > 0 and (l.hash is null or l.hash != r.up_to_hash)
        """
        for session, seq in self.db.execute(sql):
            yield fault(session, f"a receipt of the server is for another entry {seq} than the one that is here.")
        sql = """
            select r.session, r.sha256 from received r
            left join segments s on s.session = r.session and s.sha256 = r.sha256 where s.sha256 is null
        """
        for session, sha256 in self.db.execute(sql):
            yield fault(session, f"a receipt names the segment {sha256}, and no row does. {RESTORE}")

    def _forgotten(self) -> Iterator[Finding]:
        """What was forgotten although no receipt permitted it."""
        if not self.has("forgotten"):
            return
        sql = """
            select f.session, f.camera, f.number, s.sha256 is f.sha256, g.sha256 is not null and r.session is not null
            from forgotten f left join segments s using (session, camera, number)
            left join received g on g.session = f.session and g.sha256 = f.sha256
            left join receipts r on r.session = f.session and r.up_to_seq = f.receipt_seq
        """
        for session, camera, number, named, confirmed in self.db.execute(sql):
            if not named:
                yield fault(
                    session, f"segment {number} of {camera} is forgotten, and its row says otherwise. {RESTORE}"
                )
            elif not confirmed:
                yield fault(
                    session,
                    f"segment {number} of {camera} is forgotten, and no receipt of the server names it. {RESTORE}",
                )

    def files(self) -> Iterator[StoredFile]:
        """Every recording that should be here."""
        sql = "select distinct sha256, size, file from segments"
        if self.has("forgotten"):
            sql = """
                select distinct s.sha256, s.size, s.file from segments s
                left join forgotten f using (session, camera, number) where f.session is null
            """
        for sha256, size, file in self.db.execute(sql):
            # The folder may be a copy that lies elsewhere.
            yield StoredFile(sha256, size, self.folder / "segments" / Path(file).name)
        for sha256, size, file in self._late("sha256, size, file"):
            yield StoredFile(sha256, size, self.folder / "late" / Path(file).name)

    def strays(self, named: set[Path]) -> Iterator[Finding]:
        """Files that nobody names."""
        yield from self.unnamed("segments", named | self._leaving(), "Custody looks after it at its next start.")
        for path in sorted(filter(Path.exists, self._leaving() - named)):
            yield note(
                f"segments/{path.name}", "it is forgotten and not deleted yet. Custody does so within minutes."
            )
        yield from self.unnamed("late", named, "Its segment is offered again and gets a row then. Keep it.")
        for path in sorted((self.folder / "orphans").glob("*")):
            yield note(f"orphans/{path.name}", "custody found this file without an entry and set it aside. Keep it.")

    def _leaving(self) -> set[Path]:
        """Files of which a row says that they are forgotten."""
        if not self.has("forgotten"):
            return set()
        sql = "select s.file from forgotten f join segments s using (session, camera, number)"
        return {self.folder / "segments" / Path(file).name for (file,) in self.db.execute(sql)}


class ServerFolder(_Folder):
    """A review server's data_dir."""

    name, database = "review server", "review.db"

    def rows(self, ledgers: Ledgers) -> Iterator[Finding]:
        """What does not agree with the ledgers."""
        yield from self.numbering()
        yield from self._sessions(ledgers)
        yield from self._segments(ledgers)

    def _sessions(self, ledgers: Ledgers) -> Iterator[Finding]:
        sql = "select id, desk, head_seq, head_hash, sealed, dispute from sessions"
        for session, desk, head_seq, head_hash, sealed, dispute in self.db.execute(sql):
            if dispute:
                yield fault(session, f"disputed: {dispute}")
            found = ledgers.get(session)
            if found is None and head_seq == 0:
                continue
            head = found.head if found else ledger.start(desk, session)
            if (head.seq, head.hash, head.desk) != (head_seq, head_hash, desk):
                yield fault(session, f"{head_seq} entries of {desk} were stored, {head.seq} are here. {RESTORE}")
            if found and found.is_sealed != bool(sealed):
                yield fault(session, f"whether the ledger is sealed is noted wrongly. {RESTORE}")

    def _segments(self, ledgers: Ledgers) -> Iterator[Finding]:
        named = {(session, seq): one for session, found in ledgers.items() for seq, one in found.segments().items()}
        held = {sha256 for (sha256,) in self.db.execute("select sha256 from stored")} | self._removed()
        for session, seq, sha256 in self.db.execute("select session, seq, sha256 from segments"):
            entry = named.pop((session, seq), None)
            if entry is None or entry.sha256 != sha256:
                yield fault(session, f"the row of a segment is not what entry {seq} says. {RESTORE}")
            elif sha256 not in held:
                yield note(session, f"the segment of entry {seq} has not arrived from the desk.")
        for session, seq in named:
            yield fault(session, f"the segment that entry {seq} names has no row. {RESTORE}")

    def files(self) -> Iterator[StoredFile]:
        """Every recording that should be here."""
        for sha256, size in self.db.execute("select sha256, size from stored"):
            plain = self.folder / "segments" / f"{sha256}.mp4"
            yield StoredFile(sha256, size, plain if plain.exists() else plain.with_suffix(".mp4.age"))

    def strays(self, named: set[Path]) -> Iterator[Finding]:
        """Files that nobody names."""
        leaving = {path for path in self._leaving() if path.exists()}
        yield from self.unnamed("segments", named | leaving, "It does no harm: the desk brings it again.")
        for path in sorted(leaving - named):
            yield note(f"segments/{path.name}", "its time was over, and the server's next pass deletes it.")

    def _removed(self) -> set[str]:
        """Segments that were here for as long as they are kept."""
        if not self.has("removed"):
            return set()
        return {sha256 for (sha256,) in self.db.execute("select sha256 from removed")}

    def _leaving(self) -> set[Path]:
        endings = (".mp4", ".mp4.age")
        return {self.folder / "segments" / f"{sha256}{ending}" for sha256 in self._removed() for ending in endings}


KINDS: Final = (DeskFolder, ServerFolder)


def check(folder: Path, level: str = HASHES) -> Report:
    """Checks a folder. Raises NoData."""
    kind = next((kind for kind in KINDS if (folder / kind.database).is_file()), None)
    if kind is None:
        raise NoData(f"{folder} is neither a desk's data_dir nor a review server's: it has no database of theirs.")
    try:
        with closing(_opened(folder / kind.database)) as connection:
            return _checked(kind(folder, connection), level, _authority(folder))
    except sqlite3.Error as error:
        raise NoData(f"The database {folder / kind.database} cannot be read: {error}. {RESTORE}") from error


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    # A text that was altered may be none any more; it must be shown to be wrong, not stop the check.
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    connection.execute("begin")
    return connection


def _authority(folder: Path) -> Certificate | None:
    try:
        return Certificate.read((folder / FOLDER / "ca.crt").read_bytes())
    except (OSError, BadCertificate):
        return None


def _checked(kind: DeskFolder | ServerFolder, level: str, authority: Certificate | None) -> Report:
    findings: list[Finding] = []
    for (sick,) in kind.db.execute("pragma quick_check"):
        if sick != "ok":
            findings.append(fault(kind.database, f"the database is damaged: {sick}. {RESTORE}"))
    ledgers = Ledgers((session, _scrutinised(session, lines, authority)) for session, lines in kind.lines().items())
    for session, found in ledgers.items():
        findings += (Finding(one.level, f"{session}, {one.about}", one.text) for one in found.findings)
    findings += kind.rows(ledgers)
    files = list(kind.files())
    if level != ROWS:
        findings += _files(kind, files, level == HASHES)
    return Report(
        status="faults" if has_fault(findings) else "clean",
        kind=kind.name,
        level=level,
        sessions=len(ledgers),
        entries=sum(len(found.entries) for found in ledgers.values()),
        files=0 if level == ROWS else len(files),
        findings=tuple(findings),
    )


def _scrutinised(session: str, lines: list[Line], authority: Certificate | None) -> Scrutiny:
    try:
        desk = ledger.read(lines[0]).desk
    except (LedgerBroken, UnicodeEncodeError):
        desk = ""
    return scrutinise(desk, session, lines, lambda pem, data, sign: why_not(pem, data, sign, desk, authority))


def _files(kind: DeskFolder | ServerFolder, files: list[StoredFile], hashes: bool) -> Iterator[Finding]:
    what_to_do = RESTORE if kind.name == DeskFolder.name else SEND_AGAIN
    for file in files:
        about = f"{file.path.parent.name}/{file.path.name}"
        try:
            size = file.path.stat().st_size
            if size != file.size:
                yield fault(about, f"it should have {file.size} bytes and has {size}. {what_to_do}")
            elif hashes and _sha256(file.path) != file.sha256:
                yield fault(about, f"its bytes were altered. {what_to_do}")
        except OSError as error:
            yield fault(about, f"it cannot be read: {error.strerror}. {what_to_do}")
    yield from kind.strays({file.path for file in files})


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def told(report: Report) -> str:
    """The report for people."""
    checked = f"{report.sessions} sessions, {report.entries} entries"
    if report.level != ROWS:
        checked += f", {report.files} files ({'their bytes' if report.level == HASHES else 'their sizes'})"
    lines = [f"Checked a {report.kind}'s folder: {checked}.", *map(str, report.findings)]
    return "\n".join([*lines, "Nothing is wrong." if report.status == "clean" else "SOMETHING IS WRONG."])


@click.command("fsck")
@click.argument("folder", metavar="DATA_DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--level", type=click.Choice(LEVELS), default=HASHES, show_default=True, help="How deep to look.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
def fsck_command(folder: Path, level: str, as_json: bool) -> None:
    """Check a desk's or a review server's data folder. Changes nothing; the programs may run meanwhile.

    Exit status: 0 nothing is wrong, 1 something is, 2 the folder could not be read.
    """
    try:
        report = check(folder, level)
    except NoData as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(UNREADABLE)
    click.echo(msgspec.json.encode(report).decode() if as_json else told(report))
    sys.exit(report.exit_status)
