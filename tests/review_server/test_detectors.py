import msgspec

from proctoring.fact import AnalysisReduced, AnalysisSummary, Reduction
from proctoring.ledger import Entry
from review_server.detectors import LEFT_OUT, told_of_all, told_of_change
from review_server.timeline import draw

SUMMARY = AnalysisSummary(frames_analysed=480, frames_skipped=9, analysed_fps=8.0, models={}, runtime="litert 2")


def reduced(level, was, at_ms, reason="The machine was busy."):
    left_out = tuple(Reduction)[:level]
    return AnalysisReduced(at_ms=at_ms, level=level, was=was, left_out=left_out, reason=reason)


def entries(*facts, end_ms=60_000):
    return [
        Entry(
            desk="desk-1",
            session="s",
            seq=n + 1,
            at_utc_ms=0,
            mono_ms=0,
            boot="b",
            at_ms=getattr(fact, "at_ms", end_ms),
            fact=fact,
            prev="",
        )
        for n, fact in enumerate(facts)
    ]


def lane(*facts):
    found = [one for one in draw(entries(*facts, SUMMARY)).lanes if one.name == "Detectors look less"]
    return [(span.label, span.started_ms, span.ended_ms) for one in found for span in one.spans]


def test_every_reduction_has_its_words():
    assert set(LEFT_OUT) == set(Reduction)


def test_what_was_left_out_is_a_technical_lane_from_each_change_to_the_next():
    facts = reduced(1, 0, 10_000), reduced(2, 1, 13_000), reduced(0, 1, 50_000, "There was time to spare again.")
    assert lane(*facts) == [
        ("Objects looked for less often", 10_000, 13_000),
        ("Objects looked for less often, faces compared less often", 13_000, 50_000),
    ]
    line = draw(entries(*facts, SUMMARY))
    assert {one.tone for one in line.lanes if one.name == "Detectors look less"} == {"technical"}


def test_what_is_left_out_to_the_end_is_drawn_to_the_end():
    assert lane(reduced(1, 0, 10_000)) == [("Objects looked for less often", 10_000, 60_000)]


def test_a_session_in_which_nothing_was_left_out_has_no_such_lane():
    assert lane(reduced(0, 0, 1000)) == []


def test_each_change_is_a_sentence_with_its_reason():
    assert told_of_change(reduced(3, 2, 0)) == (
        "The detectors look less, at level 3 of 5: objects looked for less often, faces compared less often, "
        "eyes not read. The machine was busy."
    )
    assert (
        told_of_change(reduced(0, 1, 0, "There was time."))
        == "The detectors look at everything again. There was time."
    )


def test_a_step_up_says_that_more_is_looked_at_again():
    assert told_of_change(reduced(1, 2, 0)).startswith("The detectors look more again, at level 1 of 5: objects")


def test_the_summary_says_how_fast_how_late_and_what_was_skipped():
    full = msgspec.structs.replace(
        SUMMARY, latency_ms_median=60, latency_ms_p95=115, looks_skipped={"items": 300, "identity": 360, "gaze": 0}
    )
    assert told_of_all(full) == (
        "The detectors looked at 480 frames, 8 a second; half of them within 60 ms, 95 of 100 within 115 ms. "
        "Not searched, by plan or for want of time: 300 for objects, 360 for identity."
    )


def test_a_summary_from_before_latencies_were_kept_is_still_told():
    assert told_of_all(SUMMARY) == "The detectors looked at 480 frames, 8 a second."
    new = msgspec.to_builtins(SUMMARY)
    old = {key: new[key] for key in new if not key.startswith(("latency", "looks"))}
    assert msgspec.convert(old, AnalysisSummary) == SUMMARY
