import itertools

import msgspec
import pytest

from invigilation.events import HEARTBEAT, RELOAD, Event, Page, Stream, TooManyPages


class Number(msgspec.Struct):
    number: int


def told(number):
    return Event("number", Number(number))


def waiting(page):
    """What has been queued for a page so far, without the greeting."""
    page.end()
    return list(page.frames())[1:]


def numbers(frames):
    return [msgspec.json.decode(frame.split(b"data: ")[1])["number"] for frame in frames]


def test_every_page_gets_every_event_in_order():
    stream = Stream()
    pages = [stream.open(""), stream.open("")]
    for number in range(5):
        stream.publish(told(number))
    assert [numbers(waiting(page)) for page in pages] == [[0, 1, 2, 3, 4]] * 2


def test_a_frame_has_its_id_its_name_and_one_line_of_data():
    stream = Stream()
    page = stream.open("")
    stream.publish(told(7))
    assert waiting(page) == [b'id: %s\nevent: number\ndata: {"number":7}\n\n' % stream.last_id.encode()]


def test_a_page_that_was_away_gets_exactly_what_it_missed():
    stream = Stream()
    stream.publish(told(0))
    known = stream.last_id
    for number in (1, 2):
        stream.publish(told(number))
    assert numbers(waiting(stream.open(known))) == [1, 2]
    assert waiting(stream.open(stream.last_id)) == []


@pytest.mark.parametrize("known", ["nonsense", "0000-3", "-", "٣"])
def test_a_page_that_knows_another_run_of_the_console_is_told_to_load_again(known):
    stream = Stream()
    stream.publish(told(0))
    assert waiting(stream.open(known)) == [RELOAD]


def test_a_page_that_was_away_for_longer_than_events_are_kept_is_told_to_load_again():
    stream = Stream(kept=3)
    known = stream.last_id
    for number in range(3):
        stream.publish(told(number))
    assert numbers(waiting(stream.open(known))) == [0, 1, 2]
    stream.publish(told(3))
    assert waiting(stream.open(known)) == [RELOAD]


def test_a_page_that_does_not_keep_up_is_dropped_and_told_to_load_again_while_others_go_on():
    stream = Stream(queue_limit=4)
    slow, quick = stream.open(""), stream.open("")
    reading = quick.frames()
    next(reading)
    got = []
    for number in range(6):
        stream.publish(told(number))
        got.append(next(reading))
    assert numbers(got) == [0, 1, 2, 3, 4, 5]
    assert list(slow.frames())[1:] == [RELOAD]
    assert stream.pages == 1


def test_what_waits_for_a_slow_page_never_grows_beyond_its_limit():
    page = Page(limit=4)
    for _ in range(1000):
        page.offer(b"frame")
    assert page._queue.qsize() <= 4


def test_a_quiet_stream_says_that_it_lives():
    page = Stream().open("")
    assert list(itertools.islice(page.frames(heartbeat_s=0), 3)) == [HEARTBEAT] * 3


def test_more_pages_than_the_server_has_threads_for_are_refused_until_one_leaves():
    stream = Stream(pages_limit=1)
    page = stream.open("")
    with pytest.raises(TooManyPages, match="Close one"):
        stream.open("")
    stream.leave(page)
    stream.open("")


def test_closing_ends_every_page():
    stream = Stream()
    page = stream.open("")
    stream.close()
    assert list(page.frames()) == [HEARTBEAT]
    with pytest.raises(TooManyPages):
        stream.open("")
