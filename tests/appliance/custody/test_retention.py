import sqlite3
from pathlib import Path

import pytest

from appliance.custody.retention import EVERY_MS, FILES_A_PASS
from deskproctor.fsck import check
from proctoring import fact as f
from proctoring import wire
from proctoring.policy import Policy, Recording, Retention

DAY_S = 86_400
POLICY = Policy(retention=Retention(desk_days=14), recording=Recording(bit_rate=50_000, spare_minutes=0))


def measure(desk, offset_ms=0):
    now = wire.TakeTime(
        boot=desk.clock.boot(),
        mono_ms=desk.clock.mono_ms(),
        utc_ms=desk.clock.utc_ms() + offset_ms,
        uncertainty_ms=5,
    )
    desk.ask(now, wire.Done)


def hold(desk, session, number=1, held=True, id_=None, reason="a court asks for it"):
    command = wire.Hold(number=number, reason=reason) if held else wire.Release(number=number, reason=reason)
    return desk.order(command, id_ or f"hold-{number}", session=session)


def sealed_session(desk, segments=3):
    """A session of a few segments, sealed and left."""
    session = desk.run_exam(POLICY).session
    for number in range(1, segments + 1):
        desk.ask(desk.segment(b"moving pictures %d" % number, number), wire.Saved)
    desk.finish()
    desk.ask(wire.Leave())
    return session


def receipt(desk, session, leave_out=0, short_by=0):
    """The server confirms the session, or all but some of it."""
    lines = desk.store.lines(session)
    hashes = [one.segment.sha256 for one in desk.facts(f.SegmentStored, session)]
    up_to = len(lines) - short_by
    given = wire.Receipt(
        desk="desk-1",
        session=session,
        up_to_seq=up_to,
        up_to_hash=lines[up_to - 1].hash,
        segments=tuple(hashes[leave_out:]),
    )
    desk.ask(wire.TakeReceipt(receipt=given), wire.Done)


def pass_days(desk, days):
    desk.clock.pass_ms(round(days * DAY_S * 1000))
    desk.custody.tick()


def files(desk):
    return len(list((desk.desk.data_dir / "segments").iterdir()))


def known_by_the_server(desk):
    """A session that is confirmed, seen so by a desk that knows the time."""
    session = sealed_session(desk)
    receipt(desk, session)
    measure(desk)
    pass_days(desk, 0.01)
    return session


def test_what_the_server_has_is_forgotten_after_its_days_and_the_ledger_stays(desk):
    session = known_by_the_server(desk)
    lines = desk.store.lines(session)
    pass_days(desk, 13.9)
    assert files(desk) == 3
    pass_days(desk, 0.2)
    assert files(desk) == 0
    assert desk.store.lines(session) == lines
    report = check(desk.desk.data_dir)
    assert (report.status, report.findings) == ("clean", ())


@pytest.mark.parametrize("lacking", [{"leave_out": 1}, {"short_by": 1}])
def test_a_receipt_that_lacks_a_segment_or_a_line_lets_nothing_go(desk, lacking):
    session = sealed_session(desk)
    receipt(desk, session, **lacking)
    measure(desk)
    pass_days(desk, 1)
    pass_days(desk, 500)
    assert files(desk) == 3
    receipt(desk, session)
    pass_days(desk, 1)
    assert files(desk) == 3, "the days count from when all of it was confirmed"
    pass_days(desk, 15)
    assert files(desk) == 0


def test_without_the_servers_time_nothing_is_ever_forgotten(desk):
    session = sealed_session(desk)
    receipt(desk, session)
    for days in (1, 400, 4000):
        pass_days(desk, days)
    assert files(desk) == 3


def test_a_clock_that_is_set_forward_forgets_nothing_early(desk):
    known_by_the_server(desk)
    desk.clock.step_ms(4000 * DAY_S * 1000)
    pass_days(desk, 1)
    assert files(desk) == 3


def test_after_a_reboot_the_time_must_be_measured_anew(desk):
    known_by_the_server(desk)
    desk.clock.reboot(away_ms=400 * DAY_S * 1000)
    desk.die_and_start_again()
    pass_days(desk, 0)
    assert files(desk) == 3
    measure(desk)
    desk.clock.pass_ms(EVERY_MS)
    desk.custody.tick()
    assert files(desk) == 0


def test_a_legal_hold_beats_receipts_and_days_until_it_is_lifted(desk):
    session = known_by_the_server(desk)
    lines = desk.store.lines(session)
    assert hold(desk, session).result == "succeeded"
    pass_days(desk, 400)
    assert files(desk) == 3
    desk.die_and_start_again()
    measure(desk)
    pass_days(desk, 1)
    assert files(desk) == 3
    assert hold(desk, session, number=2, held=False).result == "succeeded"
    pass_days(desk, 1)
    assert files(desk) == 0
    assert desk.store.lines(session) == lines, "a hold is never written into the sealed ledger"
    with sqlite3.connect(desk.desk.data_dir / "custody" / "custody.db") as db:
        told = db.execute("select number, held, by, reason from holds order by number").fetchall()
    assert told == [(1, 1, "ann", "a court asks for it"), (2, 0, "ann", "a court asks for it")]


def test_holds_that_come_twice_or_in_the_wrong_order_end_as_the_newest_says(desk):
    session = known_by_the_server(desk)
    hold(desk, session, number=5, held=True)
    hold(desk, session, number=4, held=False)
    hold(desk, session, number=5, held=True)
    pass_days(desk, 30)
    assert files(desk) == 3


def test_a_hold_reaches_the_session_under_way_and_stays_out_of_its_ledger(desk):
    session = desk.run_exam(POLICY).session
    before = len(desk.store.lines(session))
    assert hold(desk, session).result == "succeeded"
    assert len(desk.store.lines(session)) == before


def test_a_hold_on_a_session_that_is_not_here_is_refused(desk):
    desk.prepare()
    outcome = hold(desk, "elsewhere")
    assert (outcome.result, outcome.reason) == ("rejected", "This desk has no such session.")


@pytest.mark.parametrize("where", ["before the row", "before the file", "before the mark"])
def test_a_crash_at_any_step_leaves_nothing_undecided(desk, monkeypatch, where):
    class Crash(BaseException):
        pass

    def crash(*_, **__):
        raise Crash

    known_by_the_server(desk)
    if where == "before the row":
        monkeypatch.setattr(desk.store, "forget", crash)
    elif where == "before the file":
        monkeypatch.setattr(Path, "unlink", crash)
    else:
        monkeypatch.setattr(desk.store, "mark_gone", crash)
    with pytest.raises(Crash):
        pass_days(desk, 15)
    monkeypatch.undo()
    assert check(desk.desk.data_dir).status == "clean"
    desk.die_and_start_again()
    measure(desk)
    pass_days(desk, 0)
    assert files(desk) == 0
    assert check(desk.desk.data_dir).findings == ()


def test_a_disk_that_does_not_let_a_file_go_is_asked_again_later(desk, monkeypatch):
    def refused(*_, **__):
        raise OSError(30, "Read-only file system")

    known_by_the_server(desk)
    monkeypatch.setattr(Path, "unlink", refused)
    pass_days(desk, 15)
    assert files(desk) == 3
    monkeypatch.undo()
    pass_days(desk, 1)
    assert files(desk) == 0


def test_a_pass_takes_a_bounded_number_of_files_and_the_next_comes_at_once(desk):
    session = sealed_session(desk, segments=FILES_A_PASS + 5)
    receipt(desk, session)
    measure(desk)
    pass_days(desk, 0.01)
    pass_days(desk, 15)
    assert files(desk) == 5
    desk.pass_s(1)
    assert files(desk) == 0


def test_a_server_that_has_less_than_it_said_gets_all_of_it_again(desk):
    session = known_by_the_server(desk)
    assert desk.ask(wire.AskOutbox(), wire.Outbox).segments == ()
    receipt(desk, session, leave_out=3, short_by=2)
    outbox = desk.ask(wire.AskOutbox(), wire.Outbox)
    assert len(outbox.segments) == 3
    assert [one.receipted_seq for one in outbox.sessions] == [len(desk.store.lines(session)) - 2]
    pass_days(desk, 30)
    assert files(desk) == 3


def test_the_ledger_says_what_the_candidate_was_told(desk):
    session = sealed_session(desk)
    assert desk.facts(f.SessionOpened, session)[0].retention == POLICY.retention


def test_fsck_names_a_recording_that_was_forgotten_without_a_receipt(desk):
    session = known_by_the_server(desk)
    pass_days(desk, 15)
    with sqlite3.connect(desk.desk.data_dir / "custody" / "custody.db") as db:
        db.execute("delete from received where session = ?", [session])
    report = check(desk.desk.data_dir)
    assert report.status == "faults"
    assert any("no receipt of the server names it" in str(finding) for finding in report.findings)
