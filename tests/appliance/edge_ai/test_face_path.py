import numpy as np
import pytest

from appliance.edge_ai.face_path import COMPANY_MS, LOOK_AGAIN_MS, STILL_A_FACE, FacePath
from appliance.edge_ai.faces import CERTAIN
from appliance.edge_ai.landmarks import FaceLandmarks, Mesh, nearest_of
from appliance.edge_ai.picture import from_i420
from appliance.edge_ai.rules import rules_of
from proctoring.flag import FlagKind, feed_all
from proctoring.observation import Face, Observation, Pose, overlap
from proctoring.policy import Policy

WIDTH, HEIGHT = 1280, 720
FRAME_MS = 125


def face(x=0.5, score=0.9, height=0.3):
    half = height / 2
    eyes = ((x - half / 4, 0.45), (x + half / 4, 0.45))
    return Face(score, (x - half * HEIGHT / WIDTH, 0.5 - half, x + half * HEIGHT / WIDTH, 0.5 + half), eyes)


class Detector:
    """Sees what it is told to see, and counts how often it is asked."""

    def __init__(self, *faces):
        self.faces = faces
        self.looks = 0

    def find(self, picture):
        del picture
        self.looks += 1
        return self.faces


class Landmarks:
    """Lays a mesh over the middle of the square that it is shown, moved by so many pixels."""

    def __init__(self):
        self.step_px = 0.0
        self.grows = 1.0
        self.sureness = 20.0

    def mesh(self, picture, outline):
        del picture
        half = self.grows * outline.side * 1.03 / 2
        points = np.zeros((468, 3), np.float32) + np.float32([outline.x + self.step_px, outline.y, 0])
        points[10, 1] -= half
        points[152, 1] += half
        points[[33, 133], 0] -= half / 2
        points[[263, 362], 0] += half / 2
        return Mesh(points, self.sureness, np.zeros((192, 192, 3), np.uint8), points)

    def read(self, face, mesh, gaze=True):
        del mesh, gaze
        return Face(face.score, face.box, face.points, Pose(0, 0, 0))


class Scene:
    """A face path and what it reports, frame by frame."""

    def __init__(self, plain, *faces):
        self.detector, self.landmarks = Detector(*faces), Landmarks()
        self.path = FacePath(self.detector, self.landmarks)
        self.picture = plain(128)
        self.at_ms = 0

    def frames(self, count):
        """What the next frames show, at eight a second."""
        seen = []
        for _ in range(count):
            seen.append(self.path.follow(self.picture, self.at_ms))
            self.at_ms += FRAME_MS
        return seen


def test_one_sure_face_is_looked_for_in_each_fifth_frame_and_measured_in_every(plain):
    scene = Scene(plain, face())
    seen = scene.frames(20)
    assert scene.detector.looks == 4
    assert all(faces[0].pose is not None and faces[0].score == 0.9 for faces in seen)
    assert LOOK_AGAIN_MS <= 5 * FRAME_MS


def test_a_followed_face_goes_where_its_mesh_goes(plain):
    scene = Scene(plain, face())
    scene.frames(1)
    scene.landmarks.step_px = 20
    before, after = (faces[0] for faces in scene.frames(2))
    assert after.box[0] - before.box[0] == pytest.approx(20 / WIDTH, abs=1e-4)
    assert after.points[0][0] - before.points[0][0] == pytest.approx(20 / WIDTH, abs=1e-4)
    assert after.box[3] - after.box[1] == pytest.approx(0.3, abs=0.01)
    assert scene.detector.looks == 1


@pytest.mark.parametrize(
    "happens", [{"sureness": STILL_A_FACE - 1}, {"step_px": 80}, {"grows": 1.5}, {"grows": 0.6}, {"step_px": -5000}]
)
def test_what_is_no_face_any_more_or_goes_too_far_is_looked_for_at_once(plain, happens):
    scene = Scene(plain, face())
    scene.frames(2)
    assert scene.detector.looks == 1
    scene.detector.faces = ()
    for name, value in happens.items():
        setattr(scene.landmarks, name, value)
    assert scene.frames(1) == [()]
    assert scene.detector.looks == 2


@pytest.mark.parametrize("faces", [(), (face(score=0.65),), (face(score=0.4),)])
def test_every_frame_is_searched_while_no_sure_face_is_followed(plain, faces):
    scene = Scene(plain, *faces)
    scene.frames(8)
    assert scene.detector.looks == 8


def test_a_face_that_only_the_detector_believes_in_is_not_followed(plain):
    scene = Scene(plain, face())
    scene.landmarks.sureness = STILL_A_FACE - 1
    assert len(scene.frames(8)) == scene.detector.looks == 8


def test_every_frame_is_searched_while_there_is_company_and_for_a_second_after(plain):
    scene = Scene(plain, face(0.3), face(0.7, score=0.4, height=0.2))
    scene.frames(8)
    assert scene.detector.looks == 8
    scene.detector.faces = (face(0.3),)
    scene.frames(COMPANY_MS // FRAME_MS - 1)
    assert scene.detector.looks == 15
    scene.frames(8)
    assert scene.detector.looks < 20


def test_a_second_face_is_noticed_in_the_fifth_frame_after_its_coming_at_the_latest(plain):
    scene = Scene(plain, face(0.3))
    scene.frames(6)
    scene.detector.faces = (face(0.3), face(0.7))
    assert [len(faces) for faces in scene.frames(8)] == [1, 1, 1, 1, 2, 2, 2, 2]


def test_people_in_the_background_stay_in_between_looks_so_that_no_rule_sees_them_flicker(plain):
    scene = Scene(plain, face(0.3, height=0.4), face(0.8, height=0.12))
    seen = scene.frames(12)
    assert scene.detector.looks == 3
    assert {faces[1] for faces in seen} == {face(0.8, height=0.12)}


def test_a_new_session_begins_with_a_search(plain):
    scene = Scene(plain, face())
    scene.frames(2)
    scene.at_ms = 0
    scene.frames(1)
    assert scene.detector.looks == 2


def test_company_of_the_session_before_says_nothing_about_this_one(plain):
    scene = Scene(plain, face(0.3), face(0.7))
    scene.at_ms = 60_000
    scene.frames(2)
    scene.at_ms, scene.detector.faces = 0, (face(0.3),)
    scene.frames(4)
    assert scene.detector.looks == 3


@pytest.mark.parametrize("late_ms", [0, 10_000])
def test_a_face_is_not_compared_with_that_of_the_session_before_however_late_it_comes(plain, late_ms):
    scene = Scene(plain, face())
    assert any(faces[0].hidden is not None for faces in scene.frames(32))
    scene.at_ms, scene.detector.faces = 0, ()
    scene.frames(1 + late_ms // FRAME_MS)
    scene.detector.faces, scene.landmarks.sureness = (face(),), 8.0
    assert [faces[0].hidden for faces in scene.frames(16)] == [None] * 16


def test_covers_are_looked_at_unless_somebody_leaves_them_out(plain):
    scene = Scene(plain, face())
    scene.path = FacePath(scene.detector, scene.landmarks, covers=False)
    seen = scene.frames(32)
    assert all(faces[0].hidden is None and faces[0].pose is not None for faces in seen)


def test_a_camera_that_gives_few_frames_has_each_searched(plain):
    scene = Scene(plain, face())
    for at_ms in range(0, 5600, 700):
        scene.at_ms = at_ms
        scene.frames(1)
    assert scene.detector.looks == 8


# --- real models on real clips -----------------------------------------------------------------------


def pictures(clip, fps=8):
    import av

    due_ms = 0.0
    with av.open(str(clip)) as video:
        for frame in video.decode(video=0):
            at_ms = round(frame.time * 1000)
            if at_ms >= due_ms:
                due_ms += 1000 / fps
                planes = frame.to_ndarray(format="yuv420p")
                yield at_ms, from_i420(planes.tobytes(), frame.width, frame.height)


class Counted:
    """The detector, counting how often it is asked."""

    def __init__(self, finder):
        self._finder = finder
        self.looks = 0

    def find(self, picture):
        self.looks += 1
        return self._finder.find(picture)


@pytest.mark.media
@pytest.mark.parametrize("clip", ["a1_webcam_lab_head_turns", "a2_desk_phone_brief", "a4_identity_swap_M_to_O"])
def test_a_face_is_followed_where_looking_for_it_in_each_frame_finds_it(media, faces, mesh_model, clip):
    counted, landmarks = Counted(faces), FaceLandmarks(mesh_model)
    path, shared, turns, frames = FacePath(counted, landmarks), [], [], 0
    for at_ms, picture in pictures(media / "clips" / f"{clip}.mp4"):
        followed, found = nearest_of(path.follow(picture, at_ms)), nearest_of(faces.find(picture))
        frames += 1
        assert (followed is None) == (found is None), at_ms
        if followed and found:
            shared.append(overlap(followed.box, found.box))
            turns.append(abs(followed.pose.yaw_deg - landmarks.measured(picture, found).pose.yaw_deg))
    assert counted.looks < 0.5 * frames
    assert np.quantile(shared, 0.05) > 0.55
    assert np.quantile(turns, 0.95) < 6


@pytest.mark.media
def test_a_second_face_in_a_real_clip_is_flagged_with_its_onset(media, face_path):
    rules = [rule for rule in rules_of(Policy(), {}) if rule.kind is FlagKind.SEVERAL_FACES]
    raised = []
    for at_ms, picture in pictures(media / "clips" / "a5_second_face_appears.mp4"):
        raised += feed_all(rules, Observation(at_ms=at_ms, faces=face_path.follow(picture, at_ms)))
    (began, ended) = raised
    assert 5167 <= began.started_ms <= 5167 + LOOK_AGAIN_MS + 2 * FRAME_MS
    assert began.raised_ms <= 5167 + 2000
    assert ended.ended_ms == pytest.approx(9833, abs=500)


@pytest.mark.media
def test_who_takes_a_followed_persons_seat_is_the_one_who_is_reported(media, faces, face_path):
    """The clip cuts from one person to another, whose face lies elsewhere."""
    late_ms, since_ms = 0, None
    for at_ms, picture in pictures(media / "clips" / "a4_identity_swap_M_to_O.mp4"):
        seen, there = (
            [face for face in found if face.score >= CERTAIN]
            for found in (face_path.follow(picture, at_ms), faces.find(picture))
        )
        if there and (not seen or overlap(seen[0].box, there[0].box) < 0.4):
            since_ms = at_ms if since_ms is None else since_ms
            late_ms = max(late_ms, at_ms - since_ms + FRAME_MS)
        else:
            since_ms = None
    assert late_ms <= LOOK_AGAIN_MS + FRAME_MS
