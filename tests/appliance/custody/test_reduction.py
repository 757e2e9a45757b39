"""How much the detectors left out stands in the ledger, each change once."""

from proctoring import fact as f
from proctoring import wire
from proctoring.fact import Reduction


def reduced(level, was=0, at_ms=1000):
    left_out = tuple(Reduction)[:level]
    return f.AnalysisReduced(at_ms=at_ms, level=level, was=was, left_out=left_out, reason="The machine was busy.")


def report(desk, *facts):
    for fact in facts:
        desk.ask(wire.ReportReduction(session=desk.view.session, reduced=fact), wire.Saved)


def levels(desk):
    return [fact.level for fact in desk.facts(f.AnalysisReduced)]


def test_each_change_is_a_fact_with_its_reason(desk):
    desk.run_exam()
    report(desk, reduced(1), reduced(2, 1, 4000), reduced(1, 2, 90_000))
    assert desk.facts(f.AnalysisReduced) == [reduced(1), reduced(2, 1, 4000), reduced(1, 2, 90_000)]


def test_a_report_whose_answer_was_lost_has_effect_once(desk):
    desk.run_exam()
    report(desk, reduced(1), reduced(1))
    assert levels(desk) == [1]


def test_detectors_that_begin_with_time_enough_leave_no_fact(desk):
    desk.run_exam()
    report(desk, reduced(0))
    assert levels(desk) == []


def test_detectors_that_begin_anew_after_a_reduction_say_that_they_see_everything(desk):
    desk.run_exam()
    report(desk, reduced(3))
    desk.die_and_start_again()
    report(desk, reduced(0))
    assert levels(desk) == [3, 0]
