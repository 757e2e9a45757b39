"""The check-in photo: what makes one good, and how it is asked for."""

import cv2
import numpy as np
import pytest

from appliance.edge_ai.assembly import Networks, photographer
from appliance.edge_ai.check_in import LOOK_MS, SIDE_PX, CheckIn, jpeg_of, misplaced, portrait
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.identity import IDENTITY, SAME_PERSON, Identity, likeness
from appliance.edge_ai.identity_rules import rules_of
from appliance.edge_ai.picture import from_i420
from appliance.edge_ai.recognition import Recognition
from appliance.edge_ai.rules import FACES
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.simulated import SimulatedPhotographer
from appliance.runtime.clock import SimulatedClock
from proctoring.check_in import PHOTO_LIMIT, Photo, PhotoFault, PhotoStep
from proctoring.flag import feed_all
from proctoring.observation import Face, Observation, Pose
from proctoring.policy import Policy
from proctoring.session import State
from proctoring.wire import GivePhoto, MissPhoto, View


def frontal(box=(0.4, 0.2, 0.6, 0.6), eyes_px=60, pose=None):
    """A face in the middle of a picture of 1280x720."""
    x, y = 640, 300
    points = ((x - eyes_px / 2, y), (x + eyes_px / 2, y), (x, y + 0.6 * eyes_px), (x, y + 1.1 * eyes_px))
    return Face(0.9, box, tuple((px / 1280, py / 720) for px, py in points), pose=pose)


@pytest.mark.parametrize(
    ("face", "fault"),
    [
        (frontal(), None),
        (frontal(pose=Pose(15.0, -20.0, 0.0)), None),
        (frontal(box=(0.4, 0.0, 0.6, 0.4)), PhotoFault.NOT_WHOLE),
        (frontal(box=(0.8, 0.2, 1.0, 0.6)), PhotoFault.NOT_WHOLE),
        (frontal(eyes_px=15), PhotoFault.TOO_SMALL),
        (frontal(pose=Pose(28.0, 0.0, 0.0)), PhotoFault.TURNED_AWAY),
        (frontal(pose=Pose(0.0, -40.0, 0.0)), PhotoFault.TURNED_AWAY),
    ],
)
def test_a_face_must_be_whole_near_and_straight(plain, face, fault):
    assert misplaced(plain(128), face) is fault


def test_the_photo_is_the_face_with_room_around_it_and_no_larger_than_needed(plain):
    decoded = cv2.imdecode(np.frombuffer(portrait(plain(128), frontal()), np.uint8), cv2.IMREAD_COLOR)
    assert max(decoded.shape) == SIDE_PX


def test_a_photo_keeps_within_the_limit_however_crowded_the_picture():
    noise = np.random.default_rng(0).integers(0, 255, (SIDE_PX, SIDE_PX, 3)).astype(np.uint8)
    assert len(jpeg_of(cv2.GaussianBlur(noise, (0, 0), 1.2))) <= PHOTO_LIMIT
    assert jpeg_of(noise) == b"" or len(jpeg_of(noise)) <= PHOTO_LIMIT


# --- with the real networks ---


@pytest.fixture(scope="module")
def networks():
    return Networks(EdgeAISettings())


@pytest.fixture(scope="module")
def real(networks):
    return photographer(EdgeAISettings(), networks)


def test_an_empty_room_gives_no_photo(real, plain):
    assert real.take(plain(128)) is PhotoFault.NO_FACE
    assert real.person_on(b"") is None
    assert real.person_on(b"no picture") is None


@pytest.fixture(scope="module")
def frame_of(media):
    av = pytest.importorskip("av")

    def read(clip, at_s):
        with av.open(str(media / f"clips/{clip}.mp4")) as video:
            frame = next(frame for frame in video.decode(video=0) if frame.time >= at_s)
        return from_i420(frame.to_ndarray(format="yuv420p").tobytes(), frame.width, frame.height)

    return read


@pytest.mark.media
def test_who_sits_at_the_desk_is_recognised_by_their_photo_and_another_is_not(real, frame_of):
    clip = "a4_identity_swap_M_to_O"
    photo, same, other = (real.take(frame_of(clip, at_s)) for at_s in (0, 6, 16))
    assert all(isinstance(one, Photo) for one in (photo, same, other))
    person, again, stranger = (real.person_on(one.jpeg) for one in (photo, same, other))
    assert likeness(person, again) >= SAME_PERSON > likeness(person, stranger)
    assert len(photo.jpeg) <= PHOTO_LIMIT
    assert photo.quality.eyes_px > 30
    assert photo.quality.yaw_deg is not None
    assert len(photo.models) == 3


@pytest.mark.media
@pytest.mark.parametrize(
    ("clip", "at_s", "fault"),
    [
        ("a3_two_candidates", 8, PhotoFault.SEVERAL_FACES),
        ("a6_person_in_out_backview", 1, PhotoFault.NO_FACE),
        ("a2_desk_phone_brief", 0, PhotoFault.TURNED_AWAY),
    ],
)
def test_what_is_wrong_with_a_frame_is_named(real, frame_of, clip, at_s, fault):
    assert real.take(frame_of(clip, at_s)) is fault


@pytest.mark.media
def test_a_face_in_the_dark_is_too_dark_and_a_blurred_one_unclear(real, frame_of):
    good = frame_of("a4_identity_swap_M_to_O", 0)
    dark = type(good)((good.luma // 9).astype(np.uint8), good.blue, good.red)
    soft = type(good)(cv2.GaussianBlur(good.luma, (0, 0), 6), good.blue, good.red)
    assert real.take(dark) in (PhotoFault.TOO_DARK, PhotoFault.NO_FACE)
    assert real.take(soft) is PhotoFault.UNCLEAR


def watched(frames, real, networks, photo):
    """The raised flags of the identity rule over frames two a second, with the photo as reference."""
    recognition = Recognition(Identity(networks.load(IDENTITY)))
    recognition.begin(real.person_on(photo.jpeg))
    faces, rules, flags = FullRangeFaces(networks.load(FACES)), rules_of(Policy(), {}), []
    for at_ms, picture in frames:
        seen = Observation(at_ms=at_ms, faces=recognition.measure(picture, faces.find(picture), at_ms))
        flags += feed_all(rules, seen)
    return [flag for flag in flags if flag.ended_ms is None]


@pytest.fixture(scope="module")
def frames_of(media):
    av = pytest.importorskip("av")

    def read(clip, until_s=1000):
        frames, due_ms = [], 0
        with av.open(str(media / f"clips/{clip}.mp4")) as video:
            for frame in video.decode(video=0):
                at_ms = round(frame.time * 1000)
                if due_ms <= at_ms < until_s * 1000:
                    planes = frame.to_ndarray(format="yuv420p").tobytes()
                    frames.append((at_ms, from_i420(planes, frame.width, frame.height)))
                    due_ms += 500
        return frames

    return read


@pytest.mark.media
@pytest.mark.parametrize(
    "clip", ["a1_webcam_lab_head_turns", "a2_desk_phone_brief", "a3_two_candidates", "a5_second_face_appears"]
)
def test_nobody_is_unlike_the_photo_of_their_own_check_in(real, networks, frames_of, clip):
    frames = frames_of(clip)
    photo = next(taken for _, picture in frames if isinstance(taken := real.take(picture), Photo))
    assert watched(frames, real, networks, photo) == []


@pytest.mark.media
def test_whoever_comes_instead_of_the_person_on_the_photo_is_found_from_the_very_start(
    real, networks, frames_of, frame_of
):
    clip = "a4_identity_swap_M_to_O"
    (flag,) = watched(frames_of(clip, until_s=12), real, networks, real.take(frame_of(clip, 16)))
    assert flag.started_ms == 0
    assert flag.raised_ms <= 3000


# --- one contract for both photographers ---


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.media)])
def any_photographer(request):
    return SimulatedPhotographer() if request.param == "simulated" else request.getfixturevalue("real")


@pytest.fixture
def good_frame(request, any_photographer, plain):
    if isinstance(any_photographer, SimulatedPhotographer):
        return plain(128)
    return request.getfixturevalue("frame_of")("a4_identity_swap_M_to_O", 0)


def test_a_photo_is_a_small_jpeg_that_shows_somebody(any_photographer, good_frame):
    photo = any_photographer.take(good_frame)
    assert photo.jpeg.startswith(b"\xff\xd8\xff")
    assert len(photo.jpeg) <= PHOTO_LIMIT
    assert any_photographer.person_on(photo.jpeg) is not None
    assert any_photographer.person_on(b"") is None


# --- as custody asks for it ---


def view(attempt=1, wanted=True, session="s-1"):
    return View(
        desk="desk-1",
        prepared=True,
        walk_in=True,
        session=session,
        state=State.CHECKING_IN,
        photo=PhotoStep(attempt=attempt, wanted=wanted),
    )


@pytest.fixture
def clock():
    return SimulatedClock()


def test_the_first_good_frame_is_the_photo(clock, plain):
    check_in = CheckIn(SimulatedPhotographer(PhotoFault.NO_FACE, PhotoFault.TOO_DARK), clock)
    assert not check_in.wanted
    check_in.follow(view())
    told = [check_in.look(plain(128)) for _ in range(3)]
    assert told[:2] == [None, None]
    assert isinstance(told[2], GivePhoto)
    assert (told[2].session, told[2].attempt) == ("s-1", 1)
    assert not check_in.wanted


def test_when_no_frame_was_good_for_long_the_last_reason_is_told(clock, plain):
    check_in = CheckIn(SimulatedPhotographer(*[PhotoFault.NO_FACE] * 2, PhotoFault.TURNED_AWAY), clock)
    check_in.follow(view())
    assert check_in.look(plain(128)) is None
    assert check_in.look(plain(128)) is None
    clock.pass_ms(LOOK_MS)
    assert check_in.look(plain(128)) == MissPhoto(session="s-1", attempt=1, fault=PhotoFault.TURNED_AWAY)
    assert not check_in.wanted


def test_a_camera_without_pictures_is_the_reason_then(clock):
    check_in = CheckIn(SimulatedPhotographer(), clock)
    check_in.follow(view())
    assert check_in.look(None) is None
    clock.pass_ms(LOOK_MS)
    assert check_in.look(None).fault is PhotoFault.NO_PICTURE


def test_an_attempt_is_answered_once_and_the_next_one_again(clock, plain):
    check_in = CheckIn(SimulatedPhotographer(), clock)
    check_in.follow(view())
    check_in.look(plain(128))
    check_in.follow(view())
    assert not check_in.wanted
    check_in.follow(view(attempt=2))
    assert check_in.wanted
    check_in.follow(view(attempt=2, wanted=False))
    assert not check_in.wanted


def test_the_same_attempt_number_of_another_session_is_another_attempt(clock, plain):
    check_in = CheckIn(SimulatedPhotographer(), clock)
    check_in.follow(view())
    check_in.look(plain(128))
    check_in.follow(view(session="s-2"))
    assert check_in.wanted
