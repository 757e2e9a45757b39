import http.server
import random
import threading

import pytest

from appliance.runtime.clock import SimulatedClock
from appliance.sync.http import HttpTimes
from appliance.sync.settings import SyncSettings
from appliance.sync.timing import EXCHANGES, Exchange, TimeWatch, settle
from proctoring.wire import TakeTime

APART_MS = 1_800_000_000_000
"""The simulated server's clock minus the desk's monotonic one."""


class Network:
    """A server whose answers take their time, there and back."""

    def __init__(self, clock, ways_ms, work_ms=3):
        self.clock = clock
        self.ways_ms = iter(ways_ms)
        self.work_ms = work_ms

    def times(self):
        ways = next(self.ways_ms, None)
        if ways is None:
            return None
        there_ms, back_ms = ways
        self.clock.pass_ms(there_ms)
        came = self.clock.mono_ms() + APART_MS
        self.clock.pass_ms(self.work_ms)
        went = self.clock.mono_ms() + APART_MS
        self.clock.pass_ms(back_ms)
        return came, went


def measured(ways_ms):
    clock = SimulatedClock()
    watch = TimeWatch(Network(clock, ways_ms), clock, pause=clock.wait)
    assert watch.measure()
    return watch.news()


def error_ms(told):
    return told.utc_ms - told.mono_ms - APART_MS


def test_where_both_ways_take_as_long_the_outcome_is_exact():
    told = measured([(20, 20)] * EXCHANGES)
    assert error_ms(told) == 0
    assert told.uncertainty_ms == 21


def test_exchanges_that_waited_in_a_queue_do_not_count():
    told = measured([(5, 5), (400, 5), (5, 900), (6, 5), (5, 6)])
    assert abs(error_ms(told)) <= 1
    assert told.uncertainty_ms <= 7


def test_the_truth_lies_within_the_uncertainty_whatever_the_network_does():
    dice = random.Random(7)
    for _ in range(500):
        ways = [(dice.randrange(200), dice.randrange(200)) for _ in range(EXCHANGES)]
        told = measured(ways)
        assert abs(error_ms(told)) <= told.uncertainty_ms


def test_the_servers_own_work_is_not_taken_for_the_way():
    slow = settle([Exchange(0, 1000, 1500, 520)], "b")
    assert (slow.utc_ms - slow.mono_ms, slow.uncertainty_ms) == (990, 11)


def test_a_setting_of_the_desks_wall_clock_in_the_midst_changes_nothing():
    clock = SimulatedClock()
    network = Network(clock, [(5, 5)] * EXCHANGES)
    watch = TimeWatch(network, clock, pause=lambda _: clock.step_ms(-7_000_000))
    assert watch.measure()
    assert error_ms(watch.news()) == 0


def test_without_an_answer_there_is_no_news_and_a_broken_row_of_answers_still_is_some():
    clock = SimulatedClock()
    assert not TimeWatch(Network(clock, []), clock, pause=clock.wait).measure()
    watch = TimeWatch(Network(clock, [(5, 5), (5, 5)]), clock, pause=clock.wait)
    assert watch.measure()
    assert watch.news() is not None
    assert watch.news() is None


def test_custody_is_told_and_told_again_where_it_was_away(site):
    site.server.time = lambda: (site.clock.utc_ms(), site.clock.utc_ms())
    assert site.time.measure()
    site.sync.step()
    (told,) = site.custody.asked_for(TakeTime)
    assert told.utc_ms - told.mono_ms == site.clock.utc_ms() - site.clock.mono_ms()
    site.sync.step()
    assert len(site.custody.asked_for(TakeTime)) == 1


def test_it_measures_at_the_start_and_again_when_asked(wait_until):
    clock, count = SimulatedClock(), []

    class Server:
        def times(self):
            count.append(1)
            return clock.utc_ms(), clock.utc_ms()

    watch = TimeWatch(Server(), clock, pause=lambda _: None)
    watch.start()
    wait_until(lambda: len(count) == EXCHANGES, "the first measurement")
    watch.ask()
    wait_until(lambda: len(count) == 2 * EXCHANGES, "the measurement after a reconnect")
    watch.close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.asked, made.status, made.body = [], 200, b'{"came_utc_ms": 5, "went_utc_ms": 7}'
    threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def times(port):
    return HttpTimes(SyncSettings(server_url=f"http://127.0.0.1:{port}", token="0123456789abcdef")).times()


def test_the_time_is_asked_for_with_the_desks_token(server):
    assert times(server.server_port) == (5, 7)
    assert server.asked == [("/time", "Bearer 0123456789abcdef")]


@pytest.mark.parametrize(
    ("status", "body"), [(401, b"no"), (500, b""), (200, b"<html>"), (200, b'{"came_utc_ms": "5"}')]
)
def test_anything_else_is_no_answer(server, status, body):
    server.status, server.body = status, body
    assert times(server.server_port) is None


def test_a_server_that_is_not_there_gives_no_answer():
    assert times(1) is None
