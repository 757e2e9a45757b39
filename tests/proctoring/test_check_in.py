"""The facts of the check-in photo and of a flag's pictures, and ledgers from before there were any."""

import msgspec
import pytest

from proctoring import ledger
from proctoring.check_in import TRIES, PhotoFault, PhotoStep, no_photo
from proctoring.fact import FlagEnded, FlagRaised
from proctoring.flag import Flag, FlagKind, FlagRule, Look, Moment, Rule, Thumbnail, Why
from proctoring.ledger import Line, Stamp
from proctoring.observation import Observation

WHY = Why(threshold=0.6, dwell_ms=700, share=0.6, rule_version="1", scores=(), boxes=(), models={})
FLAG = Flag(
    id="face_absent:1",
    kind=FlagKind.FACE_ABSENT,
    label=None,
    technical=False,
    started_ms=1,
    raised_ms=900,
    ended_ms=None,
    peak_score=0.8,
    why=WHY,
)
STAMP = Stamp(at_utc_ms=1, mono_ms=1, boot="b")
OLD_FACTS = (
    '{{"fact":"flag_ended","flag":{flag}}}',
    '{{"fact":"flag_raised","flag":{flag},"thumbnail":""}}',
    '{{"fact":"flag_raised","flag":{flag},"thumbnail":"/9j/"}}',
)


def old_line(fact):
    """A ledger's first line as it was written before a flag had several pictures."""
    head = ledger.start("desk-1", "s-1")
    flag = msgspec.json.encode(FLAG, order="sorted").decode()
    text = (
        '{"at_ms":null,"at_utc_ms":1,"boot":"b","desk":"desk-1","fact":'
        + fact.format(flag=flag)
        + f',"mono_ms":1,"prev":"{head.hash}","seq":1,"session":"s-1"}}'
    )
    return head, Line(text, ledger.sha256(text.encode()))


@pytest.mark.parametrize("fact", OLD_FACTS)
def test_a_line_from_before_there_were_several_pictures_still_verifies(fact):
    entry, _ = ledger.follow(*old_line(fact))
    assert entry.fact.flag == FLAG


def test_the_one_picture_of_an_old_flag_is_its_pictures():
    entry, _ = ledger.follow(*old_line(OLD_FACTS[2]))
    (picture,) = entry.fact.pictures
    assert (picture.at_ms, picture.score, picture.jpeg) == (900, 0.8, b"\xff\xd8\xff")
    assert ledger.follow(*old_line(OLD_FACTS[1]))[0].fact.pictures == ()


@pytest.mark.parametrize("kind", [FlagRaised, FlagEnded])
def test_pictures_go_through_a_ledger_unchanged(kind):
    pictures = tuple(Thumbnail(moment=moment, at_ms=5, score=0.7, jpeg=b"\xff\xd8\xff") for moment in Moment)
    head = ledger.start("desk-1", "s-1")
    line, _ = ledger.append(head, kind(flag=FLAG, thumbnails=pictures), STAMP, 5)
    assert ledger.follow(head, line)[0].fact.pictures == pictures


def test_a_photo_may_be_left_out_only_after_several_that_failed():
    assert not PhotoStep(attempt=TRIES, wanted=True).may_be_left_out
    assert not PhotoStep(attempt=TRIES - 1, fault=PhotoFault.NO_FACE).may_be_left_out
    assert PhotoStep(attempt=TRIES, fault=PhotoFault.NO_FACE).may_be_left_out


@pytest.mark.parametrize("fault", PhotoFault)
def test_every_fault_is_told_in_a_sentence(fault):
    assert no_photo(fault, 3).startswith("There is no check-in photo after 3 tries: ")


def test_a_rule_shows_what_it_has_just_seen_while_there_may_be_a_flag():
    scores = iter([0.1, 0.7, 0.9, 0.6, 0.1, 0.1])
    rule = FlagRule(
        FlagKind.FACE_ABSENT,
        Rule(threshold=0.5, leave=0.4, dwell_ms=200, clear_ms=200),
        lambda _: Look(next(scores)),
    )
    glimpses = []
    for at_ms in range(0, 600, 100):
        rule.feed(Observation(at_ms=at_ms))
        glimpses.append(rule.glimpse)
    assert glimpses[0] is None and glimpses[5] is None
    assert [(one.started_ms, one.peak_ms, one.last_seen_ms) for one in glimpses[1:5]] == [
        (100, 100, 100),
        (100, 200, 200),
        (100, 200, 300),
        (100, 200, 300),
    ]
    assert glimpses[3].look.score == 0.6
