import pytest

from proctoring.errors import BadExam, BadPolicy, Refused
from proctoring.exam import check_answer, load_exam
from proctoring.policy import Mode, load_policy

EXAM = """
id = "e"
title = "An exam"
minutes = 5
[[questions]]
kind = "single"
id = "one"
text = "?"
choices = [{id = "a", text = "A"}, {id = "b", text = "B"}]
[[questions]]
kind = "several"
id = "many"
text = "?"
choices = [{id = "a", text = "A"}, {id = "b", text = "B"}]
[[questions]]
kind = "number"
id = "num"
text = "?"
[[questions]]
kind = "text"
id = "txt"
text = "?"
max_length = 5
"""


@pytest.mark.parametrize(
    "question,value",
    [("one", "a"), ("many", ()), ("many", ("a", "b")), ("num", -2.5), ("txt", "hello"), ("one", None)],
)
def test_a_fitting_answer_is_taken(question, value):
    check_answer(load_exam(EXAM), question, value)


@pytest.mark.parametrize(
    "question,value",
    [
        ("one", "c"),
        ("one", 1.0),
        ("many", ("a", "a")),
        ("many", "a"),
        ("num", "2"),
        ("txt", "too long"),
        ("num", float("nan")),
        ("none", "a"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(question, value):
    with pytest.raises(Refused):
        check_answer(load_exam(EXAM), question, value)


@pytest.mark.parametrize(
    "change,says",
    [
        (("minutes = 5", "minutes = 0"), "minutes"),
        (('id = "many"', 'id = "one"'), "same id"),
        (('kind = "number"', 'kind = "essay"'), "essay"),
        (('title = "An exam"', 'titel = "An exam"'), "titel"),
        (("id = ", "id == "), "TOML|Expected|Invalid"),
    ],
)
def test_an_exam_that_cannot_be_sat_is_refused_with_its_place(change, says):
    with pytest.raises(BadExam, match=says):
        load_exam(EXAM.replace(*change, 1))


def test_a_policy_may_change_one_thing_and_keep_the_rest():
    policy = load_policy('mode = "live"\n[rules.face_absent]\nthreshold = 0.5\nleave = 0.5\ndwell_ms = 9000')
    assert policy.mode is Mode.LIVE
    assert policy.rules.face_absent.dwell_ms == 9000
    assert policy.rules.several_faces == load_policy("").rules.several_faces


@pytest.mark.parametrize(
    "text,says", [("mood = 1", "mood"), ('mode = "none"', "mode"), ("[rules.x]", "x"), ("=", "policy")]
)
def test_a_policy_that_cannot_be_used_is_refused_with_its_place(text, says):
    with pytest.raises(BadPolicy, match=says):
        load_policy(text)
