import pytest

from appliance.edge_ai.identity import IDENTITY, Identity
from appliance.edge_ai.identity_rules import different_person, rules_of, unlike
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.picture import array, from_i420
from appliance.edge_ai.recognition import LEARNED_FROM, Recognition
from proctoring.flag import FlagKind, feed_all
from proctoring.observation import Face, Observation
from proctoring.policy import Policy, Sizes

POLICY = Policy()
ANNA, BERT = array([1, 0, 0]), array([0.3, 0.954, 0])


class Scripted:
    """An identity that knows people by the middle of their box; None where it sees too little."""

    def __init__(self, people):
        self.people = people
        self.looks = 0

    def embed(self, picture, face):
        del picture
        self.looks += 1
        return self.people[round(face.box[0], 2)]


def face(left, height=0.4, likeness=None, score=0.9):
    return Face(score, (left, 0.2, left + 0.2, 0.2 + height), likeness=likeness)


AT_DESK = (face(0.4),)


def likenesses(recognition, faces, times):
    return [tuple(one.likeness for one in recognition.measure(None, faces, at)) for at in times]


def test_with_a_photo_the_very_first_look_is_compared():
    recognition = Recognition(Scripted({0.4: BERT}))
    recognition.begin(ANNA)
    assert likenesses(recognition, AT_DESK, [0]) == [(pytest.approx(0.3, abs=0.01),)]


def test_the_person_on_the_photo_is_learned_better_from_the_first_looks_and_a_stranger_is_not():
    somewhat = array([0.8, 0.6, 0])
    known = Scripted({0.4: somewhat})
    recognition = Recognition(known)
    recognition.begin(ANNA)
    (first,), *_, (last,) = likenesses(recognition, AT_DESK, range(0, 500 * 8, 500))
    assert first == pytest.approx(0.8)
    assert last > 0.95
    known.people[0.4] = BERT
    recognition.begin(ANNA)
    assert all(one < 0.31 for (one,) in likenesses(recognition, AT_DESK, range(0, 500 * 8, 500)))


def test_where_the_policy_compares_no_faces_none_is_looked_at():
    known = Scripted({0.4: ANNA})
    recognition = Recognition(known)
    recognition.begin(None, compares=False)
    assert set(likenesses(recognition, AT_DESK, range(0, 5000, 500))) == {(None,)}
    assert known.looks == 0
    assert rules_of(Policy(identity=False), {}) == []


def test_without_a_photo_the_first_good_looks_are_learned_and_later_ones_compared():
    known = Scripted({0.4: ANNA})
    recognition = Recognition(known)
    times = range(0, 500 * LEARNED_FROM, 500)
    learned = likenesses(recognition, AT_DESK, times)
    assert learned[:-1] == [(None,)] * (LEARNED_FROM - 1)
    known.people[0.4] = BERT
    assert likenesses(recognition, AT_DESK, [times[-1] + 500]) == [(pytest.approx(0.3, abs=0.01),)]


def test_nobody_is_learned_while_two_sit_at_the_desk():
    recognition = Recognition(Scripted({0.1: BERT, 0.6: ANNA}))
    both = (face(0.1), face(0.6))
    assert set(likenesses(recognition, both, range(0, 10_000, 500))) == {(None, None)}


def test_a_face_that_shows_too_little_teaches_nothing():
    known = Scripted({0.4: None})
    recognition = Recognition(known)
    likenesses(recognition, AT_DESK, range(0, 10_000, 500))
    known.people[0.4] = ANNA
    assert likenesses(recognition, AT_DESK, [10_000]) == [(None,)]


def test_faces_in_the_background_are_not_looked_at():
    known = Scripted({0.4: ANNA})
    recognition = Recognition(known)
    recognition.begin(ANNA)
    assert likenesses(recognition, (face(0.4), face(0.8, 0.1)), [0]) == [(1, None)]


def test_what_was_learned_is_forgotten_with_a_new_session():
    known = Scripted({0.4: ANNA})
    recognition = Recognition(known)
    likenesses(recognition, AT_DESK, range(0, 10_000, 500))
    known.people[0.4] = BERT
    again = likenesses(recognition, AT_DESK, range(0, 5000, 500))
    assert again[0] == (None,)
    assert again[-1] == (1,)


def seen(*faces, at_ms=0):
    return Observation(at_ms=at_ms, faces=faces)


def test_the_score_runs_from_the_same_face_to_a_strangers():
    assert unlike(0.95) == 0
    assert unlike(0.1) == 1
    assert 0.4 < unlike(0.62) < 0.6


def test_the_likest_of_several_faces_counts():
    stranger, candidate = face(0.1, likeness=0.2), face(0.6, likeness=0.9)
    assert different_person(Sizes(), seen(stranger)).score == 1
    assert different_person(Sizes(), seen(stranger, candidate)).score < 0.1


def test_nothing_is_said_while_a_face_that_may_be_the_candidates_was_not_compared():
    assert different_person(Sizes(), seen(face(0.1, likeness=0.2), face(0.6))) is None
    assert different_person(Sizes(), seen()) is None
    assert different_person(Sizes(), Observation(at_ms=0)) is None


def test_a_stranger_far_behind_is_not_judged():
    assert different_person(Sizes(), seen(face(0.4, 0.05, likeness=0.1))) is None


def flags_of(likeness_at):
    rules = rules_of(POLICY, {IDENTITY: "cafe", "nanodet_416_int8": "beef"})
    observations = (seen(face(0.4, likeness=likeness_at(at)), at_ms=at) for at in range(0, 20_000, 500))
    return [flag for observation in observations for flag in feed_all(rules, observation) if flag.ended_ms is None]


def test_a_stranger_who_sits_down_is_flagged_within_three_seconds_with_the_model_that_said_so():
    (flag,) = flags_of(lambda at: 0.9 if at < 8000 else 0.3)
    assert flag.kind is FlagKind.DIFFERENT_PERSON
    assert flag.raised_ms <= 11_000
    assert flag.why.models == {IDENTITY: "cafe"}
    assert not flag.technical


def test_a_single_odd_look_now_and_then_is_no_stranger():
    assert flags_of(lambda at: 0.3 if at % 3000 == 0 else 0.85) == []


def test_looks_that_tell_nothing_do_not_hide_a_stranger():
    assert len(flags_of(lambda at: None if at % 1000 else 0.2)) == 1


def watched(clip, identity, faces):
    import av

    recognition, rules, due_ms, flags = Recognition(identity), rules_of(POLICY, {}), 0, []
    with av.open(str(clip)) as video:
        for frame in video.decode(video=0):
            at_ms = round(frame.time * 1000)
            if at_ms < due_ms:
                continue
            due_ms += 500
            planes = frame.to_ndarray(format="yuv420p")
            picture = from_i420(planes.tobytes(), frame.width, frame.height)
            measured = recognition.measure(picture, faces.find(picture), at_ms)
            flags += feed_all(rules, Observation(at_ms=at_ms, faces=measured))
    return [flag for flag in flags if flag.ended_ms is None]


@pytest.fixture
def identity(runtime):
    return Identity(runtime.load(Catalogue().path(IDENTITY)))


@pytest.mark.media
def test_a_swap_at_the_desk_is_found_within_three_seconds(media, identity, faces):
    (flag,) = watched(media / "clips/a4_identity_swap_M_to_O.mp4", identity, faces)
    assert 12_800 <= flag.started_ms <= flag.raised_ms <= 15_800


@pytest.mark.media
@pytest.mark.parametrize(
    "clip", ["a1_webcam_lab_head_turns", "a2_desk_phone_brief", "a3_two_candidates", "a5_second_face_appears"]
)
def test_one_person_throughout_is_never_another(media, identity, faces, clip):
    assert watched(media / f"clips/{clip}.mp4", identity, faces) == []
