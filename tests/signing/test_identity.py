import stat
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deskproctor import enrolment
from deskproctor.enrolment import AlreadyEnrolled, accept, begin_authority, enrol, issue, request
from signing import authority
from signing.authority import BadRequest
from signing.certificate import BadCertificate, Certificate, Role, why_not
from signing.identity import NoIdentity, load


@pytest.fixture
def centre(tmp_path):
    begin_authority(tmp_path / "ca", "Riverside centre")
    return tmp_path / "ca"


def identity_of(folder, name, role=Role.DESK):
    stem = enrolment.STEM[role]
    return load(folder / "identity" / f"{stem}.key", folder / "identity" / f"{stem}.crt", name, role)


def test_a_key_is_made_where_it_stays_and_only_a_request_and_an_answer_travel(centre, tmp_path):
    desk = tmp_path / "desk-1"
    asked = request(desk, "desk-1")
    assert b"PRIVATE" not in asked
    answer = issue(centre, asked, "desk-1")
    assert b"PRIVATE" not in answer.certificate + answer.authority
    accept(desk, answer, "desk-1")
    identity, ca = identity_of(desk, "desk-1"), Certificate.read((centre / "ca.crt").read_bytes())
    assert (identity.name, identity.certificate.role, identity.certificate.issued_by(ca)) == ("desk-1", "desk", True)
    assert identity.certificate.verifies(b"data", identity.sign(b"data"))
    assert not identity.certificate.verifies(b"date", identity.sign(b"data"))
    for key in (centre / "ca.key", desk / "identity" / "desk.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_asked_again_a_machine_keeps_its_key(centre, tmp_path):
    enrol(centre, tmp_path / "desk-1", "desk-1")
    before = identity_of(tmp_path / "desk-1", "desk-1").certificate.key
    accept(tmp_path / "desk-1", issue(centre, request(tmp_path / "desk-1", "desk-1"), "desk-1"), "desk-1")
    assert identity_of(tmp_path / "desk-1", "desk-1").certificate.key == before


def test_an_authority_is_never_overwritten(centre):
    with pytest.raises(AlreadyEnrolled):
        begin_authority(centre, "Another")


def test_the_name_in_a_certificate_is_the_authoritys_word(centre, tmp_path):
    answer = issue(centre, request(tmp_path / "x", "review-server"), "desk-7")
    shown = Certificate.read(answer.certificate)
    assert (shown.name, shown.role) == ("desk-7", "desk")


def test_an_answer_for_another_key_is_not_kept(centre, tmp_path):
    request(tmp_path / "desk-1", "desk-1")
    other = issue(centre, request(tmp_path / "desk-2", "desk-1"), "desk-1")
    with pytest.raises(NoIdentity, match="not for the key"):
        accept(tmp_path / "desk-1", other, "desk-1")
    assert not (tmp_path / "desk-1" / "identity" / "desk.crt").exists()


@pytest.mark.parametrize("name", ["desk-2", "review-server"])
def test_an_identity_of_another_name_is_refused(centre, tmp_path, name):
    enrol(centre, tmp_path / "desk-1", "desk-1")
    with pytest.raises(NoIdentity, match="and this is desk"):
        identity_of(tmp_path / "desk-1", name)


def test_a_request_that_proves_no_key_is_refused(centre, tmp_path):
    asked = request(tmp_path / "desk-1", "desk-1")
    for bad in (b"", b"nonsense", asked[:200]):
        with pytest.raises(BadRequest):
            issue(centre, bad, "desk-1")
    key = generate_private_key(SECP256R1())
    foreign = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    with pytest.raises(BadRequest, match="Ed25519"):
        issue(centre, foreign.public_bytes(Encoding.PEM), "desk-1")


def test_a_key_file_of_another_kind_is_refused(centre, tmp_path):
    enrol(centre, tmp_path / "desk-1", "desk-1")
    path = tmp_path / "desk-1" / "identity" / "desk.key"
    key = generate_private_key(SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(NoIdentity, match="not an Ed25519 key"):
        identity_of(tmp_path / "desk-1", "desk-1")
    path.write_bytes(b"nonsense")
    with pytest.raises(NoIdentity, match="holds no private key"):
        identity_of(tmp_path / "desk-1", "desk-1")


def test_a_desks_certificate_issues_nothing(centre, tmp_path):
    enrol(centre, tmp_path / "desk-1", "desk-1")
    desk = identity_of(tmp_path / "desk-1", "desk-1")
    asked = request(tmp_path / "desk-2", "desk-2")
    forged = Certificate.read(authority.issue(desk._key, desk.certificate, asked, "desk-2", Role.DESK, 0))
    assert not forged.issued_by(desk.certificate)
    ca = Certificate.read((centre / "ca.crt").read_bytes())
    assert not forged.issued_by(ca)


def test_why_a_signature_is_not_a_desks_is_said_in_words(centre, tmp_path):
    enrol(centre, tmp_path / "desk-1", "desk-1")
    begin_authority(tmp_path / "elsewhere", "Elsewhere")
    desk = identity_of(tmp_path / "desk-1", "desk-1")
    pem, signature = desk.certificate.pem, desk.sign(b"data")
    other = Certificate.read((tmp_path / "elsewhere" / "ca.crt").read_bytes())
    assert why_not(pem, b"data", signature, "desk-1") is None
    assert "does not fit" in why_not(pem, b"date", signature, "desk-1")
    assert "does not fit" in why_not(pem, b"data", b"", "desk-1")
    assert "not desk 'desk-2'" in why_not(pem, b"data", signature, "desk-2")
    assert "not issued by 'Elsewhere'" in why_not(pem, b"data", signature, "desk-1", other)
    assert "no certificate" in why_not("nonsense", b"data", signature, "desk-1")
    assert "does not sign" in why_not("", b"data", signature, "desk-1")


@pytest.mark.parametrize("pem", ["", "nonsense", "é", b"\xff\xfe"])
def test_what_is_no_certificate_is_said_so(pem):
    with pytest.raises(BadCertificate):
        Certificate.read(pem)


def test_openssl_reads_and_checks_what_we_issue(centre, tmp_path):
    enrol(centre, tmp_path / "desk-1", "desk-1")
    enrol(centre, tmp_path / "server", "review-server", Role.REVIEW_SERVER)
    shown = [tmp_path / "desk-1" / "identity" / "desk.crt", tmp_path / "server" / "identity" / "server.crt"]
    done = subprocess.run(
        ["openssl", "verify", "-CAfile", centre / "ca.crt", *shown], capture_output=True, text=True, check=True
    )
    assert done.stdout.count(": OK") == 2
    printed = subprocess.run(
        ["openssl", "x509", "-in", shown[0], "-noout", "-fingerprint", "-sha256"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    fingerprint = identity_of(tmp_path / "desk-1", "desk-1").certificate.fingerprint
    assert printed.strip().rpartition("=")[2].replace(":", "").lower() == fingerprint


def test_a_certificate_is_valid_where_a_clock_without_battery_starts_and_years_from_now(centre, tmp_path):
    enrol(centre, tmp_path / "desk-1", "desk-1")
    certificate = identity_of(tmp_path / "desk-1", "desk-1").certificate
    assert certificate._parsed.not_valid_before_utc.timestamp() == 0
    assert certificate.ends_utc_ms > 15 * 365 * 86_400_000 + 1_700_000_000_000
