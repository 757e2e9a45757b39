from itertools import accumulate, pairwise

import msgspec
import pytest

from appliance.edge_ai import face_rules, identity_rules, rules, scene_rules
from appliance.edge_ai.schedule import NEEDED, ORDER, WANTED, Looks, Rates, Schedule, pause_ms
from proctoring.fact import Reduction
from proctoring.flag import FlagKind, FlagRule, Look, Rule
from proctoring.observation import Face, Item, Observation, Scene
from proctoring.policy import Policy, Rules

POLICY = Policy()
CANDIDATE = (Face(0.95, (0.4, 0.2, 0.6, 0.55)),)
LOWEST = len(ORDER)
EIGHT = 125
CAMERA_MS = 1000 / 15


def with_rules(**changed):
    return msgspec.structs.replace(POLICY, rules=msgspec.structs.replace(Rules(), **changed))


def voting(kind, rule=None):
    """A rule that has seen a first hit."""
    return FlagRule(kind, rule or getattr(POLICY.rules, kind), lambda seen: Look(1.0))


def run(schedule, until_ms=4000, level=0, motion=0.0, of=(), faces=CANDIDATE):
    """When each detector looks in a film of eight frames a second."""
    looked = {name: [] for name in Looks._fields}
    for at_ms in range(0, until_ms, EIGHT):
        looks = schedule.plan(at_ms, level, of)
        schedule.note(looks, Observation(at_ms=at_ms, scene=Scene(motion=motion), faces=faces))
        for name, took in looks._asdict().items():
            if took:
                looked[name].append(at_ms)
    return looked


def pauses(times_ms):
    return {after - before for before, after in pairwise(times_ms[1:])}


def test_while_nothing_moves_things_are_looked_for_rarely_and_identity_seldom():
    looked = run(Schedule(POLICY))
    assert pauses(looked["items"]) == {1000}
    assert pauses(looked["identity"]) == {500}
    assert len(looked["gaze"]) == 32


def test_where_something_moves_things_are_looked_for_more_often():
    assert pauses(run(Schedule(POLICY), motion=0.2)["items"]) == {250}


def test_until_motion_is_measured_again_what_moved_moves():
    schedule = Schedule(POLICY)
    run(schedule, 500, motion=0.2)
    assert pauses(run(schedule, 2000, motion=None)["items"]) == {250}
    run(schedule, 500, motion=0.0)
    assert pauses(run(schedule, 4000, motion=None)["items"]) == {1000}


def test_what_may_be_a_phone_is_looked_at_again_in_the_very_next_frame():
    suspected = [voting(FlagKind.PROHIBITED_OBJECT)]
    assert pauses(run(Schedule(POLICY), of=suspected)["items"]) == {125}


def test_a_rule_with_a_long_dwell_asks_for_no_more_looks_than_it_needs():
    assert pauses(run(Schedule(POLICY), of=[voting(FlagKind.LEFT_SEAT)])["items"]) == {500}


def test_rules_about_faces_do_not_make_anybody_look_for_things():
    assert pauses(run(Schedule(POLICY), of=[voting(FlagKind.FACE_ABSENT)])["items"]) == {1000}


def test_no_detector_looks_more_often_than_the_settings_allow():
    schedule = Schedule(POLICY, Rates(frames_per_s=8, items_per_s=2))
    assert pauses(run(schedule, motion=0.2, of=[voting(FlagKind.PROHIBITED_OBJECT)])["items"]) == {500}


def test_a_look_for_identity_that_found_no_face_is_taken_at_the_next_face():
    schedule = Schedule(POLICY)
    run(schedule, 1000, faces=())
    assert schedule.plan(1000).identity
    schedule.note(schedule.plan(1000), Observation(at_ms=1000, faces=CANDIDATE))
    assert not schedule.plan(1125).identity


def test_the_order_in_which_looks_are_left_out_is_the_one_that_is_stated():
    assert ORDER == (
        Reduction.FEWER_OBJECT_LOOKS,
        Reduction.FEWER_IDENTITY_LOOKS,
        Reduction.NO_GAZE,
        Reduction.FEWER_FRAMES,
        Reduction.FEWEST_FRAMES,
    )


def amounts(level):
    looked = run(Schedule(POLICY), 60_000, level, motion=0.2)
    frames_per_s = 1000 / Schedule(POLICY).frame_pause_ms(level)
    return len(looked["items"]), len(looked["identity"]), len(looked["gaze"]), round(frames_per_s)


def test_each_level_leaves_out_one_thing_more_and_nothing_else():
    taken = [amounts(level) for level in range(LOWEST + 1)]
    changed = [
        [
            name
            for name, was, now in zip(("items", "identity", "gaze", "frames"), before, after, strict=True)
            if was != now
        ]
        for before, after in pairwise(taken)
    ]
    assert changed == [["items"], ["identity"], ["gaze"], ["frames"], ["frames"]]
    assert all(now <= was for before, after in pairwise(taken) for was, now in zip(before, after, strict=True))


def test_the_lowest_level_still_watches_four_frames_a_second():
    assert 1000 / Schedule(POLICY).frame_pause_ms(LOWEST) == pytest.approx(4.3, abs=0.05)


ALL_KINDS = sorted(set(FlagKind) - {FlagKind.ANALYSIS_ABSENT, FlagKind.CAMERA_MOVED})


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_at_the_lowest_level_every_rule_still_gets_its_votes_and_may_miss_one_look(kind):
    rule = msgspec.structs.replace(getattr(POLICY.rules, kind), enabled=True)
    raised = []
    flag_rule = FlagRule(kind, rule, lambda seen: Look(0.0 if seen.at_ms == missed else 1.0))
    schedule = Schedule(POLICY)
    frames = range(0, 20_000, round(schedule.frame_pause_ms(LOWEST)))
    looks, missed = [], -1
    for at_ms in frames:
        seen = Observation(at_ms=at_ms, scene=Scene(motion=0.0), faces=CANDIDATE)
        planned = schedule.plan(at_ms, LOWEST, [flag_rule] if flag_rule.glimpse else [])
        schedule.note(planned, seen)
        if kind in {"prohibited_object", "second_person", "left_seat"} and not planned.items:
            continue
        if kind == "different_person" and not planned.identity:
            continue
        looks.append(at_ms)
        # Of the looks after the first hit one goes wrong.
        missed = at_ms if len(looks) == 3 and rule.share < 1 else -1
        flag = flag_rule.feed(seen)
        raised += [(flag, len(looks))] if flag else []
    (flag, votes), *rest = raised
    assert votes >= NEEDED
    assert rest == []
    assert flag.raised_ms <= 3 * rule.dwell_ms + 2000


def test_a_policy_with_a_short_dwell_keeps_the_frames_coming():
    short = Rule(threshold=0.5, leave=0.4, dwell_ms=230, clear_ms=500)
    assert Schedule(with_rules(looking_away=short)).frame_pause_ms(LOWEST) == pytest.approx(230 - 1000 / 15)
    fast = Rule(threshold=0.5, leave=0.4, dwell_ms=50, clear_ms=500)
    assert Schedule(with_rules(looking_away=fast)).frame_pause_ms(LOWEST) == 125


def test_a_patient_policy_is_watched_twice_a_second_all_the_same():
    slow = Rule(threshold=0.5, leave=0.4, dwell_ms=60_000, clear_ms=60_000)
    kinds = {name: slow for name in Rules.__struct_fields__ if name != "talking"}
    off = msgspec.structs.replace(slow, enabled=False)
    assert Schedule(with_rules(**kinds, talking=off)).frame_pause_ms(LOWEST) == 500


def test_a_rule_that_is_switched_off_asks_for_nothing():
    off = Rule(threshold=0.5, leave=0.4, dwell_ms=100, enabled=False)
    assert pause_ms(off, NEEDED, 67) == float("inf")


@pytest.mark.parametrize(("dwell_ms", "clear_ms"), [(300, 1000), (700, 500), (1500, 2000), (10_000, 1000)])
@pytest.mark.parametrize("votes", [NEEDED, WANTED])
def test_the_longest_pause_gives_a_rule_its_votes(dwell_ms, clear_ms, votes):
    rule = Rule(threshold=0.5, leave=0.4, dwell_ms=dwell_ms, clear_ms=clear_ms)
    pause = pause_ms(rule, votes, CAMERA_MS)
    late = [pause + CAMERA_MS - 1] + [pause] * 1000
    within = [at_ms for at_ms in accumulate(late, initial=0.0) if at_ms < dwell_ms]
    assert len(within) + 1 >= votes
    assert 2 * pause <= clear_ms


def test_what_was_not_looked_at_is_counted_by_kind():
    schedule = Schedule(POLICY)
    run(schedule, 4000, level=LOWEST)
    tally = schedule.tally
    assert tally.frames == 32
    assert tally.skipped["gaze"] == 32
    assert tally.skipped["items"] == 32 - tally.looks["items"] > 24
    assert tally.skipped["identity"] == 28


def test_every_kind_of_flag_is_planned_for():
    made = {
        rule.kind for part in (rules, face_rules, identity_rules, scene_rules) for rule in part.rules_of(POLICY, {})
    }
    assert made <= set(ALL_KINDS) | {FlagKind.CAMERA_MOVED}


def test_items_seen_do_not_matter_to_the_plan_only_the_rules_do():
    schedule = Schedule(POLICY)
    cup = Observation(at_ms=0, scene=Scene(motion=0.0), faces=CANDIDATE, items=(Item("cup", 0.9, (0, 0, 1, 1)),))
    schedule.note(schedule.plan(0), cup)
    assert not schedule.plan(125).items
