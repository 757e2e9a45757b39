"""A certificate: whose a public key is, and who says so."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from proctoring.errors import DeskproctorError


class Role(StrEnum):
    """What a key is for. It stands in the certificate, so that no desk can pass for the server or the reverse."""

    AUTHORITY = "authority"
    DESK = "desk"
    REVIEW_SERVER = "review server"


class BadCertificate(DeskproctorError, ValueError):
    """No certificate, or not one of ours."""


class Certificate:
    """An X.509 certificate over an Ed25519 key. Its subject has a name (CN) and a role (OU)."""

    def __init__(self, pem: str, parsed: x509.Certificate, key: Ed25519PublicKey) -> None:
        self.pem = pem
        self._parsed = parsed
        self._key = key

    @classmethod
    def read(cls, pem: str | bytes) -> Self:
        """The certificate in `pem`. Raises BadCertificate."""
        data = pem.encode() if isinstance(pem, str) else pem
        try:
            parsed = x509.load_pem_x509_certificate(data)
            key = parsed.public_key()
            text = data.decode("ascii")
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadCertificate("This is no certificate that can be read.") from error
        if not isinstance(key, Ed25519PublicKey):
            raise BadCertificate("This certificate is not for an Ed25519 key.")
        return cls(text, parsed, key)

    @property
    def name(self) -> str:
        """Whose key it is; for a desk, the desk's name."""
        return self._subject(NameOID.COMMON_NAME)

    @property
    def role(self) -> str:
        """What the key is for: one of Role in a certificate of ours."""
        return self._subject(NameOID.ORGANIZATIONAL_UNIT_NAME)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate (DER) in hex, as `openssl x509 -fingerprint -sha256` shows it with colons."""
        return self._parsed.fingerprint(SHA256()).hex()

    @property
    def key(self) -> bytes:
        """The public key, 32 bytes."""
        return self._key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def ends_utc_ms(self) -> int:
        """When it ends to be valid."""
        return round(self._parsed.not_valid_after_utc.timestamp() * 1000)

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Whether the holder of this certificate's key signed `data`."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def issued_by(self, authority: Certificate) -> bool:
        """Whether `authority` is one, and issued this."""
        if not (authority.is_authority and authority.role == Role.AUTHORITY):
            return False
        try:
            self._parsed.verify_directly_issued_by(authority._parsed)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    @property
    def is_authority(self) -> bool:
        """Whether the certificate allows its key to issue others."""
        try:
            return self._parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
            return False

    def _subject(self, kind: x509.ObjectIdentifier) -> str:
        found = self._parsed.subject.get_attributes_for_oid(kind)
        return str(found[0].value) if len(found) == 1 else ""


def why_not(pem: str, data: bytes, signature: bytes, name: str, authority: Certificate | None = None) -> str | None:
    """Why `signature` is not the desk `name`'s over `data`, or None where it is; `authority` says so, where given."""
    fault = why_not_of(pem, name, authority)
    if fault is None and not Certificate.read(pem).verifies(data, signature):
        return "the desk's signature does not fit"
    return fault


def why_not_of(pem: str, name: str, authority: Certificate | None = None) -> str | None:
    """Why `pem` is not the certificate of the desk `name`, or None where it is."""
    if not pem:
        return "the desk does not sign"
    try:
        certificate = Certificate.read(pem)
    except BadCertificate as bad:
        return str(bad).rstrip(".")
    if (certificate.role, certificate.name) != (Role.DESK, name):
        return f"the certificate names {certificate.role or 'nothing'} {certificate.name!r}, not desk {name!r}"
    if authority is not None and not certificate.issued_by(authority):
        return f"the certificate was not issued by {authority.name!r}"
    return None
