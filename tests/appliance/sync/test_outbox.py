from hypothesis import given
from hypothesis import strategies as st

from appliance.sync.outbox import (
    AWAY_RESEND_MS,
    IN_FLIGHT_LINES,
    RESEND_MS,
    WINDOW_BYTES,
    WINDOW_LINES,
    FactsOutbox,
    Window,
    fitting,
)
from proctoring.ledger import Line


def outbox(head, confirmed=0):
    made = FactsOutbox()
    made.learn("s", head, confirmed)
    return made


def drain(made, now_ms=0):
    """Sends all that may be sent now, and says which windows."""
    windows = []
    while window := made.next(now_ms):
        made.sent(window.session, window.after + window.limit, now_ms)
        windows.append(window)
    return windows


def test_lines_go_in_order_in_windows_of_limited_length():
    assert drain(outbox(150)) == [Window("s", 0, 64), Window("s", 64, 64), Window("s", 128, 22)]


def test_what_was_confirmed_before_a_restart_does_not_go_again():
    assert drain(outbox(70, confirmed=64)) == [Window("s", 64, 6)]


def test_only_so_many_lines_are_under_way_without_a_receipt():
    made = outbox(10_000)
    assert sum(window.limit for window in drain(made)) == IN_FLIGHT_LINES
    made.receipt("s", 64, 0)
    assert drain(made) == [Window("s", IN_FLIGHT_LINES, 64)]


def test_lines_without_a_receipt_go_again_after_a_while_and_then_ever_less_often():
    made = outbox(3)
    drain(made)
    times, now_ms = [], 0
    while len(times) < 8:
        now_ms += 100
        if drain(made, now_ms):
            times.append(now_ms)
    pauses = [later - earlier for earlier, later in zip([0, *times], times, strict=False)]
    assert pauses[:3] == [RESEND_MS[0], 2 * RESEND_MS[0], 4 * RESEND_MS[0]]
    assert pauses[-1] == RESEND_MS[1]


def test_a_receipt_in_part_gives_the_rest_its_full_patience():
    made = outbox(10)
    drain(made)
    made.receipt("s", 4, RESEND_MS[0] - 1)
    assert drain(made, RESEND_MS[0]) == []
    assert drain(made, 2 * RESEND_MS[0]) == [Window("s", 4, 6)]


def test_a_receipt_lower_than_before_sends_the_difference_again():
    made = outbox(10)
    drain(made)
    made.receipt("s", 10, 0)
    assert drain(made) == []
    made.receipt("s", 3, 0)
    assert drain(made) == [Window("s", 3, 7)]


def test_custodys_word_does_not_undo_a_rewind():
    made = outbox(10, confirmed=10)
    made.receipt("s", 3, 0)
    made.learn("s", 10, confirmed=10)
    assert drain(made) == [Window("s", 3, 7)]


def test_a_refused_receipt_confirms_nothing():
    made = outbox(10)
    drain(made)
    made.refused("s", 10)
    assert drain(made, RESEND_MS[0]) == [Window("s", 0, 10)]


def test_the_session_at_the_desk_goes_before_a_backlog():
    made = outbox(500)
    made.learn("now", 2, 0)
    made.prefer("now")
    assert made.next(0) == Window("now", 0, 2)


def test_while_the_server_is_away_a_backlog_is_held_back_and_little_is_repeated():
    made = outbox(500)
    made.server_is(online=False)
    assert drain(made) == [Window("s", 0, WINDOW_LINES)]
    assert drain(made, AWAY_RESEND_MS[0] - 1) == []
    assert drain(made, AWAY_RESEND_MS[0]) == [Window("s", 0, WINDOW_LINES)]


def test_while_the_server_is_away_the_session_at_the_desk_still_goes_out_for_those_who_watch():
    made = outbox(500)
    made.prefer("s")
    made.server_is(online=False)
    assert sum(window.limit for window in drain(made)) == 500


def test_a_server_that_is_back_gets_what_it_has_not_confirmed():
    made = outbox(10)
    made.server_is(online=False)
    drain(made)
    made.server_is(online=True)
    assert drain(made, RESEND_MS[0]) == [Window("s", 0, 10)]


def test_a_receipt_proves_that_the_server_is_there():
    made = outbox(500)
    made.server_is(online=False)
    drain(made)
    made.receipt("s", 64, 0)
    assert sum(window.limit for window in drain(made)) == IN_FLIGHT_LINES


def test_a_message_never_grows_beyond_its_limit_except_for_one_long_line():
    lines = [Line("x" * 60_000, "h")] * 10
    assert len(fitting(lines)) == WINDOW_BYTES // 60_000
    assert len(fitting([Line("x" * (WINDOW_BYTES + 1), "h")] * 2)) == 1
    assert fitting([]) == ()


class _Server:
    """Holds the lines up to `held`; may lose the last ones."""

    def __init__(self):
        self.held = 0

    def take(self, window):
        if window.after <= self.held:
            self.held = max(self.held, window.after + window.limit)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 200)),
        st.tuples(st.just("send"), st.booleans()),
        st.tuples(st.just("receipt"), st.integers(0, 5)),
        st.tuples(st.just("pass"), st.integers(0, 100_000)),
        st.tuples(st.just("forget"), st.integers(0, 50)),
        st.tuples(st.just("host"), st.booleans()),
    ),
    max_size=60,
)


@given(EVENTS)
def test_whatever_gets_lost_in_between_the_server_holds_everything_in_the_end(events):
    made, server, head, now_ms, receipts = outbox(0), _Server(), 0, 0, [0]
    for what, value in events:
        if what == "write":
            head += value
            made.learn("s", head, 0)
        elif what == "send" and (window := made.next(now_ms)):
            made.sent("s", window.after + window.limit, now_ms)
            if value:
                server.take(window)
                receipts.append(server.held)
        elif what == "receipt":  # late, repeated or out of order
            made.receipt("s", receipts[-1 - value % len(receipts)], now_ms)
        elif what == "pass":
            now_ms += value
        elif what == "forget":
            server.held = max(0, server.held - value)
        elif what == "host":
            made.server_is(online=value)
    made.receipt("s", server.held, now_ms)
    for _ in range(2000):
        now_ms += 1000
        while window := made.next(now_ms):
            made.sent("s", window.after + window.limit, now_ms)
            server.take(window)
            made.receipt("s", server.held, now_ms)
        if server.held >= head:
            break
    assert server.held == head
