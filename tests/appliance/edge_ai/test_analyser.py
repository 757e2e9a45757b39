from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.simulated import SimulatedFaces, SimulatedItems


def searched(plain, items_per_s, times_ms):
    analyser, picture = Analyser(SimulatedFaces(), SimulatedItems(), items_per_s), plain(128, 64, 36)
    return [at_ms for at_ms in times_ms if analyser.observe(picture, at_ms).items is not None]


def test_every_frame_is_searched_where_there_is_time(plain):
    assert searched(plain, 8, [0, 121, 254, 371, 502]) == [0, 121, 254, 371, 502]


def test_things_are_looked_for_less_often_than_faces_where_the_machine_is_slow(plain):
    assert searched(plain, 2, range(0, 2000, 125)) == [0, 375, 750, 1125, 1500, 1875]


def test_a_new_session_is_searched_from_its_first_frame(plain):
    assert searched(plain, 1, [90_000, 90_100, 0]) == [90_000, 0]


def test_no_look_is_not_nothing_there(plain):
    analyser = Analyser(SimulatedFaces(), SimulatedItems(), 1)
    first, second = (analyser.observe(plain(128, 64, 36), at_ms) for at_ms in (0, 100))
    assert first.items == ()
    assert second.items is None
    assert second.faces and second.light
