from appliance.edge_ai.latency import MOST_MS, Latencies


def counted(*latencies_ms):
    latencies = Latencies()
    for one in latencies_ms:
        latencies.add(one)
    return latencies


def test_before_the_first_frame_there_is_no_latency():
    assert Latencies().quantile(0.5) is None


def test_median_and_95_of_a_hundred_are_those_of_the_nearest_rank():
    latencies = counted(*range(5, 505, 5))
    assert latencies.quantile(0.5) == 250
    assert latencies.quantile(0.95) == 475


def test_one_slow_frame_among_many_moves_neither():
    latencies = counted(*[40] * 99, 5000)
    assert (latencies.quantile(0.5), latencies.quantile(0.95), latencies.quantile(1)) == (40, 40, 5000)


def test_what_is_out_of_all_bounds_is_counted_at_the_bound():
    assert counted(-20).quantile(1) == 0
    assert counted(10 * MOST_MS).quantile(1) == MOST_MS
