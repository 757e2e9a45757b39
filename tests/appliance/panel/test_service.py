from typing import Any

import pytest

from appliance.panel.gpio import GpioBoard
from appliance.panel.service import HELD, STALE_MS, Panel
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.custody_link import CustodyAway
from appliance.runtime.simulated import SimulatedCustody
from proctoring.session import State
from proctoring.wire import Denied, Message, MoveLid, PressCall, Saved, View


def at_desk(state: State | None, session: str = "session-1", **more: Any) -> View:
    return View(desk="desk-1", prepared=True, walk_in=True, session=session if state else None, state=state, **more)


def away(request: Message) -> Message:
    raise CustodyAway("away")


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(mono_ms=60_000)


@pytest.fixture
def custody() -> SimulatedCustody:
    return SimulatedCustody(at_desk(None))


@pytest.fixture
def panel(board: GpioBoard, custody: SimulatedCustody, clock: SimulatedClock) -> Panel:
    return Panel(board, custody, clock)


def test_the_lamp_follows_the_session(panel: Panel, custody: SimulatedCustody, wires: Any) -> None:
    for state, lights in (
        (State.AWAITING_ADMISSION, {"amber"}),
        (State.RUNNING, {"green"}),
        (State.PAUSED, {"amber", "green"}),
        (State.RUNNING, {"green"}),
    ):
        custody.show(at_desk(state))
        panel.step()
        assert wires.lit() == lights


def test_a_light_that_blinks_goes_on_and_off_with_the_clock(
    panel: Panel, custody: SimulatedCustody, clock: SimulatedClock, wires: Any
) -> None:
    custody.show(at_desk(State.RUNNING, called=True))
    seen = []
    for _ in range(4):
        panel.step()
        seen.append(wires.lit())
        clock.pass_ms(250)
    assert seen == [{"amber"}, set(), {"amber"}, set()]


def test_a_lamp_that_hears_nothing_any_more_turns_red(
    panel: Panel, custody: SimulatedCustody, clock: SimulatedClock, wires: Any
) -> None:
    custody.show(at_desk(State.RUNNING))
    panel.step()
    clock.pass_ms(STALE_MS)
    panel.step()
    assert wires.lit() == {"green"}
    clock.pass_ms(1)
    panel.step()
    assert wires.lit() == {"red"}
    custody.show(at_desk(State.RUNNING))
    panel.step()
    assert wires.lit() == {"green"}


def test_a_lamp_that_never_heard_of_custody_is_red(board: GpioBoard, clock: SimulatedClock, wires: Any) -> None:
    silent = SimulatedCustody()
    silent.view()
    Panel(board, silent, clock).step()
    assert wires.lit() == {"red"}


def test_a_press_of_the_call_button_reaches_custody(panel: Panel, custody: SimulatedCustody, wires: Any) -> None:
    panel.step()
    wires.press_call()
    panel.step()
    assert custody.asked_for(PressCall) == [PressCall()]


def test_an_opened_lid_reaches_custody(panel: Panel, custody: SimulatedCustody, wires: Any) -> None:
    wires.close_lid()
    panel.step()
    custody.asked.clear()
    wires.open_lid()
    panel.step()
    assert custody.asked == [MoveLid(open=True)]


def test_a_session_that_begins_with_an_open_lid_says_so(panel: Panel, custody: SimulatedCustody) -> None:
    panel.step()
    assert custody.asked == []
    custody.show(at_desk(State.CHECKING_IN))
    panel.step()
    custody.show(at_desk(State.RUNNING))
    panel.step()
    assert custody.asked == [MoveLid(open=True)]


def test_what_happens_while_custody_is_away_arrives_when_it_is_back_in_order_and_once(
    panel: Panel, custody: SimulatedCustody, wires: Any
) -> None:
    panel.step()
    custody.answers = {PressCall: away, MoveLid: away}
    wires.press_call()
    wires.close_lid()
    panel.step()
    panel.step()
    custody.asked.clear()
    custody.answers = {}
    panel.step()
    panel.step()
    assert custody.asked == [PressCall(), MoveLid(open=False)]


def test_the_buffer_for_what_custody_did_not_take_is_bounded(
    panel: Panel, custody: SimulatedCustody, wires: Any, caplog: pytest.LogCaptureFixture
) -> None:
    custody.answers = {PressCall: away}
    for _ in range(HELD + 5):
        wires.press_call()
    panel.step()
    custody.answers = {PressCall: Saved(seq=1)}
    custody.asked.clear()
    panel.step()
    assert len(custody.asked) == HELD
    assert "the oldest happening is lost" in caplog.text


def test_a_call_that_the_rules_have_no_use_for_does_not_stop_the_panel(
    panel: Panel, custody: SimulatedCustody, wires: Any
) -> None:
    custody.answers = {PressCall: Denied(code="no_session", reason="Nobody sits here.")}
    wires.press_call()
    panel.step()
    panel.step()
    assert len(custody.asked_for(PressCall)) == 1
