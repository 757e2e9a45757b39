import hashlib

import pyrage
import pytest
from click.testing import CliRunner

from deskproctor.command import main
from proctoring import ledger
from proctoring.fact import SessionOpened
from proctoring.ledger import Stamp
from proctoring.policy import Mode
from review_server.sealing import Keyring
from review_server.store import Store
from review_server.tables import LineRow, SessionRow, StoredRow

AT = 1_800_000_000_000


@pytest.fixture
def server(tmp_path):
    """A review server's folder with its first key."""
    Store(tmp_path / "review.db").close()
    (tmp_path / "segments").mkdir()
    Keyring(tmp_path).begin(AT)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, ["keys", *(str(one) for one in arguments)])


def stamp():
    return Stamp(at_utc_ms=AT, mono_ms=0, boot="b")


def opened(recipient):
    return SessionOpened(
        candidate="Ada",
        booking=None,
        exam="e",
        exam_title="E",
        exam_sha256="0" * 64,
        mode=Mode.POST_REVIEW,
        policy="1",
        allowed_ms=1,
        software="1",
        recipients=(recipient,),
    )


def session(folder, recipient, name="s1"):
    """A session in the server's database whose ledger names that key."""
    line, head = ledger.append(ledger.start("desk-1", name), opened(recipient), stamp(), None)
    row = SessionRow(
        id=name,
        desk="desk-1",
        state="receiving",
        desk_state="booked",
        candidate="Ada",
        exam_title="E",
        opened_utc_ms=AT,
        heard_utc_ms=AT,
        head_seq=1,
        head_hash=head.hash,
        sealed=False,
        gaps=0,
    )
    store = Store(folder / "review.db")
    with store.write() as tx:
        tx.add(row)
        tx.flush()
        tx.add(LineRow(session=name, seq=1, hash=line.hash, text=line.text))
    store.close()


def segment(folder, recipient):
    """A sealed segment at the server that no ledger there names."""
    data = pyrage.encrypt(b"video", [pyrage.x25519.Recipient.from_str(recipient)])
    sha256 = hashlib.sha256(data).hexdigest()
    (folder / "segments" / f"{sha256}.mp4.age").write_bytes(data)
    store = Store(folder / "review.db")
    with store.write() as tx:
        tx.add(StoredRow(sha256=sha256, size=len(data), desk="desk-1", at_utc_ms=AT))
    store.close()


def test_the_list_names_each_key_with_its_date_and_how_many_sessions_need_it(server):
    (key,) = Keyring(server).listed()
    session(server, key.recipient)
    assert run("list", server).output == f"   1  2027-01-15T08:00:00Z  {key.recipient}  1 sessions\n"


def test_a_rotation_makes_a_newer_key_and_says_where_it_is(server):
    ran = run("rotate", server)
    assert ran.exit_code == 0
    assert f"Key 2 in {server}/keys/0002.key. Keep a copy" in ran.output
    assert "SECRET" not in ran.output
    assert run("list", server).output.count("\n") == 2


def test_the_newest_key_is_not_retired(server):
    ran = run("retire", server, 1)
    assert ran.exit_code == 1
    assert "Desks seal to key 1. Make a newer one first" in ran.output


def test_a_key_that_a_session_needs_is_not_retired(server):
    session(server, Keyring(server).listed()[0].recipient)
    run("rotate", server)
    ran = run("retire", server, 1)
    assert ran.exit_code == 1
    assert "opens the recordings of 1 sessions here" in ran.output
    assert [key.number for key in Keyring(server).listed()] == [1, 2]


def test_a_key_that_opens_a_segment_whose_ledger_is_still_on_the_way_is_not_retired(server):
    segment(server, Keyring(server).listed()[0].recipient)
    run("rotate", server)
    ran = run("retire", server, 1)
    assert ran.exit_code == 1
    assert "1 segments whose ledger has not come yet" in ran.output


def test_a_key_that_nothing_needs_is_put_aside_and_not_destroyed(server):
    newer = Keyring(server).rotate(AT)
    session(server, newer.recipient)
    segment(server, newer.recipient)
    ran = run("retire", server, 1)
    assert ran.exit_code == 0, ran.output
    assert (server / "keys" / "retired" / "0001.key").exists()
    assert [key.number for key in Keyring(server).listed()] == [2]


def test_an_unknown_number_and_a_wrong_folder_are_said_plainly(server, tmp_path_factory):
    assert "There is no key 7." in run("retire", server, 7).output
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for command in (["list"], ["rotate"], ["retire"]):
        ran = run(*command, elsewhere, *(["1"] if command == ["retire"] else []))
        assert ran.exit_code == 1
        assert "is no review server's folder" in ran.output
    assert list(elsewhere.iterdir()) == []
