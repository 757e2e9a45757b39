"""While the detectors are away, reviewers and invigilators see a technical flag over that time."""

import msgspec
import pytest

from proctoring import fact as f
from proctoring import wire
from proctoring.fact import Part
from proctoring.flag import Flag, FlagKind, Why
from proctoring.policy import Policy, Rules
from proctoring.session import State

EYES = {Part.EDGE_AI}


def raised(desk):
    return [fact.flag for fact in desk.facts(f.FlagRaised)]


def ended(desk):
    return [fact.flag for fact in desk.facts(f.FlagEnded)]


def with_dwell(dwell_ms, enabled=True):
    rule = msgspec.structs.replace(Rules().analysis_absent, dwell_ms=dwell_ms, enabled=enabled)
    return Policy(rules=Rules(analysis_absent=rule))


def test_it_is_raised_after_its_dwell_and_covers_the_time_until_the_detectors_are_back(desk):
    desk.run_exam()
    desk.pass_s(5)
    desk.pass_s(10, silent=EYES)
    (flag,) = raised(desk)
    assert (flag.kind, flag.technical, flag.ended_ms) == (FlagKind.ANALYSIS_ABSENT, True, None)
    assert flag.started_ms == 5000
    assert 8000 <= flag.raised_ms <= 9000
    desk.pass_s(1)
    (flag,) = ended(desk)
    assert (flag.started_ms, flag.ended_ms) == (5000, 16_000)


def test_detectors_that_were_killed_and_start_again_end_it_too(desk):
    desk.run_exam()
    desk.pass_s(10, silent=EYES)
    desk.ask(wire.Hello(part=Part.EDGE_AI, pid=2, after="killed by SIGKILL"))
    desk.pass_s(5)
    assert [flag.ended_ms for flag in ended(desk)] == [10_000]
    assert len(raised(desk)) == 1


def test_detectors_that_were_never_there_are_missed_from_the_exams_start_on(desk):
    desk.run_exam()
    desk.pass_s(6, silent=EYES)
    assert [flag.started_ms for flag in raised(desk)] == [0]


def test_a_short_silence_is_no_flag(desk):
    desk.run_exam()
    desk.pass_s(3)
    desk.pass_s(2, silent=EYES)
    desk.pass_s(3)
    assert raised(desk) == []


def test_other_parts_that_are_silent_raise_no_flag(desk):
    desk.run_exam()
    desk.pass_s(10, silent={Part.SYNC, Part.PANEL, Part.CAPTURE, Part.KIOSK_UI})
    assert raised(desk) == []


def test_it_survives_a_restart_of_custody_without_being_raised_twice(desk):
    desk.run_exam()
    desk.pass_s(5, silent=EYES)
    desk.die_and_start_again("killed by SIGKILL")
    desk.pass_s(10, silent=EYES)
    assert len(raised(desk)) == 1
    desk.pass_s(2)
    assert [(flag.started_ms, flag.ended_ms) for flag in ended(desk)] == [(0, 16_000)]


def test_detectors_that_come_back_right_after_custody_did_end_it(desk):
    """Custody has forgotten that they were silent; the ledger has not."""
    desk.run_exam()
    desk.pass_s(5, silent=EYES)
    desk.die_and_start_again()
    desk.pass_s(1)
    assert [flag.ended_ms for flag in ended(desk)] == [6000]
    desk.pass_s(5)
    assert len(ended(desk)) == 1


def test_it_survives_a_power_cut(desk):
    desk.run_exam()
    desk.pass_s(10, silent=EYES)
    desk.clock.reboot(away_ms=60_000)
    desk.die_and_start_again()
    desk.ask(wire.Hello(part=Part.KIOSK_UI, pid=1))
    desk.ask(wire.Hello(part=Part.EDGE_AI, pid=1))
    (flag,) = ended(desk)
    assert flag.ended_ms >= 70_000


def test_detectors_that_do_not_come_back_leave_it_to_end_with_the_exam(desk):
    desk.run_exam()
    desk.pass_s(10, silent=EYES)
    desk.ask(wire.Submit())
    desk.pass_s(20, silent=EYES)
    assert desk.view.state is State.SEALED
    assert [flag.ended_ms for flag in ended(desk)] == [10_000]
    assert len(raised(desk)) == 1


def test_detectors_that_come_back_after_the_exam_end_it_where_the_exam_ended(desk):
    desk.run_exam()
    desk.pass_s(10, silent=EYES)
    desk.ask(wire.Submit())
    desk.pass_s(3)
    assert [flag.ended_ms for flag in ended(desk)] == [10_000]


def test_before_the_exam_nobody_is_missed(desk):
    desk.prepare()
    desk.ask(wire.SignIn(name="Ada"))
    desk.pass_s(30, silent=EYES)
    assert raised(desk) == []


def test_the_policy_says_how_long_a_silence_is_none_and_whether_there_is_a_flag_at_all(desk):
    desk.run_exam(with_dwell(8000))
    desk.pass_s(7, silent=EYES)
    assert raised(desk) == []
    desk.pass_s(3, silent=EYES)
    assert len(raised(desk)) == 1


def test_switched_off_it_is_silent_and_the_gap_still_stands(desk):
    desk.run_exam(with_dwell(3000, enabled=False))
    desk.pass_s(10, silent=EYES)
    desk.pass_s(1)
    assert raised(desk) == []
    assert [gap.part for gap in desk.facts(f.Gap)] == [Part.EDGE_AI]


def suspicion(raised_ms):
    why = Why(threshold=0.5, dwell_ms=0, share=0.5, rule_version="1", scores=(), boxes=(), models={})
    return Flag(
        id="one",
        kind=FlagKind.FACE_ABSENT,
        label=None,
        technical=False,
        started_ms=0,
        raised_ms=raised_ms,
        ended_ms=None,
        peak_score=1.0,
        why=why,
    )


@pytest.mark.parametrize("back_after_s", [4, 20])
def test_what_the_detectors_had_raised_before_they_died_ends_where_they_last_looked(desk, back_after_s):
    desk.run_exam()
    desk.pass_s(5)
    desk.ask(wire.RaiseFlag(session=desk.view.session, flag=suspicion(4000)), wire.Saved)
    desk.pass_s(back_after_s, silent=EYES)
    desk.ask(wire.Hello(part=Part.EDGE_AI, pid=2, after="killed by SIGKILL"))
    ends = {flag.kind: flag.ended_ms for flag in ended(desk)}
    assert ends == {FlagKind.FACE_ABSENT: 5000, FlagKind.ANALYSIS_ABSENT: 5000 + 1000 * back_after_s}
