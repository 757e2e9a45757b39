import pytest

from proctoring.decision import Decision, Verdict, standing, supersede
from proctoring.errors import Refused
from proctoring.flag import Flag, FlagKind, Why
from proctoring.incident import group


def decision(id_, verdict=Verdict.APPROVE, reason="seen it all"):
    return Decision(id=id_, session="s", verdict=verdict, reason=reason, by="r", at_utc_ms=0)


def test_a_later_decision_supersedes_and_the_earlier_one_stays():
    first = supersede([], decision("1"))
    second = supersede([first], decision("2", Verdict.DECLINE))
    assert second.supersedes == "1"
    assert standing([first, second]) == second
    assert standing([]) is None


def test_a_decision_needs_a_reason_and_is_stored_once():
    with pytest.raises(Refused, match="reason"):
        supersede([], decision("1", reason="  "))
    with pytest.raises(Refused, match="already"):
        supersede([decision("1")], decision("1"))


def flag(kind, start, end):
    why = Why(threshold=0, dwell_ms=0, share=0, rule_version="1", scores=(), boxes=(), models={})
    technical = kind is FlagKind.TOO_DARK
    return Flag(
        id=f"{kind}{start}",
        kind=kind,
        label=None,
        technical=technical,
        started_ms=start,
        raised_ms=start,
        ended_ms=end,
        peak_score=1,
        why=why,
    )


def test_flags_close_in_time_are_one_incident_and_technical_ones_stand_apart():
    flags = [
        flag(FlagKind.SEVERAL_FACES, 0, 1000),
        flag(FlagKind.SECOND_PERSON, 3000, 4000),
        flag(FlagKind.TOO_DARK, 500, 900),
        flag(FlagKind.FACE_ABSENT, 20_000, None),
    ]
    found = group(flags)
    assert [(len(i.flags), i.started_ms, i.ended_ms, i.technical) for i in found] == [
        (2, 0, 4000, False),
        (1, 500, 900, True),
        (1, 20_000, 20_000, False),
    ]
