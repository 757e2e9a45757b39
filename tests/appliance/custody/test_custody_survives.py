import sqlite3

import pytest

from appliance.runtime.custody_link import CustodyAway
from proctoring import fact as f
from proctoring import wire
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
    (gap,) = desk.facts(f.Gap)
    assert (gap.from_ms, gap.to_ms) == (60_000, 360_000)


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
    desk.ask(wire.RaiseFlag(flag=flag("one", 4000)), wire.Saved)
    desk.clock.pass_ms(900)
    desk.ask(wire.Hello(part=f.Part.EDGE_AI, pid=2, after="killed by SIGKILL"))
    assert [fact.flag.ended_ms for fact in desk.facts(f.FlagEnded)] == [5000]


def test_a_flag_that_is_still_open_at_the_seal_ends_with_the_exam(desk):
    desk.run_exam()
    desk.pass_s(5)
    desk.ask(wire.RaiseFlag(flag=flag("one", 4000)), wire.Saved)
    desk.finish()
    assert [fact.flag.ended_ms for fact in desk.facts(f.FlagEnded)] == [5000]
    assert desk.view.state is State.SEALED
