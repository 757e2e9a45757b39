from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from proctoring.decision import Verdict
from proctoring.errors import Refused
from proctoring.fact import Moved
from proctoring.session import Move, State
from review_server.review import clock_time
from review_server.tables import DecisionRow, MoveRow


@pytest.fixture
def stored(server, bench, tmp_path):
    desk, pieces = bench.whole(tmp_path)
    for data in pieces:
        server.put(data)
    server.ingest.take(desk.facts())
    return server


def send(browser, form: str, **fields: str):
    """Sends a form of the session's page as a browser does, with its hidden fields."""
    page = browser.get("/sessions/session-1").text
    action = re.search(rf'action="([^"]*/{form})".*?</form>', page, re.S)
    assert action, f"the page has no form to {form}"
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', action[0]))
    return browser.post(action[1], data=hidden | fields)


def state(server) -> str:
    return server.shown()["state"]


def test_pages_are_closed_to_browsers_that_did_not_open_the_link(stored):
    stranger = stored.app.test_client()
    for path in (
        "/",
        "/sessions.json",
        "/sessions/session-1",
        "/sessions/session-1.json",
        "/sessions/session-1/recording.mp4",
    ):
        assert stranger.get(path).status_code == 401
    assert stranger.get("/health").text == "ok"
    assert stranger.get("/sign-in?key=wrong").status_code == 403


def test_the_list_shows_each_session_and_has_a_twin(stored):
    page = stored.staff().get("/").text
    for text in ("Amara Okafor", "desk-1", "complete", "+ 1 technical", "1 gap", "verified"):
        assert text in page
    (one,) = stored.staff().get("/sessions.json").json
    assert (one["session"], one["flags"], one["technical"], one["decision"]) == ("session-1", 2, 1, None)


def test_an_empty_list_says_when_there_will_be_something(server):
    assert "as soon as a candidate signs in" in server.staff().get("/").text


def test_the_twin_of_a_session_says_all(stored):
    shown = stored.shown()
    assert shown["state"] == "complete"
    assert shown["ledger_verified"] is True
    assert len(shown["segments"]["stored"]) == 5
    assert shown["flags"][1] == {
        "kind": "several_faces",
        "label": None,
        "technical": False,
        "start_s": 5.2,
        "end_s": 7.8,
        "peak_score": 0.83,
    }
    assert shown["flags"][2]["label"] == "cell phone"
    assert shown["gaps"] == [{"part": "capture", "from_s": 6.0, "to_s": 8.0, "reason": "killed by signal 9"}]
    assert shown["decision"] is None


def test_a_flag_that_still_lasts_has_no_end(server, bench):
    from proctoring.fact import FlagRaised
    from proctoring.flag import FlagKind

    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(FlagRaised(flag=bench.flag(FlagKind.FACE_ABSENT, 1000, None)), 1300)
    server.ingest.take(desk.facts())
    assert server.shown()["flags"][0]["end_s"] is None
    assert "not ended" in server.staff().get("/sessions/session-1").text


def test_technical_problems_stand_apart_and_are_called_no_violation(stored):
    page = stored.staff().get("/sessions/session-1").text
    suspicions, technical = page.split("Technical problems", 1)
    assert "They are not a violation." in technical
    assert "<h4>Picture too dark</h4>" in technical
    assert "<h4>Picture too dark</h4>" not in suspicions
    assert "<h4>More than one face</h4>" in suspicions


def test_play_this_moment_begins_two_seconds_before(stored):
    assert 'data-seek="3200"' in stored.staff().get("/sessions/session-1").text


def test_the_picture_of_a_flag_is_shown(stored, bench):
    browser = stored.staff()
    addresses = re.findall(r'src="([^"]*pictures[^"]*)"', browser.get("/sessions/session-1").text)
    assert len(addresses) == 1 + 1 + 3
    assert {browser.get(address).data for address in addresses} == {bench.jpeg()}
    for nothing in ("1/0", "14/9"):
        assert browser.get(f"/sessions/session-1/pictures/{nothing}.jpg").status_code == 404


def test_an_unknown_session_is_said_clearly(server):
    for path in ("/sessions/nobody", "/sessions/nobody.json", "/sessions/nobody/pictures/1/0.jpg"):
        assert server.staff().get(path).status_code == 404
    assert "no session of that name" in server.staff().get("/sessions/nobody").text


def test_a_decision_is_stored_with_its_reason_and_shown(stored):
    browser = stored.staff()
    assert send(browser, "decide", verdict="approve", reason="Alone throughout.").status_code == 303
    shown = stored.shown()
    assert shown["state"] == "approved"
    assert shown["decision"]["verdict"] == "approve"
    assert shown["decision"]["by"] == "reviewer"
    page = browser.get("/sessions/session-1").text
    assert "This decision holds." in page
    assert "Alone throughout." in page


def test_a_decision_without_a_reason_is_refused_and_the_choice_is_kept(stored):
    answer = send(stored.staff(), "decide", verdict="decline", reason="   ")
    assert answer.status_code == 400
    assert "Give the reason" in answer.text
    assert re.search(r'value="decline" required checked', answer.text)
    assert state(stored) == "complete"


def test_a_decision_without_a_verdict_is_refused_and_the_reason_is_kept(stored):
    answer = send(stored.staff(), "decide", reason="I looked.")
    assert answer.status_code == 400
    assert "Choose one" in answer.text
    assert "I looked.</textarea>" in answer.text


def test_a_form_without_its_token_is_refused(stored):
    answer = stored.staff().post("/sessions/session-1/decide", data={"verdict": "approve", "reason": "x"})
    assert answer.status_code == 400
    assert state(stored) == "complete"


def test_the_same_form_sent_twice_decides_once(stored):
    for _ in range(2):
        stored.reviews.decide("session-1", "one-id", Verdict.APPROVE, "Alone.", "reviewer")
    with stored.store.read() as tx:
        assert len(tx.scalars(select(DecisionRow)).all()) == 1


def test_opening_a_review_is_a_move_of_its_own(stored):
    assert send(stored.staff(), "begin").status_code == 303
    assert state(stored) == "in_review"


def test_a_second_look_leads_to_a_decision_that_supersedes_it(stored):
    browser = stored.staff()
    send(browser, "decide", verdict="second_look", reason="Is that a mirror?")
    assert state(stored) == "second_review"
    send(browser, "decide", verdict="approve", reason="It is a mirror.")
    assert state(stored) == "approved"
    page = browser.get("/sessions/session-1").text
    assert "<del>Is that a mirror?</del>" in page
    assert "It is a mirror." in page


def test_an_appeal_opens_the_way_to_another_decision(stored):
    browser = stored.staff()
    send(browser, "decide", verdict="decline", reason="A phone was used.")
    assert send(browser, "appeal", reason="").status_code == 400
    assert send(browser, "appeal", reason="It was a calculator.").status_code == 303
    assert state(stored) == "appealed"
    send(browser, "decide", verdict="approve", reason="It is a calculator.")
    assert state(stored) == "approved"
    with stored.store.read() as tx:
        first, second = tx.scalars(select(DecisionRow).order_by(DecisionRow.number))
        assert second.supersedes == first.id


def test_a_move_that_the_table_has_not_is_refused_and_the_refusal_is_recorded(stored):
    stored.reviews.decide("session-1", "a", Verdict.APPROVE, "Alone.", "reviewer")
    with pytest.raises(Refused, match="approved cannot decline"):
        stored.reviews.decide("session-1", "b", Verdict.DECLINE, "No.", "somebody")
    with stored.store.read() as tx:
        last = tx.scalars(select(MoveRow).order_by(MoveRow.number.desc())).first()
        assert (last.move, last.by, last.refused) == (Move.DECLINE, "somebody", True)
    assert stored.shown()["decision"]["id"] == "a"


def test_a_session_that_is_still_arriving_cannot_be_decided(server, bench):
    desk = bench.Desk()
    desk.write(bench.opened())
    server.ingest.take(desk.facts())
    with pytest.raises(Refused):
        server.reviews.decide("session-1", "a", Verdict.APPROVE, "Alone.", "reviewer")
    page = server.staff().get("/sessions/session-1").text
    assert "still arriving" in page
    assert 'name="verdict"' not in page


def test_what_a_candidate_is_called_cannot_become_part_of_the_page(server, bench):
    desk = bench.Desk()
    desk.write(bench.opened("<script>alert(1)</script>"))
    desk.write(Moved(move=Move.TERMINATE, state=State.TERMINATED, by="x", reason="<b>bold</b>"), 10)
    server.ingest.take(desk.facts())
    for path in ("/", "/sessions/session-1"):
        page = server.staff().get(path).text
        assert "<script>alert" not in page
        assert "<b>bold" not in page


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0:00.0"), (5290, "0:05.2"), (65_000, "1:05.0"), (3_725_400, "1:02:05.4")]
)
def test_times_read_as_a_player_shows_them(ms, text):
    assert clock_time(ms) == text
