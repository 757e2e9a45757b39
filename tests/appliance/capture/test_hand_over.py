from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from appliance.capture.hand_over import REST_MS, HandOver
from appliance.runtime.custody_link import CustodyAway, DiskFails
from appliance.runtime.simulated import SimulatedCustody
from proctoring.errors import Refused
from proctoring.fact import Part
from proctoring.segment import EndedBy
from proctoring.wire import ReportCameraEnd, ReportGap, Saved, StoreSegment

GAP = ReportGap(session="a", part=Part.CAPTURE, from_ms=0, to_ms=5000, reason="the camera gave no pictures")


@pytest.fixture
def custody() -> SimulatedCustody:
    return SimulatedCustody()


@pytest.fixture
def hand_over(custody, incoming, clock) -> HandOver:
    return HandOver(custody, incoming, "front", clock)


@pytest.fixture
def finish(incoming):
    def finish(session: str = "a", started_ms: int = 0):
        part = incoming.begin(session, started_ms)
        part.path.write_bytes(b"film")
        return incoming.finish(part, started_ms + 2000, 30, EndedBy.LENGTH)

    return finish


def raising(error: Exception):
    def answer(request):
        raise error

    return answer


def taking(request: StoreSegment) -> Saved:
    """Custody takes the file away."""
    Path(request.file).unlink()
    return Saved(seq=1)


def test_a_finished_segment_is_offered_with_its_hash_and_then_gone(custody, hand_over, finish) -> None:
    done = finish()
    custody.answers[StoreSegment] = taking
    assert hand_over.attempt("a")
    assert hand_over.attempt("a")
    (request,) = custody.asked_for(StoreSegment)
    assert request.file == str(done.path)
    assert (request.segment.camera, request.segment.number, request.segment.frames) == ("front", 1, 30)
    assert (request.segment.size, request.segment.sha256) == (4, hashlib.sha256(b"film").hexdigest())


def test_while_custody_is_away_everything_waits_and_goes_later_in_order(custody, hand_over, finish) -> None:
    custody.answers[StoreSegment] = custody.answers[ReportGap] = raising(CustodyAway("away"))
    hand_over.report(GAP)
    for number in range(3):
        finish(started_ms=2000 * number)
    assert not hand_over.attempt("a")
    custody.asked.clear()
    del custody.answers[ReportGap]
    custody.answers[StoreSegment] = taking
    assert hand_over.attempt("a")
    assert custody.asked_for(ReportGap) == [GAP]
    assert [request.segment.number for request in custody.asked_for(StoreSegment)] == [1, 2, 3]


def test_a_report_whose_answer_was_lost_is_repeated(custody, hand_over) -> None:
    custody.answers[ReportGap] = raising(CustodyAway("away"))
    hand_over.report(GAP)
    assert not hand_over.attempt("a")
    del custody.answers[ReportGap]
    assert hand_over.attempt("a")
    assert hand_over.attempt("a")
    assert custody.asked_for(ReportGap) == [GAP, GAP]


def test_a_refused_segment_stays_and_holds_up_no_other(custody, hand_over, finish, clock, caplog) -> None:
    refused = finish()
    kept = finish(started_ms=2000)

    def answer(request: StoreSegment):
        if request.segment.number == refused.number:
            raise Refused("disk_full", "The desk's disk is full.")
        return taking(request)

    custody.answers[StoreSegment] = answer
    assert hand_over.attempt("a")
    assert hand_over.attempt("a")
    assert refused.path.exists()
    assert not kept.path.exists()
    assert len(custody.asked_for(StoreSegment)) == 2
    assert caplog.text.count("The desk's disk is full.") == 1
    clock.pass_ms(5000)
    custody.answers[StoreSegment] = taking
    hand_over.attempt("a")
    assert not refused.path.exists()


def test_what_is_left_of_another_session_is_offered_as_that_sessions_own(custody, hand_over, finish) -> None:
    old = finish("old")
    custody.answers[StoreSegment] = taking
    hand_over.report(ReportCameraEnd(session="old", reason="video ended"))
    assert hand_over.attempt("a")
    (offered,) = custody.asked
    assert (offered.session, offered.file) == ("old", str(old.path))


def test_without_a_session_at_the_desk_what_is_left_of_an_older_one_is_offered(custody, hand_over, finish) -> None:
    finish("old")
    custody.answers[StoreSegment] = taking
    assert hand_over.attempt(None)
    assert [request.session for request in custody.asked_for(StoreSegment)] == ["old"]


def test_a_disk_that_takes_nothing_is_not_asked_all_the_time_and_nothing_is_called_handed_over(
    custody, hand_over, finish, clock
) -> None:
    custody.answers[StoreSegment] = raising(DiskFails("full"))
    finish(started_ms=0)
    assert not hand_over.attempt("a")
    custody.answers[StoreSegment] = taking
    assert not hand_over.attempt("a")
    clock.pass_ms(REST_MS)
    assert hand_over.attempt("a")
    assert len(custody.asked_for(StoreSegment)) == 2


def test_what_the_second_camera_tells_is_told_in_its_own_parts_name(custody, incoming, clock, finish) -> None:
    hand_over = HandOver(custody, incoming, "side", clock, Part.CAPTURE_SECOND)
    finish()
    custody.answers[StoreSegment] = taking
    hand_over.report(GAP)
    hand_over.report(ReportCameraEnd(session="a", reason="unplugged"))
    assert hand_over.attempt("a")
    assert [request.part for request in custody.asked_for(ReportGap)] == [Part.CAPTURE_SECOND]
    assert [request.part for request in custody.asked_for(ReportCameraEnd)] == [Part.CAPTURE_SECOND]
    assert [request.segment.camera for request in custody.asked_for(StoreSegment)] == ["side"]
