import msgspec
import pytest

from appliance.custody.scribe import CHECKPOINT_ENTRIES, OtherIdentity
from appliance.custody.settings import CustodySettings
from deskproctor.enrolment import enrol
from proctoring import fact as f
from proctoring import ledger, scrutiny, wire
from signing.certificate import Role, why_not
from signing.identity import NoIdentity, load


def entries(desk):
    return ledger.verify("desk-1", desk.view.session, desk.store.lines(desk.view.session))[0]


def faults(desk, session=None):
    session = session or desk.view.session
    found = scrutiny.scrutinise(
        "desk-1", session, desk.store.lines(session), lambda *what: why_not(*what, "desk-1")
    ).findings
    return [str(one) for one in found if one.level == "fault"]


def checkpoints(desk):
    return [entry.seq for entry in entries(desk) if isinstance(entry.fact, f.Checkpoint)]


def test_a_session_names_its_desks_certificate_and_every_signature_in_it_holds(desk):
    desk.run_exam()
    desk.pass_s(200)
    desk.ask(wire.PressCall(), wire.Saved)
    desk.finish()
    assert desk.facts(f.SessionOpened)[0].certificate == desk.identity.certificate.pem
    assert desk.facts()[-1].signature
    assert faults(desk) == []


def test_a_checkpoint_is_written_every_minute_in_which_something_was_recorded_and_in_no_other(desk):
    desk.run_exam()
    desk.pass_s(1)
    assert len(checkpoints(desk)) == 1
    desk.pass_s(120)
    assert len(checkpoints(desk)) == 1
    for _ in range(3):
        desk.ask(wire.PressCall(), wire.Saved)
        desk.pass_s(60)
    assert len(checkpoints(desk)) == 4


def test_much_news_is_signed_without_waiting_for_the_minute(desk):
    desk.run_exam()
    desk.pass_s(1)
    before = checkpoints(desk)
    for revision in range(1, CHECKPOINT_ENTRIES + 1):
        desk.ask(wire.SaveAnswer(question="q2", value=str(revision), revision=revision), wire.Saved)
    desk.pass_s(1)
    assert len(checkpoints(desk)) == len(before) + 1


def test_after_a_reboot_the_clock_that_started_anew_does_not_hold_a_checkpoint_back(desk):
    desk.run_exam()
    desk.pass_s(300)
    before = checkpoints(desk)
    desk.clock.reboot()
    desk.die_and_start_again()
    desk.pass_s(1)
    assert len(checkpoints(desk)) == len(before) + 1
    assert faults(desk) == []


def test_a_session_from_before_signatures_is_carried_to_its_end_unsigned(desk, monkeypatch):
    monkeypatch.setattr(type(desk.custody._scribe), "certificate", "")
    desk.run_exam()
    monkeypatch.undo()
    desk.die_and_start_again()
    desk.pass_s(100)
    desk.finish()
    assert checkpoints(desk) == []
    assert desk.facts()[-1].signature == b""
    assert faults(desk) == []


def test_a_desk_with_another_key_does_not_go_on_with_a_session_it_could_not_sign(desk, tmp_path):
    desk.run_exam()
    folder = tmp_path / "other" / "identity"
    enrol(tmp_path / "authority", tmp_path / "other", "desk-1")
    mine, desk.identity = desk.identity, load(folder / "desk.key", folder / "desk.crt", "desk-1", Role.DESK)
    with pytest.raises(OtherIdentity, match="Put the key"):
        desk.die_and_start_again()
    desk.identity = mine
    desk.die_and_start_again()
    desk.finish()
    assert faults(desk) == []


def test_a_certificate_renewed_for_the_same_key_goes_on(desk, tmp_path):
    desk.run_exam()
    (desk.desk.data_dir / "identity" / "desk.crt").unlink()
    enrol(tmp_path / "authority", desk.desk.data_dir, "desk-1")
    desk.identity = CustodySettings().identity(desk.desk)
    assert desk.identity.certificate.pem != desk.facts(f.SessionOpened)[0].certificate
    desk.die_and_start_again()
    desk.finish()
    assert faults(desk) == []


def test_a_desk_that_is_not_enrolled_says_what_to_do(desk):
    (desk.desk.data_dir / "identity" / "desk.key").unlink()
    with pytest.raises(NoIdentity, match="enrol it first"):
        CustodySettings().identity(desk.desk)


def test_a_key_that_others_can_read_is_refused(desk):
    (desk.desk.data_dir / "identity" / "desk.key").chmod(0o640)
    with pytest.raises(NoIdentity, match="chmod 600"):
        CustodySettings().identity(desk.desk)


def test_paths_of_key_and_certificate_can_be_set(desk, tmp_path):
    moved = tmp_path / "elsewhere"
    (desk.desk.data_dir / "identity").rename(moved)
    settings = CustodySettings(key=moved / "desk.key", certificate=moved / "desk.crt")
    assert settings.identity(desk.desk).name == "desk-1"


@pytest.mark.parametrize("field", ["at_utc_ms", "mono_ms", "at_ms", "seq"])
def test_the_seals_signature_covers_its_times_and_its_place(desk, field):
    desk.run_exam()
    desk.finish()
    (*_, last) = desk.store.lines(desk.view.session)
    entry = ledger.read(last)
    changed = msgspec.structs.replace(entry, **{field: (getattr(entry, field) or 0) + 1})
    text = msgspec.json.encode(changed, order="sorted")
    certificate = desk.identity.certificate
    assert certificate.verifies(ledger.statement(last.text), entry.fact.signature)
    assert not certificate.verifies(ledger.statement(text), entry.fact.signature)
