from __future__ import annotations

from proctoring import ledger
from proctoring.fact import Answered, CallPressed, Moved, Said
from proctoring.session import Move, State
from review_server.timeline import Span, draw


def drawn(desk):
    entries, _ = ledger.verify(desk.desk, desk.session, desk.lines)
    return draw(entries)


def lane(line, name: str) -> tuple[Span, ...]:
    return next((one.spans for one in line.lanes if one.name == name), ())


def test_a_whole_session_is_drawn_in_lanes(bench, tmp_path):
    desk, _ = bench.whole(tmp_path)
    line = drawn(desk)
    assert [one.name for one in line.lanes] == [
        "Recording",
        "Exam",
        "More than one face",
        "Perhaps an object that is not allowed",
        "Picture too dark",
        "Gaps",
    ]
    assert [(s.started_ms, s.ended_ms) for s in lane(line, "Recording")] == [(0, 6000), (8000, 12_000)]
    assert [(s.label, s.started_ms, s.ended_ms) for s in lane(line, "Exam")] == [("Running", 0, 12_000)]
    assert line.length_ms == 12_000
    assert line.answered == 2


def test_incidents_keep_technical_problems_apart(bench, tmp_path):
    desk, _ = bench.whole(tmp_path)
    assert [(len(i.flags), i.technical) for i in drawn(desk).incidents] == [(1, True), (2, False)]


def test_a_pause_shows_in_the_exam_lane(bench):
    desk = bench.Desk()
    desk.write(bench.opened())
    for move, state, at_ms in (
        (Move.START, State.RUNNING, 0),
        (Move.PAUSE, State.PAUSED, 1000),
        (Move.RESUME, State.RUNNING, 4000),
    ):
        desk.write(Moved(move=move, state=state, by="invigilator", reason="fire alarm"), at_ms)
    desk.write(Said(text="Please go on.", by="invigilator"), 5000)
    line = drawn(desk)
    assert [(s.label, s.started_ms, s.ended_ms) for s in lane(line, "Exam")] == [
        ("Running", 0, 1000),
        ("Paused", 1000, 4000),
        ("Running", 4000, 5000),
    ]
    assert line.notes[1].text == "Exam paused by invigilator: fire alarm"
    assert line.notes[-1].text == "invigilator to the candidate: Please go on."


def test_an_answer_that_was_taken_back_does_not_count(bench):
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(Answered(question="train", value=1.0, revision=1), 100)
    desk.write(Answered(question="train", value=None, revision=2), 200)
    desk.write(Answered(question="capital", value="perth", revision=1), 300)
    assert drawn(desk).answered == 1


def test_what_came_before_the_exam_has_no_time_on_its_clock(bench):
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(CallPressed())
    assert drawn(desk).notes[0].at_ms is None
    assert drawn(bench.Desk()).length_ms == 0
