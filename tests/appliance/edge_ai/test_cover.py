import cv2
import numpy as np
import pytest

from appliance.edge_ai.cover import EYES, FACE, FIRST, LOOK_MS, MOUTH, STALE_MS, CoverWatch
from appliance.edge_ai.landmarks import MESH_POINTS, FaceLandmarks, Mesh, outline_of, pose_of
from appliance.edge_ai.picture import from_i420, from_rgb
from proctoring.observation import Pose
from proctoring.policy import Policy

HIT = Policy().rules.face_hidden.threshold
UPRIGHT = Pose(2.0, -5.0, 0.0)
USUAL, COVERED = 24.0, 7.0
"""How sure the mesh is of an open face, and of one with a hand over the mouth."""

MOUTH_ROWS, EYE_ROWS, FACE_ROWS = slice(110, 180), slice(40, 75), slice(80, 105)


def points():
    """The mesh's points, those of each part within its own rows."""
    places = np.full((MESH_POINTS, 3), 96, np.float32)
    for part, rows in ((MOUTH, MOUTH_ROWS), (EYES, EYE_ROWS), (FACE, FACE_ROWS)):
        across = np.linspace(30, 160, len(part))
        down = np.linspace(rows.start + 4, rows.stop - 4, 7)
        places[part, 0], places[part, 1] = across, down[np.arange(len(part)) * 3 % 7]
    return places


PLACES = points()


def pattern(seed, spread):
    """Blotches about 0, (192, 192, 1)."""
    coarse = np.random.default_rng(seed).normal(0, spread, (16, 16)).astype(np.float32)
    return cv2.resize(coarse, (192, 192), interpolation=cv2.INTER_CUBIC)[..., None]


def skin(seed=1, laughs=0.0):
    """A face: light that varies, and redness with it; `laughs` is how much of the mouth has another form."""
    light, red = pattern(seed, 25), pattern(seed + 1, 8)
    other_light, other_red = pattern(seed + 7, 25), pattern(seed + 8, 8)
    changed = np.zeros_like(light)
    changed[MOUTH_ROWS] = laughs
    light, red = light + changed * (other_light - light), red + changed * (other_red - red)
    return shown(np.float32([170, 125, 105]) + light + red * np.float32([1, 0, 0]))


def shown(colours):
    return np.clip(colours, 0, 255).astype(np.uint8)


def with_mask(face, colour=(170, 125, 105)):
    """Something of one colour over the mouth: by default the skin's own."""
    covered = face.copy()
    covered[MOUTH_ROWS] = colour
    return covered


def in_glasses(face, light):
    dark = face.astype(np.float32)
    dark[EYE_ROWS] *= light
    return shown(dark)


class Desk:
    """A camera before one face."""

    def __init__(self, plain):
        self.picture = plain(128)
        self.watch = CoverWatch()
        self.at_ms = 0

    def looks(self, face, sureness=USUAL, times=1, pose=UPRIGHT, places=PLACES, pause_ms=LOOK_MS):
        """The scores of so many looks."""
        scores = []
        for _ in range(times):
            mesh = Mesh(places, sureness, face, PLACES)
            scores.append(self.watch.measure(self.picture, mesh, pose, self.at_ms))
            self.at_ms += pause_ms
        return scores


@pytest.fixture
def desk(plain):
    return Desk(plain)


@pytest.fixture
def known(desk):
    """A desk whose candidate has been seen for a while, with a little of a laugh now and then."""
    for step in range(FIRST):
        desk.looks(skin(laughs=0.05 * step), USUAL - step)
    return desk


def test_the_first_looks_are_taken_as_they_are_and_an_open_face_stays_open(desk):
    assert desk.looks(skin(), times=FIRST) == [None] * FIRST
    assert max(desk.looks(skin(), USUAL - 2, times=20)) < 0.2


@pytest.mark.parametrize("colour", [(170, 125, 105), (235, 235, 235), (25, 25, 28), (120, 170, 210)])
def test_a_mouth_under_anything_is_covered_also_under_the_colour_of_the_skin(known, colour):
    assert min(known.looks(with_mask(skin(), colour), COVERED, times=8)) >= HIT


def test_a_mouth_that_lost_its_redness_alone_is_covered_for_a_cloth_is_shaded_like_the_face_under_it(known):
    pale = skin()
    green = pale[MOUTH_ROWS, :, 1:2].astype(np.float32)
    pale[MOUTH_ROWS] = shown(green * np.float32([1.3, 1.0, 0.8]))
    assert min(known.looks(pale, COVERED, times=8)) >= HIT


def test_a_laugh_is_no_cover_for_the_mesh_is_as_sure_as_ever(known):
    assert max(known.looks(skin(laughs=1.0), USUAL - 4, times=8)) < HIT


def test_a_lens_out_of_focus_is_no_cover_for_the_mouth_is_as_it_was(known):
    assert max(known.looks(cv2.blur(skin(), (9, 9)), COVERED, times=8)) < HIT


@pytest.mark.parametrize(("light", "is_dark"), [(0.25, True), (0.5, True), (0.85, False), (1.3, False)])
def test_dark_glasses_are_found_and_clear_ones_are_nothing(known, light, is_dark):
    scores = known.looks(in_glasses(skin(), light), times=4)
    assert (min(scores) >= HIT) == is_dark and (max(scores) >= HIT) == is_dark


@pytest.mark.parametrize(
    "light", [np.float32([0.5, 0.5, 0.5]), np.float32([1.15, 1.0, 0.7]), np.float32([0.8, 1, 1.2])]
)
def test_another_light_is_no_cover(known, light):
    assert max(known.looks(shown(skin() * light), USUAL - 9, times=8)) < HIT


def test_a_camera_without_colours_serves_as_well(desk):
    grey = np.repeat(skin()[..., 1:2], 3, axis=2)
    desk.looks(grey, times=FIRST)
    assert max(desk.looks(grey, COVERED, times=4)) < HIT
    assert min(desk.looks(with_mask(grey, (125, 125, 125)), COVERED, times=4)) >= HIT


def test_who_is_covered_from_the_start_is_not_told_of_it(desk):
    veiled = in_glasses(with_mask(skin(), (30, 30, 40)), 0.3)
    assert set(desk.looks(veiled, COVERED, times=60)) == {None}


def test_who_came_with_a_mask_takes_it_off_to_drink_and_puts_it_on_again_is_not_measured(desk):
    masked = with_mask(skin(), (120, 170, 210))
    looks = [desk.looks(*look, times=20) for _ in range(5) for look in ((masked, COVERED), (skin(), USUAL))]
    assert {score for scores in looks for score in scores} == {None}


def test_a_cover_never_becomes_usual_however_long_it_stays(known):
    scores = known.looks(with_mask(skin()), COVERED, times=20 * STALE_MS // LOOK_MS)
    assert min(scores) >= HIT


def test_what_changes_slowly_is_learned(known):
    """An afternoon: shadows wander over the face until nothing of the morning's pattern is left."""
    scores = [score for step in range(60) for score in known.looks(skin(laughs=step / 60), 14.0, pause_ms=STALE_MS)]
    assert max(scores) < HIT
    assert max(known.looks(skin(laughs=1.0), 14.0, times=4)) < 0.2


@pytest.mark.parametrize("pose", [Pose(28, 0, 0), Pose(-28, 0, 0), Pose(0, -40, 0)])
def test_nobody_is_measured_from_the_side_nor_bent_over_the_paper_however_often_seen_so(known, pose):
    assert known.looks(skin(), times=8, pose=pose) == [None] * 8
    assert known.looks(with_mask(skin()), COVERED, times=8, pose=pose) == [None] * 8


def test_a_pose_that_was_never_seen_is_not_compared_but_learned_while_the_face_is_open(known):
    raised = Pose(0, 25, 0)
    assert known.looks(with_mask(skin()), COVERED, times=4, pose=raised) == [None] * 4
    assert known.looks(skin(), pose=raised) == [None]
    assert min(known.looks(with_mask(skin()), COVERED, times=4, pose=raised)) >= HIT


def test_the_first_three_looks_in_a_new_pose_are_learned_a_laugh_among_them(known):
    raised = Pose(0, 25, 0)
    known.looks(skin(), pose=raised)
    known.looks(skin(laughs=0.7), pose=raised)
    assert known.looks(skin(laughs=0.9), USUAL - 10, pose=raised)[0] < 0.2


def test_a_chin_beyond_the_pictures_edge_is_not_measured(known):
    cut = PLACES + np.float32([0, 720 - 150, 0])
    assert known.looks(with_mask(skin()), COVERED, times=4, places=cut) == [None] * 4


def test_two_looks_a_second_are_enough(known):
    scores = known.looks(skin(), times=40, pause_ms=125)
    assert sum(score is not None for score in scores) == 10


# --- real models on real pictures ---------------------------------------------------------------------

CHEEKS_AND_JAW = (116, 118, 195, 347, 345, 454, 361, 397, 379, 152, 150, 172, 132, 234)


def frames(clip, from_s, to_s, per_s=4):
    import av

    due_s = from_s
    with av.open(str(clip)) as video:
        for frame in video.decode(video=0):
            if due_s <= frame.time < to_s:
                due_s += 1 / per_s
                yield (
                    round(frame.time * 1000),
                    from_i420(frame.to_ndarray(format="yuv420p").tobytes(), frame.width, frame.height),
                )


def masked(picture, mesh):
    """The picture with a mask in the colour of the face's own skin, drawn along its mesh."""
    rgb = picture.rgb(picture.width, picture.height)
    outline = np.rint(mesh.points[list(CHEEKS_AND_JAW), :2]).astype(np.int32)
    across, down = np.rint(mesh.points[[50, 280, 9], :2]).astype(int).T
    cv2.fillPoly(rgb, [outline], np.median(rgb[down, across], axis=0).tolist(), cv2.LINE_AA)
    return from_rgb(rgb)


@pytest.mark.media
@pytest.mark.parametrize(
    ("clip", "span"), [("a4_identity_swap_M_to_O", (0, 12.7)), ("a5_second_face_appears", (0, 5))]
)
def test_a_mask_in_the_skins_own_colour_is_found_on_real_faces_and_the_faces_alone_are_not(
    media, faces, mesh_model, clip, span
):
    landmarks, watch, opened, covered = FaceLandmarks(mesh_model), CoverWatch(), [], []
    seen = [
        (at_ms, picture, faces.find(picture)) for at_ms, picture in frames(media / "clips" / f"{clip}.mp4", *span)
    ]
    looked = [(at_ms, picture, outline_of(found[0], 1280, 720)) for at_ms, picture, found in seen if found]
    for covers, scores, later_ms in ((False, opened, 0), (True, covered, 60_000)):
        for at_ms, picture, outline in looked:
            mesh = landmarks.mesh(picture, outline)
            if covers:
                mesh = landmarks.mesh(masked(picture, mesh), outline)
            scores.append(watch.measure(picture, mesh, pose_of(mesh.points), at_ms + later_ms))
    opened, covered = ([score for score in scores if score is not None] for scores in (opened, covered))
    assert len(opened) >= 3 and len(covered) >= 8
    assert np.mean(np.array(opened) >= HIT) <= 0.1
    assert np.mean(np.array(covered) >= HIT) >= 0.8
