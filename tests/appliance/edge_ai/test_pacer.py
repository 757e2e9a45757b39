from appliance.edge_ai.pacer import Pacer


def looks(pause_ms, times_ms):
    pacer, taken = Pacer(), []
    for at_ms in times_ms:
        if pacer.is_due(at_ms, pause_ms):
            pacer.took(at_ms)
            taken.append(at_ms)
    return taken


def test_the_first_frame_is_looked_at():
    assert looks(1000, [40_000]) == [40_000]


def test_every_frame_is_looked_at_where_there_is_time_even_if_it_comes_early():
    assert looks(125, [0, 121, 254, 371, 502]) == [0, 121, 254, 371, 502]


def test_the_frame_that_is_nearest_to_the_plan_is_taken():
    assert looks(500, range(0, 2000, 125)) == [0, 500, 1000, 1500]
    assert looks(500, [0, 133, 266, 400, 533, 666, 800, 933]) == [0, 533]


def test_a_slow_camera_is_looked_at_whenever_it_gives_a_frame():
    assert looks(250, [0, 700, 1400]) == [0, 700, 1400]


def test_a_new_session_is_looked_at_from_its_first_frame():
    assert looks(1000, [90_000, 90_100, 0, 125]) == [90_000, 0]


def test_a_look_that_came_to_nothing_stays_due():
    pacer = Pacer()
    pacer.took(0)
    assert [pacer.is_due(at_ms, 500) for at_ms in (375, 500, 625)] == [False, True, True]
