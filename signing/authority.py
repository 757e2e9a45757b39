"""A centre's certificate authority: it says which key belongs to which desk.

A machine makes its key itself and asks with a request (`request`); the authority answers with a certificate
(`issue`).
The name and the role in it are the authority's word and never copied from the request.
"""

from __future__ import annotations

import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from proctoring.errors import DeskproctorError
from signing.certificate import Certificate, Role

FROM: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
"""A desk without a clock battery starts in the past; its certificate is valid there too."""

LASTS: Final = datetime.timedelta(days=20 * 365)
"""Evidence is looked at years later, and a desk must not stop in mid-exam because a date has passed. What ends a
desk's certificate before is the authority's word, not the calendar."""


class BadRequest(DeskproctorError, ValueError):
    """A request that no certificate can be issued for."""


def request(key: Ed25519PrivateKey, name: str) -> bytes:
    """A certificate signing request (PEM): proof that whoever asks holds the key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, None).public_bytes(Encoding.PEM)


def begin(key: Ed25519PrivateKey, name: str, now_utc_ms: int) -> bytes:
    """The certificate (PEM) that an authority issues to itself."""
    subject = _subject(name, Role.AUTHORITY)
    return _signed(subject, key.public_key(), subject, key, now_utc_ms)


def issue(
    key: Ed25519PrivateKey, authority: Certificate, asked: bytes, name: str, role: Role, now_utc_ms: int
) -> bytes:
    """The certificate (PEM) that gives the key in the request `asked` this name and role. Raises BadRequest."""
    try:
        csr = x509.load_pem_x509_csr(asked)
        holder = csr.public_key()
    except ValueError as error:
        raise BadRequest("This is no certificate request that can be read. Make it anew at the desk.") from error
    if not csr.is_signature_valid or not isinstance(holder, Ed25519PublicKey):
        raise BadRequest("This request does not prove that its sender holds an Ed25519 key. Make it anew.")
    return _signed(_subject(name, role), holder, _subject(authority.name, Role.AUTHORITY), key, now_utc_ms)


def _signed(
    subject: x509.Name, holder: Ed25519PublicKey, issuer: x509.Name, key: Ed25519PrivateKey, now_utc_ms: int
) -> bytes:
    is_authority = subject == issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(holder)
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(datetime.datetime.fromtimestamp(now_utc_ms // 1000, datetime.UTC) + LASTS)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), True)
        .add_extension(_usage(is_authority), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(holder), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
    )
    return builder.sign(key, None).public_bytes(Encoding.PEM)


def _subject(name: str, role: Role) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
