import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctoring import wire
from proctoring.errors import WireError

EXAMPLES = [
    wire.Hello(part="capture", pid=7, after="signal 9"),
    wire.SaveAnswer(question="q1", value=("a", "b"), revision=2),
    wire.SaveAnswer(question="q1", value=2.5, revision=3),
    wire.SaveAnswer(question="q1", value=None, revision=4),
    wire.View(desk="desk-1", prepared=True, walk_in=False, state="running"),
    wire.Order(
        id="o", desk="d", session=None, by="x", issued_utc_ms=1, expires_utc_ms=2, command=wire.Pause(reason="r")
    ),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_a_message_reads_back_as_itself(message):
    for union in (wire.Request, wire.Reply, wire.Remote):
        if type(message) in typing.get_args(union):
            assert wire.encode(wire.decode(wire.encode(message), union)) == wire.encode(message)
            return
    pytest.fail("the message is in no union")


def test_every_message_carries_the_version_and_its_type():
    for union in (wire.Request, wire.Reply, wire.Remote):
        for kind in typing.get_args(union):
            assert kind.__struct_config__.tag_field == "type"
            assert "v" in kind.__struct_fields__


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_nothing_else_happens(data):
    with pytest.raises(WireError):
        wire.decode(data, wire.Request)


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"ask_view","v":2}',
        b'{"type":"ask_view","v":1,"more":1}',
        b'{"type":"no_such","v":1}',
        b'{"type":"hello","part":"toaster","pid":1}',
        b"[" * 100_000,
    ],
    ids=["newer version", "unknown key", "unknown type", "unknown part", "deep nesting"],
)
def test_what_is_not_ours_is_refused(data):
    with pytest.raises(WireError):
        wire.decode(data, wire.Request)


def test_a_desk_writes_below_its_own_name_alone():
    assert wire.desk_topic("desk-1", "facts") == "desk/desk-1/facts"
    for bad in ("", "Desk", "a/b", "+", "#", "-x", "x-", "a" * 33, "desk.1"):
        assert not wire.DESK_NAME.fullmatch(bad)
