"""A machine's own key and the certificate that names it, as two files of which the key is for its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from durable.files import keep
from proctoring.errors import DeskproctorError
from signing.certificate import BadCertificate, Certificate, Role

FOLDER: Final = "identity"
"""Below a machine's data folder."""


class NoIdentity(DeskproctorError, OSError):
    """A machine that must sign has no key or certificate that it can use."""


class Identity:
    """Signs for the machine that the certificate names."""

    def __init__(self, key: Ed25519PrivateKey, certificate: Certificate) -> None:
        self._key = key
        self.certificate = certificate

    @property
    def name(self) -> str:
        """Whose identity it is."""
        return self.certificate.name

    def sign(self, data: bytes) -> bytes:
        """An Ed25519 signature over `data`, 64 bytes."""
        return self._key.sign(data)

    def is_of(self, pem: str) -> bool:
        """Whether the certificate `pem` is for this identity's key; it may be an older one."""
        try:
            return Certificate.read(pem).key == self.certificate.key
        except BadCertificate:
            return False


def load(key: Path, certificate: Path, name: str, role: Role) -> Identity:
    """The identity in two PEM files. Raises NoIdentity, with what to do, where they are not the right ones."""
    private, shown = read_key(key), _read_certificate(certificate)
    if private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) != shown.key:
        raise NoIdentity(f"The certificate {certificate} is not for the key {key}. {_ENROL}")
    if (shown.role, shown.name) != (role, name):
        raise NoIdentity(
            f"The certificate {certificate} names {shown.role} {shown.name!r}, and this is {role} {name!r}. {_ENROL}"
        )
    return Identity(private, shown)


_ENROL: Final = "Enrol this machine at the centre's authority again; its files belong to one enrolment."


def read_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file that nobody but its owner may read. Raises NoIdentity."""
    data = _read(path)
    if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise NoIdentity(f"The key {path} can be read by others. Run: chmod 600 {path}")
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NoIdentity(f"The file {path} holds no private key. {_ENROL}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise NoIdentity(f"The key {path} is not an Ed25519 key. {_ENROL}")
    return key


def own_key(path: Path) -> Ed25519PrivateKey:
    """The key in `path`; where there is none, a new one, which nobody but its owner can read."""
    if path.exists():
        return read_key(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    keep(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)
    return key


def _read_certificate(path: Path) -> Certificate:
    try:
        return Certificate.read(_read(path))
    except BadCertificate as bad:
        raise NoIdentity(f"The file {path} cannot be used: {bad} {_ENROL}") from bad


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NoIdentity(
            f"Cannot read {path}: {error.strerror}. This machine signs what it keeps and needs its own key and "
            "certificate there: enrol it first."
        ) from error
