from hypothesis import given
from hypothesis import strategies as st

from proctoring.flag import Flag, FlagKind, FlagRule, Look, Rule
from proctoring.observation import Observation

RULE = Rule(threshold=0.5, leave=0.3, dwell_ms=1000, share=0.6, clear_ms=1000, cool_down_ms=5000)


def play(scores, rule=RULE, step_ms=200, start_ms=0):
    """Flags that come out when these scores are seen one after the other; None is no look."""
    feed = iter(scores)
    flag_rule = FlagRule(FlagKind.SEVERAL_FACES, rule, lambda _: None if (s := next(feed)) is None else Look(s))
    out = [flag_rule.feed(Observation(at_ms=start_ms + i * step_ms)) for i in range(len(scores))]
    return [flag for flag in [*out, flag_rule.finish()] if flag]


def test_what_lasts_longer_than_the_dwell_is_flagged_from_where_it_began():
    raised, ended = play([0, 0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9] + [0] * 10)
    assert (raised.started_ms, raised.raised_ms, raised.ended_ms) == (400, 1400, None)
    assert (ended.id, ended.ended_ms, ended.peak_score) == (raised.id, 1600, 0.9)


def test_a_glimpse_shorter_than_the_dwell_is_not_flagged():
    assert play([0.9, 0.9, 0.9] + [0] * 20) == []


def test_a_missed_look_does_not_break_an_episode():
    assert len(play([0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.1, 0.9])) == 2


def test_too_few_hits_among_the_looks_are_no_flag():
    assert play([0.9, 0, 0, 0.9, 0, 0, 0.9, 0, 0, 0.9, 0, 0]) == []


def test_a_flag_holds_between_leave_and_threshold():
    flags = play([0.9] * 6 + [0.4] * 10 + [0] * 6)
    assert [flag.ended_ms for flag in flags] == [None, 3000]


def test_no_second_flag_within_the_cool_down_but_one_after_it():
    burst = [0.9] * 7 + [0] * 6
    assert len(play(burst + burst)) == 2
    later = play(burst + [0] * 20 + burst)
    assert len({flag.id for flag in later}) == 2


def test_looks_that_were_not_taken_say_nothing():
    assert len(play([0.9, None, 0.9, None, 0.9, None, 0.9])) == 2


def test_a_switched_off_rule_is_silent():
    off = Rule(threshold=0.5, leave=0.3, dwell_ms=0, enabled=False)
    assert play([0.9] * 20, off) == []


def test_a_flag_explains_itself():
    flag = play([0.9] * 7)[-1]
    assert flag.why.threshold == RULE.threshold and flag.why.dwell_ms == 1000
    assert flag.why.scores[0] == (0, 0.9)
    assert flag.technical is False


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=200))
def test_whatever_is_seen_each_flag_is_raised_once_then_ended_once_and_makes_sense(scores):
    open_flag: Flag | None = None
    for flag in play(scores):
        if flag.ended_ms is None:
            assert open_flag is None
            assert flag.raised_ms - flag.started_ms >= RULE.dwell_ms
            open_flag = flag
        else:
            assert open_flag is not None and flag.id == open_flag.id
            assert flag.ended_ms >= flag.raised_ms
            assert len(flag.why.scores) <= 64
            open_flag = None
    assert open_flag is None
