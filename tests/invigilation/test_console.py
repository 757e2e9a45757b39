import json

import pytest

from invigilation.console import make_console
from invigilation.orders import GRACE_MS, VALID_MS
from messaging.ports import BusFull
from proctoring.fact import CallPressed
from proctoring.session import Move, State
from proctoring.wire import Admit, End, Extend, OrderOutcome, Pause, Resume, Say


@pytest.fixture
def desk(site):
    desk = site.desk()
    site.tell(desk.presence())
    site.tell(desk.facts(*desk.running()))
    return desk


def order(browser, desk="desk-1", session="s-1", **fields):
    return browser.post(f"/desks/{desk}/orders", json={"session": session, **fields})


def succeed(given):
    return OrderOutcome(desk=given.desk, order=given.id, result="succeeded")


def events_after(site, known):
    page = site.stream.open(known)
    page.end()
    blocks = [frame.decode().split("\n") for frame in page.frames()]
    fields = [dict(line.split(": ", 1) for line in block if line) for block in blocks]
    return [(event["event"], json.loads(event["data"])) for event in fields if event["event"] != "beat"]


# --- who may look ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/desks.json", "/alerts.json", "/events"])
def test_nothing_shows_without_the_staff_link(site, desk, path):
    answer = site.app.test_client().get(path)
    assert answer.status_code == 401
    assert "Ada" not in answer.text


def test_no_order_is_taken_without_the_staff_link(site, desk):
    site.app.config["WTF_CSRF_ENABLED"] = False
    taken = site.answer_orders("desk-1", succeed)
    assert order(site.app.test_client(), command="admit").status_code == 401
    assert taken == []


def test_an_order_without_the_pages_token_is_refused_in_words(site, desk):
    app = make_console(site.settings, site.console)
    client = app.test_client()
    client.get(f"/sign-in?key={site.settings.staff_key}")
    answer = order(client, command="admit")
    assert (answer.status_code, "Load the page again" in answer.json["error"]) == (400, True)


def test_health_needs_no_sign_in(site):
    answer = site.app.test_client().get("/health")
    assert (answer.status_code, answer.text) == (200, "ok")


# --- what shows ------------------------------------------------------------------------------------


def test_the_page_has_no_inline_script_or_style(browser):
    page = browser.get("/")
    assert page.status_code == 200
    assert "Room 12" in page.text
    assert "style=" not in page.text and "<style" not in page.text and "onclick" not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert page.text.count("<script") == 1


def test_desks_and_alerts_can_be_read_as_json(site, browser, desk):
    site.tell(desk.facts(desk.raised()))
    wall = browser.get("/desks.json").json
    assert [(card["desk"], card["candidate"], card["state"]) for card in wall["desks"]] == [
        ("desk-1", "Ada Example", "running")
    ]
    assert wall["connected"] is True
    (alert,) = browser.get("/alerts.json").json["alerts"]
    assert (alert["kind"], alert["words"], alert["desk"]) == ("several_faces", "More than one face", "desk-1")


def test_an_alert_is_told_as_it_happens_with_all_that_the_page_needs(site, desk):
    known = site.stream.last_id
    site.tell(desk.facts(desk.raised()))
    (name, alert), (second, card) = events_after(site, known)
    assert (name, second) == ("alert", "desk")
    expected = {
        "desk",
        "session",
        "id",
        "kind",
        "label",
        "technical",
        "raised_utc_ms",
        "start_s",
        "peak_score",
        "thumbnail",
    }
    assert expected <= alert.keys()
    assert (card["lamp"], card["last_alert"]) == ("look", alert["id"])


def test_a_page_follows_the_events(site, browser, desk):
    known = site.stream.last_id
    site.tell(desk.facts(desk.raised()))
    answer = browser.get(f"/events?after={known}", buffered=False)
    assert answer.mimetype == "text/event-stream"
    told = b"".join(next(answer.response) for _ in range(3))
    assert b"event: alert\n" in told and b"event: desk\n" in told
    answer.close()
    assert site.stream.pages == 0


def test_the_header_of_a_browser_that_comes_back_beats_the_pages_address(site, browser, desk):
    first = site.stream.last_id
    site.tell(desk.facts(desk.raised()))
    answer = browser.get(f"/events?after={first}", headers={"Last-Event-ID": "other-1"}, buffered=False)
    assert b"event: reload" in b"".join(next(answer.response) for _ in range(2))
    answer.close()


def test_messages_that_come_twice_show_once(site, browser):
    site.broker.copies = 3
    desk = site.desk()
    site.tell(desk.presence())
    site.tell(desk.facts(*desk.running(), desk.raised()))
    assert len(browser.get("/alerts.json").json["alerts"]) == 1
    assert browser.get("/desks.json").json["desks"][0]["ledger"] == "verified"


def test_garbled_messages_stop_nothing(site, browser):
    site.broker.accept("desk/desk-1/facts", b"{not json")
    desk = site.desk()
    site.tell(desk.presence())
    assert [card["desk"] for card in browser.get("/desks.json").json["desks"]] == ["desk-1"]
    assert site.bus.garbled == 1


# --- orders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"command": "admit"}, Admit()),
        ({"command": "pause", "reason": "fire alarm"}, Pause(reason="fire alarm")),
        ({"command": "resume"}, Resume()),
        ({"command": "extend", "minutes": 5, "reason": "late start"}, Extend(extra_ms=300_000, reason="late start")),
        ({"command": "end", "reason": "left", "confirmed": True}, End(reason="left")),
        ({"command": "say", "text": "Five minutes left."}, Say(text="Five minutes left.")),
    ],
)
def test_every_order_reaches_the_desk_with_who_gave_it_and_how_long_it_holds(site, browser, desk, fields, command):
    taken = site.answer_orders("desk-1", succeed)
    known = site.stream.last_id
    assert order(browser, **fields).status_code == 202
    (given,) = taken
    assert (given.command, given.session, given.by) == (command, "s-1", "invigilator")
    assert given.expires_utc_ms - given.issued_utc_ms == VALID_MS
    results = [data["result"] for name, data in events_after(site, known) if name == "order"]
    assert results == ["waiting", "succeeded"]


def test_what_the_desk_refuses_shows_with_its_reason(site, browser, desk):
    def refuse(given):
        return OrderOutcome(desk="desk-1", order=given.id, result="rejected", reason="It is paused already.")

    site.answer_orders("desk-1", refuse)
    order(browser, command="pause", reason="alarm")
    (given,) = browser.get("/desks.json").json["orders"]
    assert (given["result"], given["reason"]) == ("rejected", "It is paused already.")


def test_an_order_that_nobody_answers_is_said_to_have_run_out(site, browser, desk):
    order(browser, command="pause", reason="alarm")
    site.clock.pass_ms(VALID_MS + GRACE_MS + 1)
    known = site.stream.last_id
    site.console.tick()
    assert [(name, data["result"]) for name, data in events_after(site, known)] == [("order", "no_answer")]


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"command": "pause", "reason": ""}, 400, "Give a reason"),
        ({"command": "extend", "minutes": -5, "reason": "why"}, 400, "more than 0"),
        ({"command": "extend", "minutes": "five", "reason": "why"}, 400, "does not understand"),
        ({"command": "end", "reason": "left"}, 400, "cannot be undone"),
        ({"command": "dance"}, 400, "no order 'dance'"),
        ({"command": "admit", "desk": "desk-9"}, 404, "knows no desk 'desk-9'"),
        ({"command": "admit", "session": "s-0"}, 409, "Another candidate"),
        ({"command": "admit", "desk": "desk-2"}, 409, "Nobody sits"),
    ],
)
def test_what_cannot_be_ordered_is_refused_in_words_and_nothing_is_sent(
    site, browser, desk, fields, status, sentence
):
    site.tell(site.desk("desk-2").presence(seated=False))
    taken = [site.answer_orders(name, succeed) for name in ("desk-1", "desk-2")]
    answer = order(browser, **fields)
    assert (answer.status_code, sentence in answer.json["error"]) == (status, True)
    assert taken == [[], []]
    assert browser.get("/desks.json").json["orders"] == []


def test_an_order_is_refused_while_the_broker_is_away(site, browser, desk):
    site.broker.stop()
    answer = order(browser, command="pause", reason="alarm")
    assert (answer.status_code, "Nothing was sent" in answer.json["error"]) == (503, True)


def test_an_order_that_the_bus_cannot_take_is_said_not_to_be_sent(site, browser, desk, monkeypatch):
    def full(*_):
        raise BusFull("1000 messages wait for the broker already.")

    monkeypatch.setattr(site.bus, "publish", full)
    answer = order(browser, command="pause", reason="alarm")
    assert (answer.status_code, "Nothing was sent" in answer.json["error"]) == (503, True)
    assert browser.get("/desks.json").json["orders"][0]["result"] == "not_sent"


def test_the_pages_learn_that_the_broker_went_and_came_back(site):
    site.console.tick()
    known = site.stream.last_id
    site.broker.stop()
    site.console.tick()
    site.broker.restart()
    told = events_after(site, known)
    assert [data["connected"] for name, data in told if name == "broker"] == [False, True]


# --- seen ------------------------------------------------------------------------------------------


def test_an_alert_can_be_marked_as_seen(site, browser, desk):
    site.tell(desk.facts(desk.raised()))
    (alert,) = browser.get("/alerts.json").json["alerts"]
    seen = {name: alert[name] for name in ("desk", "session", "id")}
    assert browser.post("/alerts/seen", json=seen).status_code == 200
    assert browser.get("/alerts.json").json["alerts"][0]["seen"] is True
    assert browser.get("/desks.json").json["desks"][0]["lamp"] == "calm"


def test_an_unknown_alert_is_refused_in_words(browser, desk):
    answer = browser.post("/alerts/seen", json={"desk": "desk-1", "session": "s-1", "id": "none"})
    assert (answer.status_code, "Load the page again" in answer.json["error"]) == (404, True)


def test_a_call_shows_until_somebody_goes_and_the_candidate_is_told(site, browser, desk):
    given = site.answer_orders("desk-1", lambda order: None)
    site.tell(desk.facts(CallPressed()))
    assert browser.get("/desks.json").json["desks"][0]["lamp"] == "call"
    assert browser.post("/desks/desk-1/call/seen", json={}).status_code == 200
    assert browser.get("/desks.json").json["desks"][0]["called_utc_ms"] is None
    (told,) = browser.get("/desks.json").json["orders"]
    assert told["id"] == given[0].id
    assert given[0].command == Say(text="An invigilator is coming to you.")
    assert browser.post("/desks/desk-9/call/seen", json={}).status_code == 404


def test_an_order_shows_its_effect_when_the_desks_fact_comes(site, browser, desk):
    site.answer_orders("desk-1", succeed)
    order(browser, command="pause", reason="alarm")
    assert browser.get("/desks.json").json["desks"][0]["state"] == "running"
    site.tell(desk.facts(desk.moved(Move.PAUSE, State.PAUSED, "alarm")))
    assert browser.get("/desks.json").json["desks"][0]["state_words"] == "Paused"
