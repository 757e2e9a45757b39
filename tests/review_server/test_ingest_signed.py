"""What a desk must have signed, and what becomes of what it has not."""

from __future__ import annotations

import msgspec
import pytest

from deskproctor.enrolment import enrol
from proctoring import ledger
from proctoring.fact import CallPressed, Checkpoint, Sealed
from proctoring.ledger import Line, Stamp
from proctoring.wire import Facts
from review_server.settings import BadSettings, Settings
from review_server.tables import LineRow, SessionRow
from signing.certificate import Certificate, Role
from signing.identity import load


@pytest.fixture
def centre(tmp_path):
    """Identities of desks by name and authority."""

    def identity(desk="desk-1", authority="authority"):
        enrol(tmp_path / authority, tmp_path / authority / desk, desk)
        folder = tmp_path / authority / desk / "identity"
        return load(folder / "desk.key", folder / "desk.crt", desk, Role.DESK)

    return identity


@pytest.fixture
def strict(server, centre, tmp_path):
    """The server, which takes only what desks of its own centre sign."""
    centre()
    server.ingest._authority = Certificate.read((tmp_path / "authority" / "ca.crt").read_bytes())
    return server


class Signer:
    """A desk that signs with an identity, or with whatever it is told to."""

    def __init__(self, bench, identity):
        self.desk = bench.Desk()
        self.opened = msgspec.structs.replace(bench.opened(), certificate=identity.certificate.pem)
        self.sign = identity.sign

    def write(self, *facts):
        for fact in facts:
            stamp = Stamp(at_utc_ms=1, mono_ms=1, boot="b")
            line, self.desk.head = ledger.append(self.desk.head, fact, stamp, None, self.sign)
            self.desk.lines.append(line)
        return self.desk.facts()


SEALED = Sealed(segments=0, answers=0, flags=0)


def test_a_ledger_that_its_desk_signed_is_taken_whole(strict, bench, centre):
    signer = Signer(bench, centre())
    strict.ingest.take(signer.write(signer.opened, CallPressed(), Checkpoint(), CallPressed(), SEALED))
    shown = strict.shown()
    assert (shown["entries"], shown["ledger_verified"], shown["state"]) == (5, True, "complete")


@pytest.mark.parametrize("fact", [Checkpoint(), SEALED], ids=["checkpoint", "seal"])
def test_a_signature_by_another_key_is_refused_and_says_so_until_the_right_one_comes(strict, bench, centre, fact):
    signer = Signer(bench, centre())
    strict.ingest.take(signer.write(signer.opened, CallPressed()))
    right, signer.sign = signer.sign, centre(authority="elsewhere").sign
    head = signer.desk.head
    strict.ingest.take(signer.write(fact))
    shown = strict.shown()
    assert (shown["entries"], shown["ledger_verified"]) == (2, False)
    assert "entry 3: the desk's signature does not fit" in shown["ledger_reason"]
    assert strict.receipts()[-1].up_to_seq == 2
    signer.desk.head, signer.sign = head, right
    del signer.desk.lines[2:]
    strict.ingest.take(signer.write(fact))
    assert strict.shown()["ledger_verified"]


def test_a_signature_moved_from_another_entry_does_not_fit(strict, bench, centre):
    signer = Signer(bench, centre())
    strict.ingest.take(signer.write(signer.opened, Checkpoint()))
    old = ledger.read(signer.desk.lines[1]).fact
    signer.sign = lambda _data: old.signature
    strict.ingest.take(signer.write(CallPressed(), Checkpoint()))
    assert strict.shown()["entries"] == 3


@pytest.mark.parametrize(
    ("desk", "authority", "reason"),
    [("desk-1", "elsewhere", "was not issued by"), ("desk-2", "authority", "not desk 'desk-1'")],
)
def test_a_desk_of_another_centre_or_name_is_refused_and_recorded(strict, bench, centre, desk, authority, reason):
    signer = Signer(bench, centre(desk, authority))
    strict.ingest.take(signer.write(signer.opened, Checkpoint()))
    shown = strict.shown()
    assert (shown["entries"], shown["ledger_verified"]) == (0, False)
    assert reason in shown["ledger_reason"]
    assert strict.receipts()[-1].up_to_seq == 0
    assert strict.staff().get("/sessions/session-1").status_code == 200
    assert strict.staff().get("/").status_code == 200


@pytest.mark.parametrize("certificate", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_server_that_knows_its_centre_takes_no_unsigned_ledger(strict, bench, centre, certificate):
    signer = Signer(bench, centre())
    strict.ingest.take(signer.write(msgspec.structs.replace(signer.opened, certificate=certificate)))
    assert strict.shown()["entries"] == 0


def test_an_unsigned_ledger_of_an_older_desk_is_taken_where_no_centre_is_set(server, bench):
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(SEALED)
    server.ingest.take(desk.facts())
    assert server.shown()["ledger_verified"]


def test_a_ledger_without_a_certificate_cannot_pretend_to_be_signed(server, bench, centre):
    signer = Signer(bench, centre())
    server.ingest.take(signer.write(bench.opened(), Checkpoint()))
    assert server.shown()["entries"] == 1


def test_without_a_centre_a_signature_must_still_fit_the_ledgers_own_certificate(server, bench, centre):
    signer = Signer(bench, centre())
    signer.sign = centre(authority="elsewhere").sign
    server.ingest.take(signer.write(signer.opened, Checkpoint()))
    assert server.shown()["entries"] == 1


def test_nothing_is_taken_after_the_seal(strict, bench, centre):
    signer = Signer(bench, centre())
    strict.ingest.take(signer.write(signer.opened, SEALED, CallPressed()))
    assert strict.shown()["entries"] == 2
    assert strict.shown()["ledger_verified"]


def test_a_line_of_an_older_version_with_fewer_fields_is_canonical(server, bench):
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(SEALED)
    text = desk.lines[1].text.replace(',"signature":""', "")
    assert text != desk.lines[1].text
    lines = (desk.lines[0], Line(text, ledger.sha256(text.encode())))
    server.ingest.take(Facts(desk="desk-1", session="session-1", lines=lines))
    assert server.shown()["state"] == "complete"


@pytest.mark.parametrize("content", [None, "not a certificate", "desk"])
def test_a_desk_ca_that_is_none_is_refused_with_what_to_do(tmp_path, centre, content):
    path = tmp_path / "found.crt"
    if content:
        path.write_text(centre().certificate.pem if content == "desk" else content)
    settings = Settings(staff_key="k" * 16, data_dir=tmp_path, desk_ca=path)
    with pytest.raises(BadSettings, match="desk_ca"):
        settings.authority()


def test_a_ledger_that_was_written_anew_in_the_servers_own_database_is_found_by_its_signatures(strict, bench, centre):
    """With every hash put right, as only who holds the database can."""
    signer = Signer(bench, centre())
    strict.ingest.take(signer.write(signer.opened, CallPressed(), Checkpoint(), SEALED))
    head = ledger.start("desk-1", "session-1")
    with strict.store.write() as tx:
        for line in signer.desk.lines:
            entry = ledger.read(line)
            fact = msgspec.structs.replace(entry.fact, candidate="Eve") if entry.seq == 1 else entry.fact
            new, head = ledger.append(head, fact, Stamp(at_utc_ms=1, mono_ms=1, boot="b"), None)
            row = tx.get_one(LineRow, ("session-1", entry.seq))
            row.text, row.hash = new.text, new.hash
        tx.get_one(SessionRow, "session-1").head_hash = head.hash
    shown = strict.shown()
    assert not shown["ledger_verified"]
    assert "entry 3: the desk's signature does not fit" in shown["ledger_reason"]
