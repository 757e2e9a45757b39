import pytest

from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.picture import array
from appliance.edge_ai.recognition import Recognition
from appliance.edge_ai.schedule import Looks
from appliance.edge_ai.simulated import CANDIDATE, SimulatedFaces, SimulatedItems


class EverybodyIsAlike:
    def embed(self, picture, face):
        del picture, face
        return array([1, 0, 0])


class WithGaze(SimulatedFaces):
    """Remembers whether it was asked for gaze."""

    def follow(self, picture, at_ms, gaze=True):
        self.gaze = gaze
        return super().follow(picture, at_ms, gaze)


@pytest.fixture
def picture(plain):
    return plain(128, 64, 36)


def test_without_a_word_about_time_everything_is_looked_for(picture):
    seen = Analyser(SimulatedFaces(), SimulatedItems()).observe(picture, 0)
    assert seen.items == ()
    assert seen.faces == (CANDIDATE,)
    assert seen.light and seen.scene


def test_no_look_is_not_nothing_there(picture):
    seen = Analyser(SimulatedFaces(), SimulatedItems()).observe(picture, 0, Looks(items=False))
    assert seen.items is None
    assert seen.faces and seen.light


def test_a_face_is_compared_only_where_there_is_time_for_it(picture):
    recognition = Recognition(EverybodyIsAlike())
    analyser = Analyser(SimulatedFaces(), SimulatedItems(), recognition)
    for at_ms in range(0, 5000, 500):
        known = analyser.observe(picture, at_ms)
    assert known.faces[0].likeness == pytest.approx(1)
    assert analyser.observe(picture, 5000, Looks(identity=False)).faces[0].likeness is None


def test_gaze_is_left_out_where_there_is_no_time_for_it(picture):
    faces = WithGaze()
    analyser = Analyser(faces, SimulatedItems())
    for gaze in (True, False):
        analyser.observe(picture, 0, Looks(gaze=gaze))
        assert faces.gaze is gaze


def test_light_and_scene_are_measured_whatever_there_is_time_for(picture):
    analyser = Analyser(SimulatedFaces(), SimulatedItems())
    seen = [analyser.observe(picture, at_ms, Looks(False, False, False)) for at_ms in range(0, 625, 125)]
    assert all(one.light is not None and one.scene is not None for one in seen)
    assert seen[-1].scene.still_ms == 500
