"""`deskproctor verify`: is this evidence pack whole, unaltered, and whose is it? Needs no server and no network."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from deskproctor.archive import Damaged, read
from proctoring import pack
from proctoring.errors import DeskproctorError
from proctoring.finding import Finding, fault, has_fault, note, one_line
from proctoring.ledger import Line, sha256
from proctoring.pack import How, Manifest, PackedSegment
from proctoring.scrutiny import Scrutiny, scrutinise
from proctoring.segment import Segment
from signing.certificate import BadCertificate, Certificate, Role, why_not

KEPT_BYTES: Final = 512 << 20
"""Of the small files (all but recordings) no more than this is held in memory: a day's ledger has some 50 MB."""

PASSES, FAILS, UNREADABLE = 0, 1, 2


class NoPack(DeskproctorError, OSError):
    """There is nothing that could be verified."""


class Verdict(msgspec.Struct, frozen=True):
    """What `verify --json` prints. `status` is "passes" or "fails"."""

    status: str
    desk: str = ""
    session: str = ""
    entries: int = 0
    sealed: bool = False
    recordings: dict[str, int] = {}
    """How many segments are in the pack as video, sealed, derived, and how many are absent."""
    authority: str = ""
    """SHA-256 fingerprint of the authority that vouches for the signatures."""
    findings: tuple[Finding, ...] = ()

    @property
    def exit_status(self) -> int:
        """0 where nothing is wrong, else 1."""
        return PASSES if self.status == "passes" else FAILS


class Opened:
    """A pack's small files, and of all files size and SHA-256."""

    def __init__(self, path: Path) -> None:
        """Raises NoPack, Damaged."""
        self.small: dict[str, bytes] = {}
        self.hashes: dict[str, str] = {}
        self.sizes: Counter[str] = Counter()
        self._parts: list[bytes] = []
        self._digest = hashlib.sha256()
        self._kept = 0
        try:
            with path.open("rb") as file:
                self.names = [member.name for member in read(file, path.stat().st_size, self._take)]
        except OSError as error:
            raise NoPack(f"The pack {path} cannot be read: {error.strerror}.") from error
        self._close()

    _name = ""

    def _take(self, name: str, chunk: bytes) -> None:
        if not chunk:
            self._close()
            self._name, self._digest, self._parts = name, hashlib.sha256(), []
            return
        self._digest.update(chunk)
        self.sizes[name] += len(chunk)
        if not name.startswith("recording"):
            self._kept += len(chunk)
            if self._kept > KEPT_BYTES:
                raise Damaged(name, f"beside its recordings the pack has more than {KEPT_BYTES >> 20} MB.")
            self._parts.append(chunk)

    def _close(self) -> None:
        if self._name:
            self.hashes[self._name] = self._digest.hexdigest()
            if not self._name.startswith("recording"):
                self.small[self._name] = b"".join(self._parts)

    def certificate(self, name: str) -> Certificate | None:
        """A certificate in the pack; None where it is none."""
        try:
            return Certificate.read(self.small.get(name, b""))
        except BadCertificate:
            return None


def verify(path: Path, trusted: Certificate | None = None) -> Verdict:
    """Checks everything. With `trusted`, only what that authority vouches for counts. Raises NoPack."""
    try:
        opened = Opened(path)
        manifest = _manifest(opened)
    except Damaged as damaged:
        return Verdict("fails", findings=(fault(damaged.about, damaged.reason),))
    return _Check(opened, manifest, trusted).verdict()


def _manifest(opened: Opened) -> Manifest:
    if opened.names[:2] != [pack.MANIFEST, pack.SIGNATURE]:
        raise Damaged("archive", f"an evidence pack begins with {pack.MANIFEST} and {pack.SIGNATURE}.")
    try:
        return pack.decode(opened.small[pack.MANIFEST])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = f"it cannot be read ({error}). A pack of a newer format needs a newer deskproctor."
        raise Damaged(pack.MANIFEST, reason) from error


class _Check:
    """One pack's checks, in the order in which they build on each other."""

    def __init__(self, opened: Opened, manifest: Manifest, trusted: Certificate | None) -> None:
        self._opened = opened
        self._manifest = manifest
        self._trusted = trusted
        self._authority = trusted or opened.certificate(pack.AUTHORITY)

    def verdict(self) -> Verdict:
        scrutiny = self._scrutiny()
        findings = [
            *self._authority_findings(),
            *self._signature(),
            *self._files(),
            *scrutiny.findings,
            *scrutiny.gaps,
            *self._ledger(scrutiny),
            *self._segments(scrutiny.segments()),
        ]
        forms = Counter(segment.how.value for segment in self._manifest.segments)
        return Verdict(
            "fails" if has_fault(findings) else "passes",
            desk=self._manifest.desk,
            session=self._manifest.session,
            entries=len(scrutiny.entries),
            sealed=scrutiny.is_sealed,
            recordings={how.value: forms[how.value] for how in How},
            authority=self._authority.fingerprint if self._authority else "",
            findings=tuple(findings),
        )

    # --- who says so ---

    def _authority_findings(self) -> Iterator[Finding]:
        own = self._opened.certificate(pack.AUTHORITY)
        if own is None or not own.is_authority:
            yield fault(pack.AUTHORITY, "it is not the certificate of an authority.")
        elif self._trusted is None:
            yield note(
                pack.AUTHORITY,
                f"the pack says that {own.name!r} vouches for it, fingerprint {own.fingerprint}. This was not "
                "checked against an authority that you named: get ca.crt from the centre and give it with --trust.",
            )

    def _signature(self) -> Iterator[Finding]:
        server = self._opened.certificate(pack.SERVER)
        if server is None or server.role != Role.REVIEW_SERVER:
            yield fault(pack.SERVER, "it is not the certificate of a review server.")
            return
        if self._authority is None or not server.issued_by(self._authority):
            yield fault(pack.SERVER, f"it was not issued by {self._authority_name()}.")
        signed = pack.SIGNED + self._opened.small[pack.MANIFEST]
        if not server.verifies(signed, self._opened.small[pack.SIGNATURE]):
            yield fault(pack.SIGNATURE, "it is not the review server's signature over the manifest.")

    def _authority_name(self) -> str:
        if self._trusted:
            return f"the authority that you trust, {self._trusted.name!r}"
        return "the authority in the pack"

    # --- what lies in it ---

    def _files(self) -> Iterator[Finding]:
        listed = [file.name for file in self._manifest.files]
        if listed != self._opened.names[2:]:
            strange = sorted(set(listed) ^ set(self._opened.names[2:])) or ["their order"]
            yield fault(pack.MANIFEST, f"it does not list the files that are here: {', '.join(strange[:5])}.")
        for name in sorted(pack.REQUIRED - set(listed)):
            yield fault(name, "it is missing, and every pack has it.")
        for file in self._manifest.files:
            if not pack.NAME.fullmatch(file.name):
                yield fault(file.name[:200], "a file of this name does not belong into a pack.")
            found = (self._opened.sizes[file.name], self._opened.hashes.get(file.name))
            if found != (file.size, file.sha256):
                yield fault(file.name[:200], "it is not the file that the manifest names.")

    # --- the ledger ---

    def _scrutiny(self) -> Scrutiny:
        manifest = self._manifest
        return scrutinise(
            manifest.desk,
            manifest.session,
            lines_of(self._opened.small.get(pack.LEDGER, b"")),
            lambda pem, data, signature: why_not(pem, data, signature, manifest.desk, self._authority),
        )

    def _ledger(self, scrutiny: Scrutiny) -> Iterator[Finding]:
        manifest = self._manifest
        if (len(scrutiny.entries), scrutiny.head.hash) != (manifest.entries, manifest.head):
            yield fault(pack.LEDGER, f"it should end with entry {manifest.entries} and the hash {manifest.head}.")
        if self._opened.small.get(pack.DESK, b"") != scrutiny.certificate.encode():
            yield fault(pack.DESK, "it is not the certificate that the ledger names.")
        if manifest.disputed:
            yield fault(pack.LEDGER, f"the review server holds that it cannot be relied on: {manifest.disputed}")
        if bool(manifest.disputed) < (pack.RIVALS in self._opened.names):
            yield fault(pack.RIVALS, "it holds a second story, and the manifest speaks of no dispute.")

    # --- the recordings ---

    def _segments(self, named: dict[int, Segment]) -> Iterator[Finding]:
        if [packed.entry for packed in self._manifest.segments] != sorted(named):
            yield fault(pack.MANIFEST, "it does not account for every segment that the ledger names.")
        files = {packed.file for packed in self._manifest.segments}
        for name in self._opened.names:
            if name.startswith("recordings/") and name not in files:
                yield fault(name, "no segment of the ledger belongs to it.")
        for packed in self._manifest.segments:
            if packed.entry in named:
                yield from self._segment(packed, named[packed.entry])
        for name in filter(pack.FILMS.fullmatch, sorted(self._opened.names)):
            yield note(name, "made from the segments for watching; the segments are the evidence.")

    def _segment(self, packed: PackedSegment, segment: Segment) -> Iterator[Finding]:
        about = f"segment of entry {packed.entry}"
        if packed.how is How.ABSENT:
            yield note(about, f"not in the pack: {packed.reason}")
            return
        name = pack.recording_name(packed.entry, packed.how)
        if packed.file != name or name not in self._opened.hashes:
            yield fault(about, f"its file should be {name}.")
            return
        if packed.how is How.DERIVED:
            yield note(name, f"derived ({packed.reason}); original hash on record: {segment.video_sha256}")
            return
        is_video = packed.how is How.VIDEO
        expected = (segment.video_sha256, segment.plain_size or segment.size)
        if not is_video:
            expected = (segment.sha256, segment.size)
        if (self._opened.hashes[name], self._opened.sizes[name]) != expected:
            yield fault(name, "it is not the recording that the ledger names.")


def lines_of(data: bytes) -> Iterator[Line]:
    """The lines of a ledger.jsonl. What is left after the last end of line is a line too, so that it is missed."""
    texts = data.split(b"\n")
    for text in texts[: None if texts[-1] else -1]:
        yield Line(text.decode("utf-8", "surrogateescape"), sha256(text))


def read_authority(path: Path) -> Certificate:
    """The authority to trust. Raises NoPack."""
    try:
        found = Certificate.read(path.read_bytes())
    except (OSError, BadCertificate) as error:
        raise NoPack(f"The certificate {path} cannot be used: {error}") from error
    if not found.is_authority:
        raise NoPack(f"{path} is the certificate of {found.role} {found.name!r}, not of an authority.")
    return found


RESULT: Final = {
    "passes": "It verifies: nothing was altered since, if the authority is whom you take it for.",
    "fails": "THIS PACK DOES NOT VERIFY.",
}


def told(verdict: Verdict) -> str:
    """The verdict for people: what was checked, a line for each finding, and the result."""
    lines = []
    if verdict.session:
        forms = ", ".join(f"{count} {how}" for how, count in verdict.recordings.items() if count) or "none"
        seal = "sealed" if verdict.sealed else "not sealed"
        lines.append(one_line(f"Session {verdict.session} of {verdict.desk}: {verdict.entries} entries, {seal}."))
        lines.append(f"Recordings: {forms}.")
    lines += [str(finding) for finding in verdict.findings]
    lines.append(RESULT[verdict.status])
    return "\n".join(lines)


@click.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--trust", type=click.Path(path_type=Path), help="The centre's ca.crt, had from the centre itself.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON and nothing else.")
def verify_command(file: Path, trust: Path | None, as_json: bool) -> None:
    """Check an evidence pack: chain, signatures, hashes, certificates, gaps. Needs no server and no network.

    Exit status: 0 it verifies, 1 it does not, 2 there was nothing that could be read.
    """
    try:
        verdict = verify(file, read_authority(trust) if trust else None)
    except NoPack as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(UNREADABLE)
    click.echo(msgspec.json.encode(verdict).decode() if as_json else told(verdict))
    sys.exit(verdict.exit_status)
