from types import SimpleNamespace

import msgspec
import pytest

from proctoring import fact as f
from proctoring import wire
from proctoring.errors import Refused
from proctoring.exam import Booking
from proctoring.policy import Mode, Policy
from proctoring.session import State


def test_a_candidate_walks_in_sits_the_exam_and_the_session_is_sealed(desk):
    assert desk.run_exam().state is State.RUNNING
    desk.ask(wire.SaveAnswer(question="q1", value="b", revision=1), wire.Saved)
    desk.finish()
    assert desk.view.state is State.SEALED
    sealed = f.Sealed(segments=0, answers=1, flags=0, signature=desk.facts()[-1].signature)
    assert desk.facts()[-1] == sealed


def test_a_desk_without_its_exams_takes_nobody(desk):
    with pytest.raises(Refused, match="not received its exams"):
        desk.ask(wire.SignIn(name="Ada"))


def test_an_unknown_booking_code_is_named_and_changes_nothing(desk):
    desk.prepare()
    with pytest.raises(Refused, match="no booking 'NOPE'"):
        desk.ask(wire.SignIn(code="nope"))
    assert desk.view.session is None


def test_a_booking_brings_its_name_and_its_extra_time(desk):
    desk.prepare(bookings=(Booking(code="ABC123", candidate="Grace", exam="sample", extra_minutes=5),))
    view = desk.ask(wire.SignIn(code=" abc123 "))
    assert (view.candidate, view.left_ms) == ("Grace", 15 * 60_000)


def test_live_proctoring_wants_a_booking_and_a_person_to_admit(desk):
    desk.prepare(Policy(mode=Mode.LIVE), bookings=(Booking(code="ABC123", candidate="Grace", exam="sample"),))
    assert desk.view.walk_in is False
    with pytest.raises(Refused, match="needs a booking"):
        desk.ask(wire.SignIn(name="Ada"))
    desk.ask(wire.SignIn(code="ABC123"))
    desk.ask(wire.Consent(notice="1"))
    assert desk.ask(wire.FinishCheck()).state is State.AWAITING_ADMISSION
    assert desk.order(wire.Admit()).result == "succeeded"
    assert desk.view.state is State.READY


def test_the_camera_check_comes_after_consent(desk):
    desk.prepare()
    desk.ask(wire.SignIn(name="Ada"))
    with pytest.raises(Refused, match="agree to it first"):
        desk.ask(wire.FinishCheck())


def test_a_second_candidate_cannot_take_a_desk_in_use_but_the_same_request_again_is_fine(desk):
    desk.prepare()
    first = desk.ask(wire.SignIn(name="Ada"))
    assert desk.ask(wire.SignIn(name="Ada")).session == first.session
    with pytest.raises(Refused, match="Another candidate"):
        desk.ask(wire.SignIn(name="Eve"))


def test_the_questions_are_not_shown_before_the_exam_starts(desk):
    desk.prepare()
    desk.ask(wire.SignIn(name="Ada"))
    with pytest.raises(Refused, match="when the exam starts"):
        desk.ask(wire.AskPaper(), wire.Paper)


def test_an_answer_saved_twice_has_effect_once_and_an_older_one_never_wins(desk):
    desk.run_exam()
    first = desk.ask(wire.SaveAnswer(question="q2", value="one", revision=1), wire.Saved)
    assert desk.ask(wire.SaveAnswer(question="q2", value="one", revision=1), wire.Saved) == first
    desk.ask(wire.SaveAnswer(question="q2", value="three", revision=3), wire.Saved)
    with pytest.raises(Refused, match="newer answer"):
        desk.ask(wire.SaveAnswer(question="q2", value="two", revision=2), wire.Saved)
    assert desk.ask(wire.AskPaper(), wire.Paper).answers["q2"] == ("three", 3)


def test_a_refused_move_is_recorded_with_its_reason(desk):
    desk.run_exam()
    desk.order(wire.Pause(reason="fire drill"), "o1")
    with pytest.raises(Refused, match="paused cannot submit"):
        desk.ask(wire.Submit())
    refusal = desk.facts(f.MoveRefused)[-1]
    assert (refusal.move, refusal.by) == ("submit", "candidate")


def test_a_pause_stops_the_exam_clock_and_hides_nothing_of_it(desk):
    desk.run_exam()
    desk.pass_s(60)
    desk.order(wire.Pause(reason="fire drill"), "o1")
    desk.pass_s(120)
    assert desk.view.left_ms == 9 * 60_000
    assert desk.view.reason == "fire drill"
    desk.order(wire.Resume(), "o2")
    desk.pass_s(60)
    assert desk.view.left_ms == 8 * 60_000


def test_when_time_is_up_the_exam_is_handed_in(desk):
    desk.run_exam()
    desk.pass_s(601)
    assert desk.view.state is State.SUBMITTED
    assert desk.facts(f.Moved)[-1].reason == "Time is up."


def test_a_part_that_never_hands_over_delays_the_seal_but_does_not_prevent_it(desk):
    desk.run_exam()
    desk.ask(wire.Submit())
    desk.ask(wire.Drained(session=desk.view.session, part=f.Part.EDGE_AI), wire.Done)
    desk.pass_s(10)
    assert desk.view.state is State.SUBMITTED
    desk.pass_s(10)
    assert desk.view.state is State.SEALED
    assert [gap.part for gap in desk.facts(f.Gap)] == [f.Part.CAPTURE]


def test_an_order_is_carried_out_once_recorded_and_answered_the_same_again(desk):
    desk.run_exam()
    extend = wire.Extend(extra_ms=60_000, reason="late start")
    first = desk.order(extend, "o7")
    assert desk.order(extend, "o7") == first
    assert desk.view.left_ms == 11 * 60_000
    taken = desk.facts(f.OrderTaken)
    assert [(t.what, t.by, t.result) for t in taken] == [("extend", "ann", "succeeded")]


def test_an_order_that_is_too_old_or_for_another_session_is_not_carried_out(desk):
    desk.run_exam()
    assert desk.order(wire.Pause(reason="x"), "o1", expires_ms=-1).result == "expired"
    outcome = desk.order(wire.Pause(reason="x"), "o2", session="another")
    assert (outcome.result, outcome.reason) == ("rejected", "That session is not at this desk any more.")
    assert desk.view.state is State.RUNNING


def test_a_desk_without_room_refuses_the_session_and_says_how_much_is_missing(desk, monkeypatch):
    desk.prepare()
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=270 << 20))
    with pytest.raises(Refused, match=r"room for 0\.2 hours and needs it for 0\.4: 0\.1 GB more must be free"):
        desk.ask(wire.SignIn(name="Ada"))
    assert desk.view.session is None


def test_after_leaving_the_desk_is_free_and_the_ledger_stays(desk):
    session = desk.run_exam().session
    with pytest.raises(Refused, match="not over"):
        desk.ask(wire.Leave())
    desk.finish()
    record = desk.ask(wire.AskRecord(), wire.Record)
    assert record.session == session and record.receipted is False
    assert desk.ask(wire.Leave()).session is None
    assert isinstance(desk.facts(session=session)[-1], f.Sealed)


def test_a_garbled_request_is_answered_and_changes_nothing(desk):
    desk.run_exam()
    before = desk.view
    for garbage in (b"", b"{", b'{"type":"submit","v":9}', bytes(range(256))):
        reply = wire.decode(desk.custody.handle(garbage), wire.Reply)
        assert isinstance(reply, wire.Denied) and reply.code == "bad_message"
    assert msgspec.structs.replace(desk.view, left_ms=0) == msgspec.structs.replace(before, left_ms=0)


def test_a_call_and_a_lid_are_recorded_once_however_often_they_are_reported(desk):
    desk.run_exam()
    for _ in range(3):
        desk.ask(wire.PressCall(), wire.Saved)
        desk.ask(wire.MoveLid(open=True), wire.Saved)
    desk.ask(wire.MoveLid(open=False), wire.Saved)
    assert desk.facts(f.LidMoved) == [f.LidMoved(open=True), f.LidMoved(open=False)]
    assert len(desk.facts(f.CallPressed)) == 1
    assert desk.view.called
    desk.order(wire.Say(text="I am coming."))
    assert (desk.view.called, desk.view.message) == (False, "I am coming.")
    desk.pass_s(11)
    desk.ask(wire.PressCall(), wire.Saved)
    assert len(desk.facts(f.CallPressed)) == 2


def test_a_candidate_who_is_not_heard_can_call_again(desk):
    desk.run_exam()
    desk.ask(wire.PressCall(), wire.Saved)
    desk.pass_s(60)
    desk.ask(wire.PressCall(), wire.Saved)
    assert len(desk.facts(f.CallPressed)) == 2


def test_nobody_signs_in_or_leaves_while_the_session_before_is_not_sealed(desk):
    session = desk.run_exam().session
    desk.ask(wire.Submit())
    for request in (wire.SignIn(name="Bob"), wire.Leave()):
        with pytest.raises(Refused, match="still being completed"):
            desk.ask(request)
    desk.pass_s(16)
    assert desk.view.state is State.SEALED
    assert desk.ask(wire.SignIn(name="Bob")).session != session


def test_a_session_that_is_ended_before_it_started_is_sealed_at_once(desk):
    desk.prepare()
    desk.ask(wire.SignIn(name="Ada"))
    assert desk.order(wire.End(reason="left the room")).result == "succeeded"
    desk.custody.tick()
    assert desk.view.state is State.SEALED


def test_nothing_is_added_to_a_sealed_ledger(desk):
    desk.run_exam()
    request = desk.segment()
    session = desk.view.session
    desk.finish()
    before = desk.facts()
    gap = wire.ReportGap(session=session, part=f.Part.CAPTURE, from_ms=0, to_ms=1, reason="late")
    for late in (
        wire.PressCall(),
        wire.MoveLid(open=True),
        gap,
        wire.ReportCameraEnd(session=session, reason="x"),
    ):
        with pytest.raises(Refused, match="sealed"):
            desk.ask(late, wire.Saved)
    assert desk.ask(request, wire.Saved).seq == 0  # kept beside the ledger, see test_late.py
    assert desk.order(wire.Say(text="hello"), "o9").result == "rejected"
    assert desk.order(wire.Pause(reason="x"), "o10").result == "rejected"
    with pytest.raises(Refused):
        desk.ask(wire.Begin())
    assert desk.facts() == before
    assert isinstance(before[-1], f.Sealed)


def test_what_was_seen_in_one_exam_never_stands_in_anothers_ledger(desk):
    first = desk.run_exam().session
    late = desk.segment()
    desk.finish()
    desk.ask(wire.Leave())
    desk.ask(wire.SignIn(name="Bob"))
    before = desk.facts()
    gap = wire.ReportGap(session=first, part=f.Part.CAPTURE, from_ms=0, to_ms=1, reason="late")
    assert desk.ask(late, wire.Saved).seq == 0  # kept beside either ledger, see test_late.py
    for request in (gap, wire.ReportCameraEnd(session=first, reason="x")):
        with pytest.raises(Refused, match="not at this desk any more"):
            desk.ask(request, wire.Saved)
    own = wire.ReportCameraEnd(session=desk.view.session, reason="x")
    with pytest.raises(Refused, match="not started"):
        desk.ask(own, wire.Saved)
    assert desk.facts() == before


def test_a_booking_is_used_once(desk):
    desk.prepare(bookings=(Booking(code="ABC123", candidate="Grace", exam="sample"),))
    desk.ask(wire.SignIn(code="ABC123"))
    desk.order(wire.End(reason="x"))
    desk.custody.tick()
    desk.ask(wire.Leave())
    with pytest.raises(Refused, match="used at this desk already"):
        desk.ask(wire.SignIn(code="ABC123"))


def test_another_value_under_the_same_number_is_not_called_saved(desk):
    desk.run_exam()
    desk.ask(wire.SaveAnswer(question="q2", value="one", revision=1), wire.Saved)
    with pytest.raises(Refused, match="newer answer"):
        desk.ask(wire.SaveAnswer(question="q2", value="two", revision=1), wire.Saved)


def test_an_order_for_another_session_leaves_no_trace_in_this_ones_ledger(desk):
    desk.run_exam()
    desk.order(wire.Pause(reason="x"), "o2", session="another")
    assert desk.facts(f.OrderTaken) == []


@pytest.mark.parametrize("number", [2**53, 2**64 - 1])
def test_a_number_that_json_readers_do_not_agree_on_is_no_message(desk, number):
    session = desk.run_exam().session
    data = b'{"type":"ask_lines","v":1,"session":"%s","after":%d}' % (session.encode(), number)
    reply = wire.decode(desk.custody.handle(data), wire.Reply)
    assert isinstance(reply, wire.Denied) and reply.code == "bad_message"
