import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctoring import fact as f
from proctoring import ledger
from proctoring.errors import LedgerBroken, Refused
from proctoring.ledger import Line, Stamp
from proctoring.session import Move, State

facts = st.one_of(
    st.builds(
        f.Answered,
        question=st.text(min_size=1),
        value=st.one_of(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
        revision=st.integers(1, 9),
    ),
    st.builds(f.CallPressed),
    st.builds(f.Moved, move=st.sampled_from(Move), state=st.sampled_from(State), by=st.text()),
    st.builds(
        f.Gap,
        part=st.sampled_from(f.Part),
        from_ms=st.integers(0, 10**9),
        to_ms=st.integers(0, 10**9),
        reason=st.text(),
    ),
)


def write(facts_, desk="desk-1", session="s1"):
    head, lines = ledger.start(desk, session), []
    for number, fact in enumerate(facts_):
        line, head = ledger.append(head, fact, Stamp(at_utc_ms=number, mono_ms=number, boot="b"), number)
        lines.append(line)
    return lines, head


@given(st.lists(facts, max_size=8))
def test_what_was_appended_verifies_and_reads_back(given_facts):
    lines, head = write(given_facts)
    entries, found = ledger.verify("desk-1", "s1", lines)
    assert [entry.fact for entry in entries] == given_facts
    assert found == head


@settings(max_examples=300)
@given(st.lists(facts, min_size=1, max_size=5), st.data())
def test_any_single_flipped_byte_is_found(given_facts, data):
    lines, _ = write(given_facts)
    number = data.draw(st.integers(0, len(lines) - 1))
    raw = bytearray(msgspec.json.encode(lines[number]))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        lines[number] = msgspec.json.decode(bytes(raw), type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return  # no line at all any more: found by the reader
    if lines[number] == write(given_facts)[0][number]:
        return  # the flip fell on the JSON around the line (white space, an escape), not on what it says
    with pytest.raises(LedgerBroken):
        ledger.verify("desk-1", "s1", lines)


@given(st.lists(facts, min_size=2, max_size=6, unique_by=repr), st.data())
def test_a_line_left_out_or_moved_is_found(given_facts, data):
    lines, _ = write(given_facts)
    number = data.draw(st.integers(0, len(lines) - 2))
    with pytest.raises(LedgerBroken):
        ledger.verify("desk-1", "s1", lines[:number] + lines[number + 1 :])
    swapped = [*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]]
    with pytest.raises(LedgerBroken):
        ledger.verify("desk-1", "s1", swapped)


@pytest.mark.parametrize("desk,session", [("desk-2", "s1"), ("desk-1", "s2")])
def test_a_ledger_cannot_be_passed_off_as_anothers(desk, session):
    lines, _ = write([f.CallPressed()])
    with pytest.raises(LedgerBroken, match="another desk or session"):
        ledger.verify(desk, session, lines)


def test_text_that_means_the_same_but_is_not_canonical_is_refused():
    (line,), _ = write([f.CallPressed()])
    text = json.dumps(json.loads(line.text), indent=1)
    with pytest.raises(LedgerBroken, match="canonical"):
        ledger.verify("desk-1", "s1", [Line(text, ledger.sha256(text.encode()))])


def test_the_chain_can_be_checked_with_sha256_and_a_json_reader_alone():
    import hashlib

    lines, _ = write([f.CallPressed(), f.LidMoved(open=True)])
    before = hashlib.sha256(b"desk-1/s1").hexdigest()
    for line in lines:
        assert json.loads(line.text)["prev"] == before
        before = hashlib.sha256(line.text.encode()).hexdigest()
        assert before == line.hash


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), "half \ud800"], ids=repr)
def test_what_would_not_read_back_as_itself_is_refused(value):
    with pytest.raises(Refused, match="cannot be kept"):
        write([f.Answered(question="q", value=value, revision=1)])
