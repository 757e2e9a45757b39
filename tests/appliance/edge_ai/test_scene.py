import cv2
import numpy as np
import pytest

from appliance.edge_ai.picture import from_rgb
from appliance.edge_ai.scene import Background, SceneWatch, displacement
from proctoring.observation import Face, Item

RNG = np.random.default_rng(5)


def room(shift=0, down=0, noise=0.0):
    """A wall of coloured cards, seen by a camera that was moved by some pixels."""
    small = np.random.default_rng(1).integers(30, 220, (60, 100, 3)).astype(np.uint8)
    wall = cv2.resize(small, (1600, 960), interpolation=cv2.INTER_NEAREST)
    seen = wall[120 + down : 840 + down, 160 + shift : 1440 + shift].astype(np.float32)
    return seen + RNG.normal(0, noise, seen.shape) if noise else seen


def picture(rgb):
    return from_rgb(rgb.clip(0, 255).astype(np.uint8))


def with_person(rgb, left):
    """A plain figure somewhere in front of the wall, and the box that a detector would give."""
    rgb = rgb.copy()
    rgb[160:, left : left + 300] = np.random.default_rng(2).integers(0, 255, (7, 3, 3)).repeat(80, 0).repeat(100, 1)
    return rgb, Item("person", 0.9, (left / 1280, 160 / 720, (left + 300) / 1280, 1.0))


def shifts(*frames):
    watch = SceneWatch()
    return [watch.measure(picture(rgb), 1000 * n, (), items).shift for n, (rgb, items) in enumerate(frames)]


@pytest.mark.parametrize(("right", "down"), [(0, 0), (30, 0), (100, 60), (150, 0)])
def test_a_moved_camera_is_measured_in_widths_of_the_picture(right, down):
    start, moved = shifts((room(noise=4), ()), (room(right, down, noise=4), ()))
    assert start == 0
    assert moved == pytest.approx(np.hypot(right, down) / 1280, abs=0.006)


def test_a_person_who_moves_is_no_moved_camera():
    before, after = with_person(room(), 200), with_person(room(), 700)
    assert shifts((before[0], (before[1],)), (after[0], (after[1],)))[-1] == pytest.approx(0, abs=0.004)


def with_papers(rgb, left):
    """White sheets that lie on a fifth of the picture."""
    rgb = rgb.copy()
    rgb[420:700, left : left + 600] = 250
    return rgb


class Counted(Background):
    """Counts how often the features were looked for."""

    def __init__(self):
        super().__init__()
        self.compared = 0

    def _compared(self, grey, mask):
        self.compared += 1
        return super()._compared(grey, mask)


def test_papers_that_are_moved_on_a_desk_are_no_reason_to_look_for_the_background_again():
    background = Counted()
    seen = [background.shift(picture(with_papers(room(), left)).grey(320), ()) for left in (0, 300, 600, 40)]
    assert (seen, background.compared) == ([0, 0, 0, 0], 1)


@pytest.mark.parametrize(
    ("stripes", "right", "down"),
    [("upright", 30, 0), ("level", 0, 30), ("both", 30, 0), ("both", 0, 30), ("both", 30, 30)],
)
def test_a_camera_that_moves_takes_its_edges_along_and_is_compared(stripes, right, down):
    rows, columns = np.mgrid[:960, :1600]
    shade = {"upright": columns // 40 % 2, "level": rows // 40 % 2, "both": (columns // 40 + rows // 40) % 2}[stripes]
    wall = np.repeat((60 + 120 * shade)[..., None], 3, axis=2)
    views = [wall[100:820, 100:1380], wall[100 + down : 820 + down, 100 + right : 1380 + right]]
    background = Counted()
    for view in views:
        background.shift(picture(view).grey(320), ())
    assert background.compared == 2


def test_another_place_altogether_and_a_plain_wall_say_nothing(plain):
    other = cv2.resize(
        RNG.integers(30, 220, (60, 100, 3)).astype(np.uint8), (1280, 720), interpolation=cv2.INTER_NEAREST
    )
    assert shifts((room(), ()), (other, ()))[-1] is None
    assert SceneWatch().measure(plain(128), 0, (), ()).shift is None


def test_the_view_is_compared_once_a_second_and_persons_are_remembered_in_between():
    watch = SceneWatch()
    rgb, person = with_person(room(), 200)
    looks = [
        watch.measure(picture(rgb), at_ms, (), (person,) if at_ms == 0 else None).shift for at_ms in (0, 500, 1000)
    ]
    assert looks == [0, None, 0]


def test_a_new_session_starts_from_the_view_that_it_has():
    watch = SceneWatch()
    assert watch.measure(picture(room()), 5000, (), ()).shift == 0
    assert watch.measure(picture(room(100)), 6000, (), ()).shift > 0.05
    assert watch.measure(picture(room(100)), 0, (), ()) == watch.measure(picture(room(100)), 0, (), ()).__class__(
        shift=0, still_ms=0, motion=None
    )


def test_only_a_picture_that_repeats_exactly_is_still():
    watch, frozen = SceneWatch(), picture(room(noise=2))
    still = [watch.measure(frozen, at_ms, (), ()).still_ms for at_ms in (0, 500, 1000)]
    assert still == [0, 500, 1000]
    assert watch.measure(picture(room(noise=2)), 1500, (), ()).still_ms == 0


def test_whether_a_picture_is_still_is_looked_at_twice_a_second():
    watch, frozen = SceneWatch(), picture(room(noise=2))
    still = [watch.measure(frozen, at_ms, (), None).still_ms for at_ms in range(0, 625, 125)]
    assert still == [0, None, None, None, 500]


def test_motion_is_measured_four_times_a_second_and_where_things_were_looked_for():
    watch = SceneWatch()
    looks = {0: None, 125: None, 250: None, 375: None, 500: (), 625: None, 750: None}
    seen = picture(room(noise=2))
    measured = {at_ms: watch.measure(seen, at_ms, (), items).motion for at_ms, items in looks.items()}
    assert [at_ms for at_ms, motion in measured.items() if motion is not None] == [125, 375, 500, 750]


def test_motion_is_the_share_that_changed():
    watch = SceneWatch()
    half = room()
    half[:, 640:] = 255 - half[:, 640:]
    assert watch.measure(picture(room()), 0, (), ()).motion is None
    assert watch.measure(picture(room(noise=2)), 125, (), ()).motion == pytest.approx(0, abs=0.01)
    assert 0.3 < watch.measure(picture(half), 250, (), ()).motion <= 0.5


def test_faces_are_left_out_too():
    everywhere = Face(0.9, (0.0, 0.0, 1.0, 1.0))
    assert SceneWatch().measure(picture(room()), 0, (everywhere,), None).shift is None


def test_points_that_go_their_own_ways_have_no_displacement():
    before = RNG.uniform(0, 300, (40, 2)).astype(np.float32)
    assert displacement(before, before + np.float32([9, 0]), (150, 80)) == pytest.approx(9, abs=0.1)
    assert displacement(before, RNG.permutation(before), (150, 80)) is None
    assert displacement(before[:5], before[:5], (150, 80)) is None


def test_the_start_is_the_first_view_with_something_in_it():
    background, grey = Background(), picture(room()).luma[::4, ::4].copy()
    assert background.shift(np.zeros_like(grey), ()) is None
    assert background.shift(grey, ()) == 0


def test_the_background_is_looked_for_anew_once_a_person_who_hid_it_sits_back():
    watch, near = SceneWatch(), Item("person", 0.9, (0.0, 0.0, 0.97, 1.0))
    back = Item("person", 0.9, (0.4, 0.3, 0.6, 1.0))
    views = [(room(), near), (room(), back), (room(150), back)]
    seen = [watch.measure(picture(rgb), 1000 * n, (), (one,)).shift for n, (rgb, one) in enumerate(views)]
    assert seen == [None, 0, pytest.approx(150 / 1280, abs=0.006)]
