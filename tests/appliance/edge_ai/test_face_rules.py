import math

import pytest
from msgspec.structs import replace

from appliance.edge_ai.face_path import FacePath
from appliance.edge_ai.face_rules import Talking, candidate, rules_of, sideways_deg
from appliance.edge_ai.gaze import IrisGaze
from appliance.edge_ai.landmarks import FaceLandmarks
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.picture import from_i420
from proctoring.flag import FlagKind, feed_all
from proctoring.observation import Face, Observation, Pose
from proctoring.policy import Looking, Policy

BOX = (0.4, 0.2, 0.6, 0.6)
POLICY = Policy()


def face(yaw=0.0, pitch=0.0, box=BOX, score=0.9, **measured):
    return Face(score, box, pose=Pose(yaw, pitch, 0.0), **measured)


def flags(observations, policy=POLICY, models=None):
    rules, raised = rules_of(policy, models or {}), {}
    for observation in observations:
        raised |= {flag.id: flag for flag in feed_all(rules, observation)}
    return list((raised | {flag.id: flag for rule in rules if (flag := rule.finish())}).values())


def at_8_fps(seen, seconds, from_ms=0):
    """Observations of what `seen` gives for a time in seconds."""
    return [Observation(at_ms=from_ms + 125 * n, faces=tuple(seen(n / 8))) for n in range(round(8 * seconds) + 1)]


@pytest.mark.parametrize(("yaw", "pitch", "side"), [(45, -20, "right"), (-45, 0, "left"), (0, 60, "up")])
def test_a_head_turned_for_longer_than_the_dwell_is_flagged_with_its_side(yaw, pitch, side):
    (flag,) = flags(at_8_fps(lambda _: [face(yaw, pitch)], 4))
    assert (flag.kind, flag.label, flag.technical) == (FlagKind.LOOKING_AWAY, side, False)
    assert flag.why.boxes == (BOX,)


@pytest.mark.parametrize(("yaw", "pitch"), [(30, 0), (-30, -30), (0, 32), (0, -60)])
def test_a_mild_turn_and_a_look_down_at_the_paper_are_nothing(yaw, pitch):
    assert flags(at_8_fps(lambda _: [face(yaw, pitch)], 10)) == []


def test_a_policy_can_forbid_looking_down():
    policy = replace(POLICY, looking=Looking(down_deg=40))
    assert [flag.label for flag in flags(at_8_fps(lambda _: [face(0, -50)], 4), policy)] == ["down"]


def test_glances_to_both_sides_are_not_one_long_look():
    assert flags(at_8_fps(lambda t: [face(45 if int(t) % 2 else -45)], 12)) == []


def test_eyes_that_look_back_at_the_screen_take_away_from_a_turned_head():
    turned = face(20, gaze=-0.25)
    away = face(20, gaze=0.25)
    assert sideways_deg(turned, turned.pose) < 5
    assert [flag.label for flag in flags(at_8_fps(lambda _: [away], 4))] == ["right"]
    assert flags(at_8_fps(lambda _: [turned], 4)) == []


def test_where_two_faces_are_near_nobody_is_said_to_look_away():
    other = face(50, box=(0.0, 0.2, 0.2, 0.6))
    assert flags(at_8_fps(lambda _: [face(-50), other], 6)) == []


def test_a_passer_by_far_behind_and_a_ghost_do_not_keep_the_rules_from_looking():
    crowd = [face(50), face(box=(0.0, 0.2, 0.1, 0.3)), face(box=(0.0, 0.0, 1.0, 1.0), score=0.3)]
    assert [flag.label for flag in flags(at_8_fps(lambda _: crowd, 4))] == ["right"]


def test_the_candidate_is_the_only_face_near_enough():
    assert candidate(POLICY, Observation(at_ms=0)) is None
    assert candidate(POLICY, Observation(at_ms=0, faces=(face(box=(0.5, 0.5, 0.52, 0.54)),))) is None
    assert candidate(POLICY, Observation(at_ms=0, faces=(face(),))) == face()


def speaking(t):
    """Four syllables a second; the lips part by a quarter of the mouth's width."""
    return [face(mouth_open=0.02 + 0.125 * (1 - math.cos(2 * math.pi * 3.7 * t)))]


def test_a_mouth_that_opens_and_closes_for_seconds_is_talking():
    (flag,) = flags(at_8_fps(speaking, 8), models={"face_landmark": "ab", "iris_landmark": "cd"})
    assert flag.kind is FlagKind.TALKING
    assert flag.why.models == {"face_landmark": "ab"}


@pytest.mark.parametrize(
    "mouth",
    [lambda _: 0.3, lambda t: 0.02 + 0.01 * (int(8 * t) % 3), lambda t: 0.5 if 2 <= t < 4 else 0.02],
    ids=["held open", "trembling", "one yawn"],
)
def test_a_mouth_that_is_held_open_trembles_or_yawns_is_not_talking(mouth):
    assert flags(at_8_fps(lambda t: [face(mouth_open=mouth(t))], 8)) == []


def test_what_a_turned_head_does_with_its_mouth_is_not_known():
    look = Talking(POLICY)
    assert all(look(seen) is None for seen in at_8_fps(lambda t: [replace(speaking(t)[0], pose=Pose(40, 0, 0))], 2))


def test_where_there_is_a_microphone_talking_takes_a_mouth_and_a_voice():
    def mumbling(t):
        return [replace(speaking(t)[0], mouth_open=speaking(t)[0].mouth_open / 4)]

    scores = []
    for voice in (0.0, None, 0.25, 0.5, 1.0):
        look = Talking(POLICY)
        scores.append([look(replace(seen, voice=voice)) for seen in at_8_fps(mumbling, 2)][-1].score)
    silent, unheard, hardly, half, heard = scores
    assert silent == 0.0
    assert hardly == pytest.approx(unheard / 2)
    assert unheard == half == heard > 0


def test_a_voice_while_the_mouth_is_shut_is_not_the_candidates_and_no_flag():
    def heard(mouth):
        return [replace(seen, voice=1.0) for seen in at_8_fps(mouth, 8)]

    assert flags(heard(lambda _: [face(mouth_open=0.02)])) == []
    (flag,) = flags(heard(speaking), models={"face_landmark": "ab", "silero_vad": "cd"})
    assert flag.kind is FlagKind.TALKING
    assert flag.why.models == {"face_landmark": "ab", "silero_vad": "cd"}


def test_a_mouth_that_chews_in_silence_is_no_talking():
    assert flags([replace(seen, voice=0.0) for seen in at_8_fps(speaking, 8)]) == []


def test_talking_needs_half_a_second_and_starts_again_with_a_new_session():
    look = Talking(POLICY)
    first = [look(seen) for seen in at_8_fps(speaking, 1, from_ms=60_000)]
    assert first[:4] == [None] * 4
    assert first[4] is not None
    assert look(at_8_fps(speaking, 0)[0]) is None


def looked_at_twice_a_second(hidden):
    """What a face's cover is by the time in seconds, for the frames in which it is looked at."""
    return lambda t: [face(hidden=hidden(t) if t % 0.5 == 0 else None)]


def test_a_hidden_face_is_flagged_only_where_somebody_measured_it():
    assert flags(at_8_fps(lambda _: [face()], 12)) == []
    (flag,) = flags(
        at_8_fps(looked_at_twice_a_second(lambda _: 0.9), 12), models={"face_landmark": "ab", "other": "cd"}
    )
    assert (flag.kind, flag.technical, flag.why.boxes) == (FlagKind.FACE_HIDDEN, False, (BOX,))
    assert flag.why.models == {"face_landmark": "ab"}
    assert flag.raised_ms == flag.started_ms + POLICY.rules.face_hidden.dwell_ms


@pytest.mark.parametrize("seconds", [1, 3, 4.5])
def test_a_sip_a_cough_and_a_handkerchief_are_nothing(seconds):
    assert flags(at_8_fps(looked_at_twice_a_second(lambda t: 0.9 if 5 <= t < 5 + seconds else 0.1), 30)) == []


def test_who_thinks_with_a_hand_at_the_mouth_is_told_of_once_a_minute_at_the_most():
    thinking = looked_at_twice_a_second(lambda t: 0.9 if t % 20 < 12 else 0.1)
    assert len(flags(at_8_fps(thinking, 180))) <= 3


def test_a_policy_can_let_faces_be_covered():
    off = replace(POLICY.rules.face_hidden, enabled=False)
    policy = replace(POLICY, rules=replace(POLICY.rules, face_hidden=off))
    assert flags(at_8_fps(looked_at_twice_a_second(lambda _: 0.9), 12), policy) == []


@pytest.fixture(scope="module")
def landmarks(runtime):
    mesh, iris = (runtime.load(Catalogue().path(name)) for name in ("face_landmark", "iris_landmark"))
    return FaceLandmarks(mesh, IrisGaze(iris))


def watched(clip, faces, landmarks, fps=6):
    path = FacePath(faces, landmarks)
    import av

    due_ms = 0.0
    with av.open(str(clip)) as video:
        for frame in video.decode(video=0):
            at_ms = round(frame.time * 1000)
            if at_ms >= due_ms:
                due_ms += 1000 / fps
                planes = frame.to_ndarray(format="yuv420p")
                picture = from_i420(planes.tobytes(), frame.width, frame.height)
                yield Observation(at_ms=at_ms, faces=path.follow(picture, at_ms))


STRONG_TURNS = ((1900, 2550, "right"), (25_100, 26_750, "right"), (27_900, 28_650, "left"))
MILD = (2650, 25_000)


@pytest.mark.media
def test_each_strong_turn_is_found_with_a_short_dwell_and_none_with_the_shipped_one(media, faces, landmarks):
    observations = list(watched(media / "clips" / "a1_webcam_lab_head_turns.mp4", faces, landmarks))
    assert flags(observations) == []
    short = replace(POLICY.rules.looking_away, dwell_ms=400)
    found = flags(observations, replace(POLICY, rules=replace(POLICY.rules, looking_away=short)))
    for from_ms, to_ms, side in STRONG_TURNS:
        shared = [min(flag.ended_ms, to_ms) - max(flag.started_ms, from_ms) for flag in found if flag.label == side]
        assert max(shared) >= 0.8 * (to_ms - from_ms)
    elsewhere = [flag for flag in found if not (flag.started_ms >= MILD[0] and flag.ended_ms <= MILD[1])]
    assert len(elsewhere) == len(STRONG_TURNS)


@pytest.mark.media
@pytest.mark.parametrize(
    "clip",
    [
        *("a2_desk_phone_brief", "a3_two_candidates", "a4_identity_swap_M_to_O", "a5_second_face_appears"),
        "a6_person_in_out_backview",
    ],
)
def test_people_who_write_nod_sign_or_smile_raise_nothing(media, faces, landmarks, clip):
    assert flags(watched(media / "clips" / f"{clip}.mp4", faces, landmarks)) == []
