"""The automatic candidate, at the real kiosk over a desk in memory: one suite for every screen it can sit at."""

import pytest

from appliance.kiosk_ui.app import make_app
from appliance.kiosk_ui.service import serve
from appliance.kiosk_ui.simulated import SimulatedCamera, SimulatedDesk
from appliance.runtime.custody_link import CustodyAway
from deskproctor.candidate import WORDS, Candidate, CandidateStuck, Who
from deskproctor.candidate_browser import BrowserScreen
from deskproctor.candidate_http import HttpScreen
from proctoring import wire
from proctoring.check_in import TRIES, PhotoFault
from proctoring.exam import Booking, load_exam
from proctoring.policy import Mode, Policy
from proctoring.session import Move, State
from proctoring.wire import View
from web.serve import Face

EXAM = load_exam(
    """
id = "sample"
title = "Sample"
minutes = 10
questions = [
  {kind = "single", id = "q1", text = "One?", choices = [{id = "a", text = "A"}, {id = "b", text = "B"}]},
  {kind = "several", id = "q2", text = "Some?", choices = [
    {id = "a", text = "A"}, {id = "b", text = "B"}, {id = "c", text = "C"}]},
  {kind = "number", id = "q3", text = "How many?", unit = "m"},
  {kind = "text", id = "q4", text = "Why?"},
]
"""
)
BOOKING = Booking(code="K7M2QX", candidate="Ada", exam="sample")
RIGHT = {"q1": "a", "q2": ("a", "b"), "q3": 42.0, "q4": WORDS}


def prepare(mode=Mode.POST_REVIEW):
    return wire.Prepare(exams=(EXAM,), policy=Policy(mode=mode), bookings=(BOOKING,), walk_in_exam="sample")


class UnsteadyDesk(SimulatedDesk):
    """Custody is away for the next so many questions."""

    away_for = 0

    def ask(self, request, answer, patience_s=5.0):
        if self.away_for > 0:
            self.away_for -= 1
            raise CustodyAway("It does not answer.")
        return super().ask(request, answer)


@pytest.fixture
def desk():
    return UnsteadyDesk(prepare())


@pytest.fixture
def url(desk):
    face = Face(make_app(lambda: desk, SimulatedCamera()), "127.0.0.1", 0)
    serve(face)
    yield f"http://127.0.0.1:{face.port}"
    face.close()


@pytest.fixture(params=["http", pytest.param("browser", marks=pytest.mark.browser)])
def screen(request):
    made = HttpScreen() if request.param == "http" else BrowserScreen(request.getfixturevalue("chromium"))
    with made as screen:
        yield screen


class Looks:
    """Counts how often the candidate looks whether to hand in, and lets things happen at a look."""

    def __init__(self, last, events=None):
        self.count, self.last, self.events = 0, last, events or {}

    def __call__(self):
        self.count += 1
        self.events.get(self.count, lambda: None)()
        return self.count >= self.last


def values(desk):
    return {question: value for question, (value, _) in desk.answers.items()}


def test_a_booked_candidate_answers_everything_and_brings_the_receipt(desk, url, screen):
    sat = Candidate(screen, Who(code="K7M2QX"), pace_s=0).sit(url, lambda: True)
    record = desk.ask(wire.AskRecord(), wire.Record)
    assert values(desk) == RIGHT == sat.answers
    assert (sat.session, sat.receipt) == (record.session, record.head_hash)
    assert desk.view().candidate == "Ada"


def test_a_walk_in_signs_in_by_name_and_finishes_where_asked(desk, url, screen):
    names = []
    until = Looks(5, {1: lambda: names.append(desk.view().candidate)})
    Candidate(screen, Who(name="Grace Hopper"), pace_s=0, finishes=True).sit(url, until)
    assert names == ["Grace Hopper"]
    assert desk.view().session is None


def test_nothing_is_handed_in_before_it_is_time(desk, url, screen):
    states = []
    until = Looks(12, dict.fromkeys(range(1, 13), lambda: states.append(desk.view().state)))
    Candidate(screen, Who(code="K7M2QX"), pace_s=0).sit(url, until)
    assert states == [State.RUNNING] * 12
    assert desk.view().state is State.SEALED


def test_an_exam_that_somebody_ends_still_leads_to_the_record(desk, url, screen):
    until = Looks(10_000, {6: lambda: desk.move(Move.TERMINATE, "The building is being cleared.")})
    sat = Candidate(screen, Who(code="K7M2QX"), pace_s=0).sit(url, until)
    assert sat.receipt
    assert desk.view().state is State.SEALED


def test_custody_away_in_the_middle_costs_no_answer(desk, url, screen):
    until = Looks(8, {2: lambda: setattr(desk, "away_for", 6), 8: lambda: setattr(desk, "away_for", 3)})
    sat = Candidate(screen, Who(code="K7M2QX"), pace_s=0.01).sit(url, until)
    assert values(desk) == RIGHT == sat.answers
    assert desk.away_for == 0


@pytest.mark.parametrize(("look", "asked_in_vain"), [(1, 2), (5, 1)])
def test_custody_away_for_a_moment_is_no_reason_to_hand_in(desk, url, screen, look, asked_in_vain):
    until = Looks(12, {look: lambda: setattr(desk, "away_for", asked_in_vain)})
    Candidate(screen, Who(code="K7M2QX"), pace_s=0.01).sit(url, until)
    assert until.count >= until.last


def test_a_code_that_the_desk_does_not_know_is_an_error_with_the_page(desk, url, screen):
    with pytest.raises(CandidateStuck, match="sign in"):
        Candidate(screen, Who(code="ZZZZ"), pace_s=0).sit(url, lambda: True)
    assert desk.view().session is None


class Photographed(UnsteadyDesk):
    """The detectors answer each photo that is asked for, fault by fault; then they take it."""

    def __init__(self, faults):
        super().__init__(prepare())
        self.detectors = True
        self.faults = list(faults)

    def ask(self, request, answer, patience_s=5.0):
        if isinstance(request, wire.AskView) and self.view().photo.wanted:
            self.photograph(self.faults.pop(0) if self.faults else None)
        return super().ask(request, answer)


@pytest.mark.parametrize("faults", [[], [PhotoFault.TOO_DARK], [PhotoFault.NO_FACE] * TRIES])
def test_the_photo_is_waited_for_tried_again_and_at_last_left_out(screen, faults):
    desk = Photographed(faults)
    face = Face(make_app(lambda: desk, SimulatedCamera()), "127.0.0.1", 0)
    serve(face)
    sat = Candidate(screen, Who(code="K7M2QX"), pace_s=0).sit(f"http://127.0.0.1:{face.port}", lambda: True)
    face.close()
    assert sat.receipt
    assert desk.ask(wire.AskRecord(), wire.Record).photo_taken is (len(faults) < TRIES)


def test_a_live_exam_waits_for_the_person_who_admits(desk, url, screen, monkeypatch):
    desk.prepare(prepare(Mode.LIVE))
    pages = []
    look = screen.page

    def page():
        seen = look()
        if seen == "admission" and "admission" not in pages:
            desk.move(Move.ADMIT)
        pages.append(seen)
        return seen

    monkeypatch.setattr(screen, "page", page)
    Candidate(screen, Who(code="K7M2QX"), pace_s=0).sit(url, lambda: True)
    assert "admission" in pages
    assert desk.ask(wire.AskView(), View).state is State.SEALED
