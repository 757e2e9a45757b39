"""Enrolment: a centre's authority, and the identities that it gives to desks and to the review server.

A machine makes its own key and asks (`request`); the authority answers (`issue`); the machine keeps the answer
(`accept`). Only the request and the answer travel. On one machine `enrol` does all three.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

import click
import msgspec

from appliance.runtime.clock import SystemClock
from durable.files import keep
from proctoring.errors import DeskproctorError
from signing import authority
from signing.certificate import BadCertificate, Certificate, Role
from signing.identity import FOLDER, load, own_key, read_key

STEM: Final = {Role.AUTHORITY: "ca", Role.DESK: "desk", Role.REVIEW_SERVER: "server"}
"""Files are called <stem>.key and <stem>.crt."""

_END: Final = b"-----END CERTIFICATE-----\n"


class AlreadyEnrolled(DeskproctorError, FileExistsError):
    """There is an authority here already; its certificate is what others trust."""


class NoAuthority(DeskproctorError, FileNotFoundError):
    """There is no authority where one was looked for."""


def begin_authority(folder: Path, centre: str) -> None:
    """Makes a centre's authority in `folder`: ca.key, for its owner alone, and ca.crt, for everybody."""
    path = _path(folder, Role.AUTHORITY)
    if path.exists():
        raise AlreadyEnrolled(f"There is an authority in {folder} already. Name another folder.")
    key = own_key(_path(folder, Role.AUTHORITY, ".key"))
    keep(path, authority.begin(key, centre, SystemClock().utc_ms()))


def request(data_dir: Path, name: str, role: Role = Role.DESK) -> bytes:
    """At the machine to be enrolled: makes its key below `data_dir` and gives the request (PEM) for the authority.

    Asked again it keeps its key, so that a certificate can be renewed without a break in what was signed.
    """
    return authority.request(own_key(_path(data_dir / FOLDER, role, ".key")), name)


class Answer(msgspec.Struct, frozen=True):
    """What an authority sends back: the machine's certificate and its own, both PEM."""

    certificate: bytes
    authority: bytes


def issue(folder: Path, asked: bytes, name: str, role: Role = Role.DESK) -> Answer:
    """At the authority in `folder`: the answer to a request. Who asks has been made sure of before.

    Raises NoAuthority, BadRequest, NoIdentity.
    """
    if not _path(folder, Role.AUTHORITY).is_file():
        raise NoAuthority(f"There is no authority in {folder}. Name its folder, or begin one there.")
    shown = _path(folder, Role.AUTHORITY).read_bytes()
    key = read_key(_path(folder, Role.AUTHORITY, ".key"))
    issued = authority.issue(key, Certificate.read(shown), asked, name, role, SystemClock().utc_ms())
    return Answer(issued, shown)


def accept(data_dir: Path, answer: Answer, name: str, role: Role = Role.DESK) -> None:
    """At the machine: keeps the answer, once it is for its own key. Raises NoIdentity."""
    folder = data_dir / FOLDER
    read_key(_path(folder, role, ".key"))
    tried = _path(folder, role, ".new")
    tried.write_bytes(answer.certificate)
    load(_path(folder, role, ".key"), tried, name, role)
    keep(_path(folder, Role.AUTHORITY), answer.authority)
    keep(_path(folder, role), answer.certificate)
    tried.unlink()


def enrol(folder: Path, data_dir: Path, name: str, role: Role = Role.DESK) -> None:
    """All of it on one machine that is both. One that is enrolled already stays as it is."""
    if not _path(folder, Role.AUTHORITY).exists():
        begin_authority(folder, "Testing centre")
    if not _path(data_dir / FOLDER, role).exists():
        accept(data_dir, issue(folder, request(data_dir, name, role), name, role), name, role)


def _path(folder: Path, role: Role, suffix: str = ".crt") -> Path:
    return folder / f"{STEM[role]}{suffix}"


# --- the commands ----------------------------------------------------------------------------------

_ROLE = click.option(
    "--role",
    type=click.Choice([Role.DESK.value, Role.REVIEW_SERVER.value]),
    default=Role.DESK.value,
    show_default=True,
)
_NAME = click.argument("name")


@click.group("enrol")
def enrol_command() -> None:
    """Give desks and the review server the keys that they sign with.

    \b
    Once, where the centre's authority is kept:   begin FOLDER
    At each machine, as the user that signs:      request DATA_DIR NAME >asked.csr
    At the authority, for a machine you know:     issue FOLDER NAME <asked.csr >answer.pem
    At the machine again:                         accept DATA_DIR NAME <answer.pem
    """


@enrol_command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--centre", default="Testing centre", show_default=True, help="The name that certificates will show.")
def begin(folder: Path, centre: str) -> None:
    """Make the centre's authority. Keep FOLDER offline; give everybody its ca.crt."""
    begin_authority(folder, centre)


@enrol_command.command("request")
@click.argument("data_dir", type=click.Path(path_type=Path))
@_NAME
@_ROLE
def request_command(data_dir: Path, name: str, role: Role) -> None:
    """Make this machine's key and print the request for the authority."""
    click.echo(request(data_dir, name, Role(role)), nl=False)


@enrol_command.command("issue")
@click.argument("folder", type=click.Path(path_type=Path))
@_NAME
@_ROLE
@click.argument("asked", type=click.File("rb"), default="-")
def issue_command(folder: Path, name: str, role: Role, asked: BinaryIO) -> None:
    """Print the authority's answer to a request: the machine's certificate, then the authority's own."""
    answer = issue(folder, asked.read(), name, Role(role))
    click.echo(answer.certificate + answer.authority, nl=False)


@enrol_command.command("accept")
@click.argument("data_dir", type=click.Path(path_type=Path))
@_NAME
@_ROLE
@click.argument("answer", type=click.File("rb"), default="-")
def accept_command(data_dir: Path, name: str, role: Role, answer: BinaryIO) -> None:
    """Keep the authority's answer, once it is for this machine's key and name."""
    accept(data_dir, _split(answer.read()), name, Role(role))


def _split(data: bytes) -> Answer:
    certificate, end, authority_own = data.partition(_END)
    if not end or _END not in authority_own:
        raise BadCertificate("This answer does not hold two certificates. Take it again from the authority.")
    return Answer(certificate + end, authority_own)
