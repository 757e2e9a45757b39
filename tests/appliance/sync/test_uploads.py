import random
from itertools import pairwise

import pytest

from appliance.runtime.clock import SimulatedClock
from appliance.sync.ports import Put
from appliance.sync.uploads import AWAY_MS, RECEIPT_PATIENCE_MS, SLOW_MS, Uploader, UploadQueue
from proctoring.wire import PendingSegment

A, B = (PendingSegment("s", name * 64, 1, f"/nowhere/{name}") for name in "ab")


class Store:
    """Answers as told, the last answer for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.puts = []

    def put(self, segment):
        self.puts.append(segment)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def clock():
    return SimulatedClock(mono_ms=0)


def uploader(store, clock, *segments):
    made = Uploader(store, clock, UploadQueue(random.Random(1)))
    made.offer(segments)
    return made


def tries(made, clock, ms, step_ms=100):
    """The times since now at which something was sent."""
    start_ms, times = clock.mono_ms(), []
    while clock.mono_ms() - start_ms < ms:
        while made.step():
            times.append(clock.mono_ms() - start_ms)
        clock.pass_ms(step_ms)
    return times


def test_a_segment_that_was_put_is_put_again_only_where_no_receipt_comes(clock):
    store = Store(Put.STORED)
    made = uploader(store, clock, A)
    assert tries(made, clock, RECEIPT_PATIENCE_MS + 1) == [0, RECEIPT_PATIENCE_MS]
    made.confirm([A.sha256])
    assert tries(made, clock, 5 * RECEIPT_PATIENCE_MS) == []


def test_what_custody_does_not_list_any_more_is_not_sent(clock):
    store = Store(Put.STORED)
    made = uploader(store, clock, A, B)
    made.offer([B])
    tries(made, clock, 1000)
    assert store.puts == [B]


def test_a_server_that_is_away_is_tried_ever_less_often_and_never_given_up(clock):
    times = tries(uploader(Store(Put.AWAY), clock, A), clock, 600_000)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] <= AWAY_MS[0] + 100
    assert AWAY_MS[1] / 2 <= pauses[-1] <= AWAY_MS[1] + 100
    assert len(times) > 20


def test_a_server_that_is_back_gets_everything_at_once(clock):
    store = Store(Put.AWAY, Put.STORED)
    made = uploader(store, clock, A, B)
    tries(made, clock, 1000)
    assert store.puts == [A, A, B]


@pytest.mark.parametrize("put", [Put.HASH_DIFFERS, Put.TOO_LARGE, Put.NO_FILE])
def test_a_segment_that_cannot_be_taken_is_kept_and_holds_up_no_other(clock, caplog, put):
    store = Store(put, Put.STORED)
    made = uploader(store, clock, A, B)
    tries(made, clock, 1000)
    assert store.puts == [A, B]
    assert put.value in caplog.text
    made.confirm([B.sha256])
    tries(made, clock, SLOW_MS)
    assert store.puts[:3] == [A, B, A]


@pytest.mark.parametrize("put", [Put.UNKNOWN_DESK, Put.SERVER_FULL, Put.REFUSED])
def test_an_answer_that_concerns_all_segments_pauses_all_of_them(clock, caplog, put):
    store = Store(put, Put.STORED)
    made = uploader(store, clock, A, B)
    tries(made, clock, SLOW_MS // 2)
    assert store.puts == [A]
    assert put.value in caplog.text
    tries(made, clock, SLOW_MS)
    assert store.puts[:3] == [A, A, B]


def test_a_fault_on_the_uploads_thread_reaches_the_service():
    class Broken:
        def put(self, segment):
            raise RuntimeError("a bug")

    made = uploader(Broken(), SimulatedClock(), A)
    made.start()
    made._thread.join(10)
    with pytest.raises(RuntimeError, match="a bug"):
        made.check()
