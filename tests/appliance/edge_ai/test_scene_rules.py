import json

import av
import pytest

from appliance.edge_ai import light
from appliance.edge_ai.picture import from_i420
from appliance.edge_ai.scene import SceneWatch
from appliance.edge_ai.scene_rules import rules_of
from proctoring.flag import FlagKind, feed_all
from proctoring.observation import Face, Item, Light, Observation, Scene
from proctoring.policy import Policy

SHARP = {"glare": 0.0, "sharpness": 0.7}
LIT = Light(mean=0.4, spread=0.2, **SHARP)
FACE = Face(0.9, (0.4, 0.2, 0.6, 0.5))
PERSON = Item("person", 0.8, (0.3, 0.1, 0.7, 1.0))


def flags(seconds, per_s=4, **seen):
    """The kinds that are raised when every frame says the same."""
    rules = rules_of(Policy(), {})
    every_ms = 1000 // per_s
    raised = [
        flag
        for at_ms in range(0, 1000 * seconds, every_ms)
        for flag in feed_all(rules, Observation(at_ms=at_ms, **{"light": LIT, **seen}))
    ]
    return {flag.kind: flag for flag in raised}


def test_a_usual_view_raises_nothing():
    scene = Scene(shift=0.004, still_ms=0, motion=0.1)
    assert flags(40, scene=scene, faces=(FACE,), items=(PERSON,)) == {}


@pytest.mark.parametrize(
    ("kind", "seen", "within_s"),
    [
        (FlagKind.CAMERA_MOVED, {"scene": Scene(shift=0.15)}, 5),
        (FlagKind.CAMERA_FROZEN, {"scene": Scene(still_ms=125)}, 5),
        (FlagKind.TOO_BRIGHT, {"light": Light(mean=0.9, spread=0.2, glare=0.5, sharpness=0.7)}, 3),
        (FlagKind.BLURRED, {"light": Light(mean=0.4, spread=0.2, glare=0.0, sharpness=0.2)}, 3),
    ],
)
def test_what_is_wrong_with_the_camera_is_technical_and_waits_for_its_dwell(kind, seen, within_s):
    assert flags(within_s, **seen) == {}
    raised = flags(within_s + 1, **seen)
    assert set(raised) == {kind}
    assert raised[kind].technical


def test_an_empty_seat_is_flagged_after_ten_seconds():
    assert flags(10, faces=(), items=()) == {}
    assert set(flags(11, faces=(), items=())) == {FlagKind.LEFT_SEAT}
    assert not flags(11, faces=(), items=())[FlagKind.LEFT_SEAT].technical


@pytest.mark.parametrize(
    "seen",
    [
        {"faces": (), "items": (PERSON,)},
        {"faces": (FACE,), "items": ()},
        {"faces": (), "items": None},
        {"faces": (), "items": (), "light": Light(mean=0.02, spread=0.01, **SHARP)},
    ],
    ids=["a person from behind", "a face alone", "nobody looked for persons", "darkness"],
)
def test_a_seat_is_not_empty_where_somebody_is_or_may_be(seen):
    assert FlagKind.LEFT_SEAT not in flags(20, **seen)


def test_somebody_far_behind_does_not_fill_the_seat():
    passer_by = Item("person", 0.8, (0.1, 0.3, 0.15, 0.5))
    assert FlagKind.LEFT_SEAT in flags(11, faces=(), items=(passer_by,))


def test_darkness_is_not_blurred_as_well():
    assert flags(10, light=Light(mean=0.02, spread=0.01, glare=0.0, sharpness=0.1)) == {}


def test_models_that_had_a_say_are_named():
    seat = next(rule for rule in rules_of(Policy(), {"nanodet_416_int8": "ab"}) if rule.kind is FlagKind.LEFT_SEAT)
    assert seat._models == {"nanodet_416_int8": "ab"}


@pytest.mark.media
def test_the_clips_raise_nothing_about_the_camera(media):
    for path in sorted((media / "clips").glob("*.mp4")):
        rules, watch = rules_of(Policy(), {}), SceneWatch()
        for at_ms, picture in stills(path):
            scene = watch.measure(picture, at_ms, None, None)
            seen = Observation(at_ms=at_ms, light=light.measure(picture), scene=scene)
            assert feed_all(rules, seen) == [], json.dumps([path.name, at_ms])


def stills(path, every_ms=250):
    due_ms = 0
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            if 1000 * frame.time >= due_ms:
                due_ms += every_ms
                planes = frame.reformat(format="yuv420p").to_ndarray()
                yield round(1000 * frame.time), from_i420(planes.tobytes(), frame.width, frame.height)
