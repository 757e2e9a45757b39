from __future__ import annotations

import pytest

from proctoring import ledger
from proctoring.correction import Correction
from proctoring.fact import CallPressed, ClockMeasured, ClockStepped, SessionOpened
from proctoring.ledger import Stamp
from review_server import clocks
from review_server.timeline import draw

TRUE_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


class Book:
    """A ledger of a desk whose wall clock is wrong."""

    def __init__(self, head=None):
        self.head = ledger.start("desk-1", "session-1")
        self.entries = []
        self.lines = []

    def write(self, fact, true_ms, off_ms, boot="b"):
        """`off_ms`: how far the wall clock is ahead of the truth."""
        now = Stamp(at_utc_ms=TRUE_MS + true_ms + off_ms, mono_ms=true_ms + 5000, boot=boot)
        line, self.head = ledger.append(self.head, fact, now, true_ms)
        self.lines.append(line)
        self.entries.append(ledger.read(line))


def test_entries_before_and_after_a_measurement_are_put_right_over_any_step():
    book = Book()
    book.write(CallPressed(), 0, -50 * HOUR_MS)
    book.write(ClockMeasured(offset_ms=50 * HOUR_MS, uncertainty_ms=5), 60_000, -50 * HOUR_MS)
    book.write(ClockStepped(by_ms=50 * HOUR_MS), 90_000, 0)
    book.write(CallPressed(), 120_000, 0)
    correction = Correction(book.entries)
    assert [correction.utc_ms(entry) - TRUE_MS for entry in book.entries] == [0, 60_000, 90_000, 120_000]


def test_a_boot_without_a_measurement_stays_unsure():
    book = Book()
    book.write(ClockMeasured(offset_ms=0, uncertainty_ms=5), 0, 0)
    book.write(CallPressed(), 1000, 0, boot="another")
    correction = Correction(book.entries)
    assert correction.utc_ms(book.entries[1]) is None
    notes = draw(book.entries).notes
    assert [note.is_sure for note in notes] == [True, False]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ([], "Not compared with this server's."),
        ([ClockMeasured(offset_ms=40, uncertainty_ms=5)], "It was right, give or take 5 ms; times"),
        ([ClockMeasured(offset_ms=1500, uncertainty_ms=5)], "It was 1.5 s behind, give or take 5 ms"),
        ([ClockMeasured(offset_ms=-7 * HOUR_MS, uncertainty_ms=5)], "It was 7.0 hours ahead"),
        (
            [ClockMeasured(offset_ms=0, uncertainty_ms=1), ClockStepped(by_ms=900), ClockStepped(by_ms=-900)],
            "It was set 2 times in this session.",
        ),
    ],
)
def test_how_far_the_clock_was_off_is_said_in_words(facts, words):
    assert words in clocks.told_of_all(facts)


def test_a_clock_that_was_known_to_be_wrong_is_said_to_be(bench):
    opened = bench.opened()
    untrusted = SessionOpened(
        **{name: getattr(opened, name) for name in opened.__struct_fields__ if name != "clock_trusted"},
        clock_trusted=False,
    )
    assert "its times of day mean nothing" in clocks.told_of_all([untrusted])


def test_the_page_shows_the_time_of_day_put_right_and_each_step(server, bench):
    desk = bench.Desk()
    book = Book()
    book.write(bench.opened(), 0, -50 * HOUR_MS)
    book.write(ClockMeasured(offset_ms=50 * HOUR_MS, uncertainty_ms=5), 60_000, -50 * HOUR_MS)
    book.write(ClockStepped(by_ms=50 * HOUR_MS), 90_000, 0)
    desk.lines = book.lines
    server.ingest.take(desk.facts())
    page = server.staff().get("/sessions/session-1").text
    assert "The desk&#39;s clock was set forward by 2.1 days." in page
    assert "It was 2.1 days behind, give or take 5 ms; times of day are shown put right." in page.replace(
        "&#39;", "'"
    )
    (listed,) = server.staff().get("/sessions.json").json
    assert listed["opened_utc_ms"] == TRUE_MS, "the list is in the order in which things happened"


def test_the_server_tells_its_time_to_a_desk_that_it_knows(server, bench):
    browser = server.app.test_client()
    told = browser.get("/time", headers={"Authorization": f"Bearer {bench.TOKEN}"})
    assert told.json == {"came_utc_ms": server.clock.utc_ms(), "went_utc_ms": server.clock.utc_ms()}
    assert browser.get("/time").status_code == 401
    assert browser.get("/time", headers={"Authorization": "Bearer wrong"}).status_code == 401
