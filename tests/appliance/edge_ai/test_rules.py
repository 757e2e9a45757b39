import cv2
import numpy as np
import pytest

from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.light import measure
from appliance.edge_ai.picture import from_i420, from_rgb
from appliance.edge_ai.rules import (
    camera_covered,
    face_absent,
    prohibited,
    rules_of,
    second_person,
    several_faces,
    too_dark,
)
from proctoring.flag import FlagKind, feed_all
from proctoring.observation import Face, Item, Light, Observation
from proctoring.policy import Policy, Sizes

POLICY = Policy()
ROOM = Light(mean=0.45, spread=0.22)


def face(left, height=0.3, score=0.9):
    return Face(score, (left, 0.2, left + 0.15, 0.2 + height))


def person(left, height=0.8, score=0.7, width=0.3):
    return Item("person", score, (left, 0.1, left + width, 0.1 + height))


def seen(*things, light=ROOM, at_ms=0):
    return Observation(
        at_ms=at_ms,
        light=light,
        faces=tuple(thing for thing in things if isinstance(thing, Face)),
        items=tuple(thing for thing in things if isinstance(thing, Item)),
    )


def test_a_second_face_as_large_as_the_candidates_counts_with_its_own_score():
    look = several_faces(Sizes(), seen(face(0.2, score=0.9), face(0.6, score=0.7)))
    assert look.score == 0.7
    assert len(look.boxes) == 2


def test_a_face_far_behind_the_candidate_does_not_count():
    assert several_faces(Sizes(), seen(face(0.2, 0.5), face(0.6, 0.1))).score == 0


def test_a_person_far_behind_the_candidate_is_no_second_person():
    assert second_person(Sizes(), seen(person(0.1, 0.85), person(0.7, 0.45))).score == 0


def test_a_person_beside_the_candidate_is_a_second_person():
    assert second_person(Sizes(), seen(person(0.1), person(0.6, 0.75, 0.55))).score == 0.55


def test_one_person_framed_twice_is_one_person():
    whole, part = person(0.1, 0.85, 0.8, 0.6), person(0.2, 0.8, 0.6, 0.35)
    assert second_person(Sizes(), seen(whole, part)).score == 0


def test_a_thing_counts_under_its_own_label_only():
    phone = Item("cell phone", 0.6, (0.4, 0.8, 0.5, 0.9))
    assert prohibited("cell phone", seen(phone)).score == 0.6
    assert prohibited("book", seen(phone)).score == 0


def test_no_face_in_a_lit_room_is_an_absent_face():
    assert face_absent(POLICY, seen()).score == 1
    assert face_absent(POLICY, seen(face(0.4, score=0.9))).score == pytest.approx(0.1)


@pytest.mark.parametrize("light", [Light(mean=0.03, spread=0.08), Light(mean=0.4, spread=0.01)])
def test_no_face_where_nothing_can_be_seen_is_technical(light):
    assert face_absent(POLICY, seen(light=light)) is None


def test_a_covered_camera_is_covered_and_not_also_dark():
    black = seen(light=Light(mean=0.0, spread=0.0))
    assert camera_covered(black).score == 1
    assert too_dark(POLICY, black).score == 0


def test_a_dark_room_is_dark_and_not_covered():
    dark = seen(light=Light(mean=0.05, spread=0.09))
    assert too_dark(POLICY, dark).score >= 0.5
    assert camera_covered(dark).score < 0.5


def test_a_frame_that_was_not_searched_says_nothing():
    unsearched = Observation(at_ms=0)
    looks = [
        camera_covered(unsearched),
        too_dark(POLICY, unsearched),
        face_absent(POLICY, unsearched),
        several_faces(Sizes(), unsearched),
        second_person(Sizes(), unsearched),
        prohibited("book", unsearched),
    ]
    assert looks == [None] * 6


def raised(observations, policy=POLICY):
    rules = rules_of(policy, {"nanodet_416_int8": "cafe", "face_detection_full_range": "beef"})
    return [flag for observation in observations for flag in feed_all(rules, observation) if flag.ended_ms is None]


def test_a_phone_that_shows_for_half_a_second_is_flagged_with_its_label_and_its_model():
    phone = Item("cell phone", 0.5, (0.5, 0.7, 0.55, 0.8))
    (flag,) = raised(
        seen(face(0.4), phone, at_ms=at) if at <= 600 else seen(face(0.4), at_ms=at) for at in range(0, 3000, 125)
    )
    assert (flag.kind, flag.label, flag.technical) == (FlagKind.PROHIBITED_OBJECT, "cell phone", False)
    assert flag.why.models == {"nanodet_416_int8": "cafe"}
    assert flag.why.boxes == (phone.box,)


def test_a_phone_in_a_single_frame_is_not_flagged():
    phone = Item("cell phone", 0.9, (0.5, 0.7, 0.55, 0.8))
    assert raised(seen(face(0.4), *([phone] if at == 500 else []), at_ms=at) for at in range(0, 3000, 125)) == []


def test_what_the_exam_allows_is_not_flagged():
    book = Item("book", 0.9, (0.5, 0.7, 0.7, 0.9))
    allowed = Policy(prohibited=("cell phone",))
    assert raised((seen(face(0.4), book, at_ms=at) for at in range(0, 3000, 125)), allowed) == []
    assert [flag.label for flag in raised(seen(face(0.4), book, at_ms=at) for at in range(0, 3000, 125))] == ["book"]


@pytest.mark.parametrize("fps", [5, 8, 10])
def test_a_second_face_for_three_seconds_is_one_flag_at_any_rate(fps):
    times = range(0, 10_000, 1000 // fps)
    flags = raised(seen(face(0.2), *([face(0.6)] if 3000 <= at < 6000 else []), at_ms=at) for at in times)
    assert [flag.kind for flag in flags] == [FlagKind.SEVERAL_FACES]
    assert flags[0].raised_ms < 4200


def test_lights_out_is_one_technical_flag_and_no_absent_candidate():
    flags = raised(seen(light=Light(mean=0.04, spread=0.08), at_ms=at) for at in range(0, 10_000, 125))
    assert [(flag.kind, flag.technical) for flag in flags] == [(FlagKind.TOO_DARK, True)]


def scene():
    """A room with a little of everything: ramps and edges."""
    across, down = np.meshgrid(np.linspace(60, 200, 1280), np.linspace(0, 60, 720))
    room = (across + down).astype(np.uint8)
    room[400:, 200:700] = 70
    room[100:300, 900:1100] = 230
    return np.repeat(room[:, :, None], 3, axis=2)


def test_a_room_a_dark_room_and_a_covered_lens_are_told_apart():
    room = scene()
    hand = 30 + cv2.GaussianBlur(room, (0, 0), 100) // 20
    kinds = {
        name: [
            flag.kind
            for flag in raised(Observation(at_ms=at, light=measure(from_rgb(picture))) for at in range(0, 5000, 250))
        ]
        for name, picture in {"room": room, "dark": room // 6, "hand": hand, "black": room * 0}.items()
    }
    assert kinds == {
        "room": [],
        "dark": [FlagKind.TOO_DARK],
        "hand": [FlagKind.CAMERA_COVERED],
        "black": [FlagKind.CAMERA_COVERED],
    }


def watched(clip, analyser, fps, offset_ms):
    """All flags of a clip, analysed at `fps` from `offset_ms` on."""
    import av

    rules, due_ms, flags = rules_of(POLICY, {}), float(offset_ms), {}
    with av.open(str(clip)) as video:
        for frame in video.decode(video=0):
            at_ms = round(frame.time * 1000)
            if at_ms < due_ms:
                continue
            due_ms += 1000 / fps
            planes = frame.to_ndarray(format="yuv420p")
            picture = from_i420(planes.tobytes(), frame.width, frame.height)
            flags |= {flag.id: flag for flag in feed_all(rules, analyser.observe(picture, at_ms))}
    flags |= {flag.id: flag for rule in rules if (flag := rule.finish())}
    return list(flags.values())


@pytest.fixture
def analyser(face_path, items):
    return Analyser(face_path, items)


def overlapping(flags, kinds, from_ms, to_ms):
    return [flag for flag in flags if flag.kind in kinds and flag.started_ms < to_ms and flag.ended_ms > from_ms]


COMPANY = (FlagKind.SEVERAL_FACES, FlagKind.SECOND_PERSON)


@pytest.mark.media
@pytest.mark.parametrize(("fps", "offset_ms"), [(5, 0), (5, 130), (8, 60)])
def test_a_phone_shown_for_less_than_a_second_is_flagged(media, analyser, fps, offset_ms):
    flags = watched(media / "clips/a2_desk_phone_brief.mp4", analyser, fps, offset_ms)
    objects = [flag for flag in flags if flag.kind is FlagKind.PROHIBITED_OBJECT]
    assert [flag.label for flag in overlapping(objects, {FlagKind.PROHIBITED_OBJECT}, 4400, 5200)] == ["cell phone"]
    assert len(objects) == 1


@pytest.mark.media
def test_a_second_face_is_flagged_while_it_is_there_and_nothing_else(media, analyser):
    flags = watched(media / "clips/a5_second_face_appears.mp4", analyser, 6, 70)
    assert overlapping(flags, COMPANY, 5200, 9800)
    assert {flag.kind for flag in flags} <= set(COMPANY)


@pytest.mark.media
@pytest.mark.parametrize("clip", ["a1_webcam_lab_head_turns.mp4", "a4_identity_swap_M_to_O.mp4"])
def test_a_candidate_alone_in_a_busy_room_raises_nothing(media, analyser, clip):
    assert watched(media / "clips" / clip, analyser, 5, 40) == []


@pytest.mark.media
def test_a_desk_where_nobody_shows_a_face_is_flagged_throughout(media, analyser):
    flags = watched(media / "clips/a6_person_in_out_backview.mp4", analyser, 5, 0)
    absent = [flag for flag in flags if flag.kind is FlagKind.FACE_ABSENT]
    assert sum(flag.ended_ms - flag.started_ms for flag in absent) > 40_000
    assert len(absent) == len(flags)
