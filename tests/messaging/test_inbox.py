import logging

import pytest

from messaging.inbox import Inbox
from proctoring import wire
from proctoring.wire import HOST_TOPIC, Facts, HostState, OrderOutcome, Presence, desk_topic

OUTCOME = OrderOutcome(desk="desk-1", order="o1", result="succeeded")
SECRET = "the candidate's answer"


@pytest.fixture
def heard():
    return []


@pytest.fixture
def reports():
    return []


@pytest.fixture
def inbox(heard, reports):
    inbox = Inbox(lambda topic, reason: reports.append((topic, reason)))
    inbox.add("desk/+/#", lambda topic, message: heard.append(message))
    inbox.add(HOST_TOPIC, lambda topic, message: heard.append(message))
    return inbox


def test_a_message_reaches_every_handler_whose_filter_covers_its_topic(inbox, heard):
    inbox.add("desk/desk-1/outcomes", lambda topic, message: heard.append(topic))
    inbox.add("desk/desk-2/outcomes", lambda topic, message: heard.append("wrong"))
    inbox.take("desk/desk-1/outcomes", wire.encode(OUTCOME))
    assert heard == [OUTCOME, "desk/desk-1/outcomes"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "it is not JSON"),
        (b"\xff\xfe" + SECRET.encode(), "it is not JSON"),
        (b"[" * 100_000, "it is no message of version 1"),
        (f'{{"type": "{SECRET}"}}'.encode(), "it is no message of version 1, at `$.type`"),
        (b'{"type": "order_outcome", "v": 2}', "it is no message of version 1, at `$.v`"),
        (f'{{"type": "presence", "{SECRET}": 1}}'.encode(), "it is no message of version 1"),
    ],
)
def test_what_is_no_message_is_counted_and_reported_without_its_content(
    inbox, heard, reports, caplog, payload, reason
):
    with caplog.at_level(logging.DEBUG):
        inbox.take("desk/desk-1/outcomes", payload)
    assert heard == []
    assert inbox.garbled == 1
    assert reports == [("desk/desk-1/outcomes", reason)]
    assert reason in caplog.text
    assert SECRET not in caplog.text


def test_a_body_that_names_another_desk_than_its_topic_is_put_aside(inbox, heard, reports):
    inbox.take("desk/desk-2/outcomes", wire.encode(OUTCOME))
    assert heard == []
    assert reports == [("desk/desk-2/outcomes", "it names another desk than its topic")]


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        (desk_topic("desk-1", "facts"), OUTCOME),
        (desk_topic("desk-1", "orders"), Facts(desk="desk-1", session="s", lines=())),
        (HOST_TOPIC, OUTCOME),
        (desk_topic("desk-1", "presence"), HostState(run=1, online=True, at_utc_ms=0)),
        ("desk/desk-1/elsewhere", OUTCOME),
    ],
)
def test_a_message_on_a_topic_for_another_kind_is_put_aside(inbox, heard, topic, message):
    inbox.take(topic, wire.encode(message))
    assert heard == []
    assert inbox.garbled == 1


def test_a_handler_that_fails_stops_neither_the_others_nor_the_next_message(inbox, heard, caplog):
    broken = Inbox()

    def fail(topic, message):
        raise RuntimeError(SECRET)

    broken.add("#", fail)
    broken.add("#", lambda topic, message: heard.append(message))
    broken.take(
        desk_topic("desk-1", "presence"), wire.encode(Presence(desk="desk-1", run=1, online=True, at_utc_ms=0))
    )
    broken.take("desk/desk-1/outcomes", wire.encode(OUTCOME))
    assert len(heard) == 2
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text
