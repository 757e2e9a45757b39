import sqlite3

import pytest

from appliance.custody.store import StorageFailed
from appliance.runtime.custody_link import CustodyAway
from proctoring import fact as f
from proctoring import ledger, wire
from proctoring.flag import Flag, FlagKind, Why
from proctoring.session import State


def test_after_a_kill_the_same_session_goes_on_with_every_answer_and_the_gap_stands(desk):
    desk.run_exam()
    desk.ask(wire.SaveAnswer(question="q1", value="a", revision=1), wire.Saved)
    desk.pass_s(10)
    desk.clock.pass_ms(700)
    desk.die_and_start_again("killed by SIGKILL")
    assert desk.view.state is State.RUNNING
    assert desk.ask(wire.AskPaper(), wire.Paper).answers == {"q1": ("a", 1)}
    (gap,) = desk.facts(f.Gap)
    assert (gap.part, gap.from_ms, gap.to_ms) == (f.Part.CUSTODY, 10_000, 10_700)
    assert "SIGKILL" in gap.reason


def test_after_a_power_cut_the_exam_resumes_with_the_time_that_was_left(desk):
    desk.run_exam()
    desk.pass_s(60)
    desk.clock.reboot(away_ms=300_000)
    desk.die_and_start_again()
    assert desk.view.state is State.INTERRUPTED
    assert desk.view.left_ms == 9 * 60_000
    desk.ask(wire.Hello(part=f.Part.KIOSK_UI, pid=1))
    assert desk.view.state is State.RUNNING
    desk.pass_s(60)
    assert desk.view.left_ms == 8 * 60_000
    lost, gap = desk.facts(f.Gap)
    assert (gap.from_ms, gap.to_ms) == (60_000, 360_000)
    assert (lost.part, lost.from_ms, lost.to_ms) == (f.Part.CAPTURE, 0, 360_000)


def test_a_paused_exam_does_not_resume_by_itself_after_a_power_cut(desk):
    desk.run_exam()
    desk.pass_s(5)
    desk.order(wire.Pause(reason="fire drill"))
    desk.clock.reboot()
    desk.die_and_start_again()
    desk.ask(wire.Hello(part=f.Part.KIOSK_UI, pid=1))
    assert desk.view.state is State.INTERRUPTED
    assert desk.order(wire.Resume(), "o2").result == "succeeded"


def test_a_part_that_dies_and_comes_back_leaves_a_gap_with_its_reason(desk):
    desk.run_exam()
    desk.pass_s(5)
    desk.clock.pass_ms(400)
    desk.ask(wire.Hello(part=f.Part.EDGE_AI, pid=2, after="killed by SIGKILL"))
    (gap,) = desk.facts(f.Gap)
    assert (gap.part, gap.from_ms, gap.to_ms) == (f.Part.EDGE_AI, 5000, 5400)
    assert "SIGKILL" in gap.reason


def test_a_part_that_falls_silent_is_recorded_as_absent_and_later_as_a_gap(desk):
    desk.run_exam()
    desk.pass_s(10, silent={f.Part.EDGE_AI})
    assert desk.view.absent == (f.Part.EDGE_AI,)
    assert desk.facts(f.PartAbsent) == [f.PartAbsent(part=f.Part.EDGE_AI, since_ms=0)]
    desk.pass_s(1)
    assert desk.view.absent == ()
    assert [(g.part, g.from_ms, g.to_ms) for g in desk.facts(f.Gap)] == [(f.Part.EDGE_AI, 0, 11_000)]


def test_starting_before_an_exam_is_no_gap(desk):
    desk.prepare()
    desk.ask(wire.Hello(part=f.Part.CAPTURE, pid=1))
    desk.run_exam()
    desk.pass_s(5)
    assert desk.facts(f.Gap) == []


def test_a_ledger_that_was_tampered_with_is_not_continued(desk):
    desk.run_exam()
    desk.store._db.execute("update lines set text = replace(text, 'Ada', 'Eve')")
    desk.store._db.conn.commit()
    with pytest.raises(Exception, match="does not verify"):
        desk.die_and_start_again()


def test_a_full_disk_is_said_and_what_was_acknowledged_stays(desk, monkeypatch):
    desk.run_exam()
    desk.ask(wire.SaveAnswer(question="q1", value="a", revision=1), wire.Saved)
    pages = desk.store._db.execute("pragma page_count").fetchone()[0]
    desk.store._db.execute(f"pragma max_page_count = {pages}")  # SQLite's own way to be full
    long = "x" * 3000
    with pytest.raises(CustodyAway, match="disk did not take"):
        for revision in range(1, 20):
            desk.ask(wire.SaveAnswer(question="q2", value=long, revision=revision), wire.Saved)
    desk.custody.tick()
    desk.store._db.execute("pragma max_page_count = 1000000")
    kept = desk.ask(wire.AskPaper(), wire.Paper).answers
    desk.ask(wire.SaveAnswer(question="q2", value="short", revision=50), wire.Saved)
    desk.die_and_start_again()
    answers = desk.ask(wire.AskPaper(), wire.Paper).answers
    assert answers["q1"] == ("a", 1) and answers["q2"] == ("short", 50)
    assert kept["q1"] == ("a", 1)


def test_the_database_is_set_to_outlive_a_power_cut(desk):
    db = sqlite3.connect(desk.desk.data_dir / "custody" / "custody.db")
    assert db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert desk.store._db.execute("pragma synchronous").fetchone() == (2,)


def flag(id_, raised_ms):
    why = Why(threshold=0.5, dwell_ms=0, share=0.5, rule_version="1", scores=(), boxes=(), models={})
    return Flag(
        id=id_,
        kind=FlagKind.FACE_ABSENT,
        label=None,
        technical=False,
        started_ms=0,
        raised_ms=raised_ms,
        ended_ms=None,
        peak_score=1.0,
        why=why,
    )


def test_a_flag_whose_detector_died_ends_where_it_was_last_watched(desk):
    desk.run_exam()
    desk.pass_s(5)
    desk.ask(wire.RaiseFlag(session=desk.view.session, flag=flag("one", 4000)), wire.Saved)
    desk.clock.pass_ms(900)
    desk.ask(wire.Hello(part=f.Part.EDGE_AI, pid=2, after="killed by SIGKILL"))
    assert [fact.flag.ended_ms for fact in desk.facts(f.FlagEnded)] == [5000]


def test_a_flag_that_is_still_open_at_the_seal_ends_with_the_exam(desk):
    desk.run_exam()
    desk.pass_s(5)
    desk.ask(wire.RaiseFlag(session=desk.view.session, flag=flag("one", 4000)), wire.Saved)
    desk.finish()
    assert [fact.flag.ended_ms for fact in desk.facts(f.FlagEnded)] == [5000]
    assert desk.view.state is State.SEALED


class Breaks:
    """A store that fails at its n-th write from now, as a disk that fills up or a crash would."""

    def __init__(self, store, monkeypatch, at):
        self.left = at
        self.real = store.add
        monkeypatch.setattr(store, "add", self.add)

    def add(self, *arguments, **more):
        self.left -= 1
        if self.left < 0:
            raise StorageFailed("The disk is full. Call the invigilator.")
        return self.real(*arguments, **more)


@pytest.mark.parametrize("writes", range(4))
def test_a_seal_that_the_disk_refuses_is_whole_or_not_there(desk, monkeypatch, writes):
    desk.run_exam()
    desk.ask(wire.Submit())
    with monkeypatch.context() as patch:
        Breaks(desk.store, patch, writes)
        for _ in range(3):
            desk.clock.pass_ms(16_000)
            desk.custody.tick()
    desk.die_and_start_again()
    desk.pass_s(2)
    facts = desk.facts()
    assert isinstance(facts[-1], f.Sealed)
    assert [fact.move for fact in facts if isinstance(fact, f.Moved)].count("seal") == 1
    assert len([fact for fact in facts if isinstance(fact, f.Gap) and "hand over" in fact.reason]) == 2


def test_an_extension_whose_answer_was_lost_is_granted_once(desk, monkeypatch):
    desk.run_exam()
    extend = wire.Extend(extra_ms=60_000, reason="late start")
    with monkeypatch.context() as patch:
        Breaks(desk.store, patch, 0)
        with pytest.raises(CustodyAway):
            desk.order(extend, "o7")
    desk.die_and_start_again()
    for _ in range(3):
        assert desk.order(extend, "o7").result == "succeeded"
    assert len(desk.facts(f.Extended)) == 1


def test_a_check_that_the_disk_refuses_can_be_finished_later(desk, monkeypatch):
    desk.prepare()
    desk.ask(wire.SignIn(name="Ada"))
    desk.ask(wire.Consent(notice="1"))
    with monkeypatch.context() as patch:
        Breaks(desk.store, patch, 0)
        with pytest.raises(CustodyAway):
            desk.ask(wire.FinishCheck())
    assert desk.ask(wire.FinishCheck()).state is State.READY


def test_a_sign_in_that_the_disk_refuses_leaves_no_session_behind(desk, monkeypatch):
    desk.prepare()
    with monkeypatch.context() as patch:
        Breaks(desk.store, patch, 0)
        with pytest.raises(CustodyAway):
            desk.ask(wire.SignIn(name="Ada"))
    desk.die_and_start_again()
    assert desk.view.session is None
    assert desk.ask(wire.AskOutbox(), wire.Outbox).sessions == ()
    desk.ask(wire.SignIn(name="Ada"))


def test_a_reboot_between_hand_in_and_seal_does_not_keep_the_session_open(desk):
    desk.run_exam()
    desk.pass_s(60)
    desk.ask(wire.Submit())
    desk.clock.reboot()
    desk.die_and_start_again()
    desk.ask(wire.Drained(session=desk.view.session, part=f.Part.EDGE_AI), wire.Done)
    desk.pass_s(17)
    assert desk.view.state is State.SEALED
    lines = desk.store.lines(desk.view.session)
    times = [entry.at_ms for entry in map(ledger.read, lines) if entry.at_ms is not None]
    assert times == sorted(times)


def test_a_part_that_dies_just_before_the_end_leaves_its_gap_up_to_the_end(desk):
    desk.run_exam()
    desk.pass_s(5)
    desk.clock.pass_ms(400)
    desk.ask(wire.Submit())
    desk.clock.pass_ms(600)
    desk.ask(wire.Hello(part=f.Part.CAPTURE, pid=2, after="killed by SIGKILL"))
    (gap,) = desk.facts(f.Gap)
    assert (gap.part, gap.from_ms, gap.to_ms) == (f.Part.CAPTURE, 5000, 5400)


def test_a_part_that_is_absent_at_the_end_and_never_returns_has_its_gap_at_the_seal(desk):
    desk.run_exam()
    desk.pass_s(10, silent={f.Part.SYNC})
    desk.finish()
    gaps = [(gap.part, gap.from_ms, gap.to_ms) for gap in desk.facts(f.Gap)]
    assert gaps == [(f.Part.SYNC, 0, 10_000)]
