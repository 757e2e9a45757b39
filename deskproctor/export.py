"""`deskproctor export`: a session at the review server as an evidence pack that anybody can check."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Final

import click
import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.runtime.clock import SystemClock
from deskproctor import archive
from deskproctor.archive import Content
from deskproctor.blur import Blur
from durable.files import keeping
from proctoring import pack
from proctoring.cameras import cameras_of
from proctoring.errors import DeskproctorError
from proctoring.ledger import Line, sha256
from proctoring.pack import How, Manifest, PackedFile, PackedSegment
from proctoring.scrutiny import Scrutiny, scrutinise
from proctoring.segment import Segment
from review_server import playback
from review_server.film import Piece
from review_server.holds import holds_of
from review_server.retention import removed_of
from review_server.reviews import decisions_of
from review_server.sealing import CannotOpen, Keyring
from review_server.segments import path_of
from review_server.standing import Chain, why_not_verified
from review_server.store import Store
from review_server.tables import LineRow, MoveRow, RivalRow, SessionRow, StoredRow
from review_server.timeline import newest_flags
from signing.certificate import Role
from signing.identity import FOLDER, load

SERVER_NAME: Final = "review-server"
MARGIN_S: Final = 10.0
"""How much before and after a flag a reviewer wants to see to make sense of it."""

NOT_FLAGGED: Final = "it is not near a flag, and this pack holds the flags only."
DELETED: Final = "its time was over, and the review server deleted it."
NOT_HERE: Final = "it never reached the review server."
LEFT_OUT_BLUR: Final = "other people's faces were to be blurred and this piece cannot be decoded."


class CannotExport(DeskproctorError, ValueError):
    """No pack can be made of this."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack should hold."""

    flags_only: bool = False
    margin_ms: int = round(MARGIN_S * 1000)
    sealed: bool = False
    """Leave the segments encrypted."""
    blur_others: bool = False
    film: bool = False
    """Add the whole recording as one video."""

    def __post_init__(self) -> None:
        if self.sealed and (self.blur_others or self.film):
            raise CannotExport("What stays sealed can neither be blurred nor joined. Leave --sealed out.")
        if self.blur_others and self.film:
            raise CannotExport("The film shows the pieces as they were recorded. Ask for --film or --blur-others.")


class Made(msgspec.Struct, frozen=True):
    """What was made."""

    path: Path
    manifest: Manifest


class Shelf:
    """A review server's folder, read beside the running server or without it."""

    def __init__(self, data_dir: Path) -> None:
        """Raises CannotExport, NoIdentity."""
        if not (data_dir / "review.db").is_file():
            raise CannotExport(f"There is no review server's data in {data_dir}. Name its data_dir with --data.")
        identity = data_dir / FOLDER
        self.identity = load(identity / "server.key", identity / "server.crt", SERVER_NAME, Role.REVIEW_SERVER)
        self.authority = _read(identity / "ca.crt")
        self.store = Store(data_dir / "review.db")
        self.keyring = Keyring(data_dir)
        self._segments = data_dir / "segments"

    def file(self, segment: Segment) -> Path:
        """Where a segment's bytes are, as they were sent."""
        return path_of(self._segments, segment.sha256)

    def video(self, segment: Segment) -> bytes:
        """A segment's video. Raises CannotOpen, also where it is not what the ledger names, and OSError."""
        data = self.keyring.open(self.file(segment).read_bytes())
        if sha256(data) != segment.video_sha256:
            raise CannotOpen("Its bytes at the review server are not those that the ledger names.")
        return data

    def bytes_as_sent(self, segment: Segment) -> bytes:
        """A segment's bytes, not opened. Raises as `video` does."""
        data = self.file(segment).read_bytes()
        if sha256(data) != segment.sha256:
            raise CannotOpen("Its bytes at the review server are not those that the ledger names.")
        return data


class Case(msgspec.Struct, frozen=True):
    """Everything the server knows of a session."""

    row: SessionRow
    texts: tuple[str, ...]
    rivals: tuple[str, ...]
    scrutiny: Scrutiny
    stored: frozenset[str]
    removed: frozenset[str]
    """What was here and was deleted when its time was over."""
    review: bytes


def read_case(tx: Session, session: str) -> Case:
    """Raises CannotExport where there is no such session, or nothing of it yet."""
    row = tx.get(SessionRow, session)
    if row is None or row.head_seq == 0:
        raise CannotExport(f"There is no session {session!r} at this review server. Copy its name from its page.")
    rows = tx.scalars(select(LineRow).where(LineRow.session == session).order_by(LineRow.seq)).all()
    rivals = tx.scalars(select(RivalRow).where(RivalRow.session == session).order_by(RivalRow.hash))
    # The signatures were checked when the lines came, and whoever verifies the pack checks them again.
    lines = (Line(one.text, one.hash) for one in rows)
    return Case(
        row=row,
        texts=tuple(one.text for one in rows),
        rivals=tuple(one.text for one in rivals),
        scrutiny=scrutinise(row.desk, session, lines, lambda *_: None),
        stored=frozenset(tx.scalars(select(StoredRow.sha256))),
        removed=frozenset(one.sha256 for one in removed_of(tx, session)),
        review=_review(tx, row),
    )


def _review(tx: Session, row: SessionRow) -> bytes:
    moves = tx.scalars(select(MoveRow).where(MoveRow.session == row.id).order_by(MoveRow.number))
    fields = ("move", "state", "by", "at_utc_ms", "reason", "refused")
    said = ("held", "by", "at_utc_ms", "reason")
    told = {
        "session": row.id,
        "state": row.state,
        "moves": [{field: getattr(move, field) for field in fields} for move in moves],
        "decisions": decisions_of(tx, row.id),
        "holds": [{field: getattr(hold, field) for field in said} for hold in holds_of(tx, row.id)],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"


class Export:
    """One pack in the making."""

    def __init__(self, shelf: Shelf, case: Case, wishes: Wishes, folder: Path, progress: Callable[[], None]) -> None:
        self._shelf = shelf
        self._case = case
        self._wishes = wishes
        self._folder = folder
        self._progress = progress
        self._facts = [entry.fact for entry in case.scrutiny.entries]
        self._cameras = cameras_of(self._facts)
        # One for each camera: where the candidate was last seen is a place in one camera's pictures.
        blurring = self._cameras if wishes.blur_others else ()
        self._blurs = {camera: Blur(self._facts) for camera in blurring}
        self._recordings: list[tuple[PackedFile, Content]] = []

    def write(self, path: Path) -> Manifest:
        """Writes the pack, whole or not at all. Raises CannotExport, TooLarge."""
        segments = tuple(self._packed(entry, segment) for entry, segment in self._case.scrutiny.segments().items())
        files = [*self._papers(), *self._recordings, *self._film()]
        manifest = self._manifest(segments, tuple(file for file, _ in files))
        text = pack.encode(manifest)
        signature = self._shelf.identity.sign(pack.SIGNED + text)
        listed = [(file.name, content) for file, content in files]
        _write(path, [(pack.MANIFEST, text), (pack.SIGNATURE, signature), *listed])
        return manifest

    def _manifest(self, segments: tuple[PackedSegment, ...], files: tuple[PackedFile, ...]) -> Manifest:
        case, wishes = self._case, self._wishes
        return Manifest(
            made_by=f"deskproctor {version('deskproctor')}",
            made_utc_ms=SystemClock().utc_ms(),
            desk=case.row.desk,
            session=case.row.id,
            entries=case.row.head_seq,
            head=case.row.head_hash,
            scope="flags" if wishes.flags_only else "whole",
            margin_ms=wishes.margin_ms if wishes.flags_only else 0,
            disputed=why_not_verified(case.row, Chain((), None)) or "",
            segments=segments,
            files=files,
        )

    def _papers(self) -> Iterator[tuple[PackedFile, Content]]:
        yield _file(pack.README, Path(__file__).with_name("pack_readme.txt").read_bytes())
        yield _file(pack.LEDGER, _lines(self._case.texts))
        if self._case.rivals:
            yield _file(pack.RIVALS, _lines(self._case.rivals))
        yield _file(pack.REVIEW, self._case.review)
        yield _file(pack.AUTHORITY, self._shelf.authority)
        yield _file(pack.SERVER, self._shelf.identity.certificate.pem.encode())
        if self._case.scrutiny.certificate:
            yield _file(pack.DESK, self._case.scrutiny.certificate.encode())

    # --- recordings ---

    def _packed(self, entry: int, segment: Segment) -> PackedSegment:
        self._progress()
        if segment.sha256 not in self._case.stored:
            reason = DELETED if segment.sha256 in self._case.removed else NOT_HERE
            return PackedSegment(entry=entry, how=How.ABSENT, reason=reason)
        if self._wishes.flags_only and not self._is_near_a_flag(segment):
            return PackedSegment(entry=entry, how=How.ABSENT, reason=NOT_FLAGGED)
        try:
            return self._included(entry, segment)
        except (CannotOpen, OSError) as error:
            return PackedSegment(entry=entry, how=How.ABSENT, reason=f"it could not be read. {error}")

    def _included(self, entry: int, segment: Segment) -> PackedSegment:
        if self._wishes.sealed and segment.plain_sha256:
            data = self._shelf.bytes_as_sent(segment)
            return self._add(entry, How.SEALED, data, lambda: self._shelf.bytes_as_sent(segment))
        data = self._shelf.video(segment)
        if not self._wishes.blur_others:
            return self._add(entry, How.VIDEO, data, lambda: self._shelf.video(segment))
        blurred = self._blurs[segment.camera].video(data)
        if blurred is None:
            return PackedSegment(entry=entry, how=How.ABSENT, reason=LEFT_OUT_BLUR)
        kept = self._folder / f"{entry}.mp4"
        kept.write_bytes(blurred)
        return self._add(entry, How.DERIVED, blurred, kept, "faces of other people than the candidate are blurred")

    def _add(self, entry: int, how: How, data: bytes, content: Content, reason: str = "") -> PackedSegment:
        name = pack.recording_name(entry, how)
        self._recordings.append((_measured(name, data), content))
        return PackedSegment(entry=entry, how=how, file=name, reason=reason)

    def _is_near_a_flag(self, segment: Segment) -> bool:
        margin_ms = self._wishes.margin_ms
        return any(
            segment.started_ms <= (end_ms + margin_ms) and segment.ended_ms >= start_ms - margin_ms
            for start_ms, end_ms in self._flag_spans
        )

    @property
    def _flag_spans(self) -> list[tuple[int, int]]:
        entries = self._case.scrutiny.entries
        last_ms = max((entry.at_ms or 0 for entry in entries), default=0)
        flags = newest_flags(entry.fact for entry in entries)
        return [(flag.started_ms, last_ms if flag.ended_ms is None else flag.ended_ms) for flag in flags]

    def _film(self) -> Iterator[tuple[PackedFile, Content]]:
        if not self._wishes.film:
            return
        named = self._case.scrutiny.segments()
        kept = [named[int(Path(file.name).name[:-4])] for file, _ in self._recordings]
        for place, camera in enumerate(self._cameras or ("",)):
            filmed = [segment for segment in kept if segment.camera == camera]
            if filmed or not kept:
                yield self._joined(filmed, self._folder / pack.film_name(place))

    def _joined(self, segments: list[Segment], path: Path) -> tuple[PackedFile, Content]:
        pieces = (Piece(segment.sha256, segment.started_ms, self._shelf.file(segment)) for segment in segments)
        playback.write(sorted(pieces, key=lambda piece: piece.started_ms), path, self._shelf.keyring)
        return _measured(path.name, path.read_bytes()), path


def _lines(texts: tuple[str, ...]) -> bytes:
    return b"".join(text.encode("utf-8", "surrogatepass") + b"\n" for text in texts)


def _file(name: str, data: bytes) -> tuple[PackedFile, Content]:
    return _measured(name, data), data


def _measured(name: str, data: bytes) -> PackedFile:
    return PackedFile(name=name, size=len(data), sha256=sha256(data))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CannotExport(f"Cannot read {path}: {error.strerror}. Enrol the review server first.") from error


def _write(path: Path, contents: list[tuple[str, Content]]) -> None:
    """Under another name until all of it is on the disk; for its owner alone, since it shows a person."""
    try:
        with keeping(path, 0o600) as file:
            archive.write(file, contents)
    except OSError as error:
        raise CannotExport(f"The pack {path} cannot be written: {error.strerror}.") from error


def export(
    session: str, data_dir: Path, path: Path, wishes: Wishes, progress: Callable[[], None] = lambda: None
) -> Made:
    """Makes a pack. Raises CannotExport, NoIdentity, StoreUnusable, TooLarge."""
    if path.exists():
        raise CannotExport(f"There is a file {path} already. Name another with -o.")
    if not path.resolve().parent.is_dir():
        raise CannotExport(f"There is no folder {path.resolve().parent} for the pack. Make it first.")
    with ExitStack() as stack:
        shelf = Shelf(data_dir)
        stack.callback(shelf.store.close)
        with shelf.store.read() as tx:
            case = read_case(tx, session)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pack-", dir=path.resolve().parent))
        return Made(path, Export(shelf, case, wishes, Path(folder), progress).write(path))


def told(made: Made) -> str:
    """What was made, for people."""
    forms = {how: sum(segment.how is how for segment in made.manifest.segments) for how in How}
    listed = ", ".join(f"{count} {how}" for how, count in forms.items() if count) or "none"
    return f"Wrote {made.path}: {made.manifest.entries} entries; recordings: {listed}."


@click.command("export")
@click.argument("session")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The review server's data_dir.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The pack to write."
)
@click.option("--flags-only", is_flag=True, help="Only the recording around flags.")
@click.option("--margin", default=MARGIN_S, show_default=True, help="Seconds before and after a flag.")
@click.option("--blur-others", is_flag=True, help="Cover every face but the candidate's. Encodes the video anew.")
@click.option("--sealed", is_flag=True, help="Leave the recording encrypted, as the desk sent it.")
@click.option("--film", is_flag=True, help="Add the recording as one video, for watching.")
def export_command(session: str, data: Path, out: Path, margin: float, **wanted: bool) -> None:
    """Write a session's evidence pack at the review server: ledger, recording, decisions, signatures."""
    wishes = Wishes(margin_ms=round(max(0.0, margin) * 1000), **wanted)
    click.echo(told(export(session, data, out, wishes, lambda: click.echo(".", nl=False, err=True))))
