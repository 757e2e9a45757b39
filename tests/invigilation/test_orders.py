import msgspec
import pytest

from invigilation.orders import GRACE_MS, VALID_MS, OrderForm, Orders, command_of
from proctoring.errors import Refused
from proctoring.wire import Admit, End, Extend, Order, OrderOutcome, Pause, Resume, Say
from web.clock import SimulatedClock


def form(command, **fields):
    return OrderForm(command=command, session="s-1", **fields)


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (form("admit"), Admit()),
        (form("resume"), Resume()),
        (form("pause", reason=" fire\n alarm "), Pause(reason="fire alarm")),
        (form("extend", minutes=2.5, reason="late start"), Extend(extra_ms=150_000, reason="late start")),
        (form("end", reason="left the room", confirmed=True), End(reason="left the room")),
        (form("say", text="Please put your phone away."), Say(text="Please put your phone away.")),
    ],
)
def test_a_form_becomes_its_command(given, command):
    assert command_of(given) == command


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (form("pause", reason="  "), "Give a reason"),
        (form("extend", minutes=5), "Give a reason"),
        (form("extend", minutes=-5, reason="why"), "more than 0"),
        (form("extend", minutes=0, reason="why"), "more than 0"),
        (form("extend", minutes=float("nan"), reason="why"), "more than 0"),
        (form("extend", minutes=10_000, reason="why"), "up to 240"),
        (form("end", reason="", confirmed=True), "Give a reason"),
        (form("end", reason="left the room"), "cannot be undone"),
        (form("say", text=""), "Write the message"),
        (form("say", text="x" * 501), "501 characters"),
        (form("dance"), "no order 'dance'"),
    ],
)
def test_a_form_that_cannot_be_meant_is_refused_with_what_to_correct(given, sentence):
    with pytest.raises(Refused, match=sentence):
        command_of(given)


@pytest.fixture
def orders():
    return Orders()


def placed(orders, clock, name="o-1"):
    now_ms = clock.now().utc_ms
    order = Order(
        id=name,
        desk="desk-1",
        session="s-1",
        by="invigilator",
        issued_utc_ms=now_ms,
        expires_utc_ms=now_ms + VALID_MS,
        command=Admit(),
    )
    return orders.place(order)


def outcome(result, order="o-1", desk="desk-1", reason=""):
    return OrderOutcome(desk=desk, order=order, result=result, reason=reason)


@pytest.mark.parametrize("result", ["succeeded", "rejected", "expired", "repeated"])
def test_what_the_desk_says_is_what_shows(orders, clock, result):
    placed(orders, clock)
    settled = orders.take(outcome(result, reason="because"))
    assert (settled.result, settled.reason) == (result, "because")
    assert orders.all() == [settled]


def test_an_order_without_an_answer_runs_out_once(orders, clock):
    placed(orders, clock)
    clock.pass_ms(VALID_MS + GRACE_MS)
    assert orders.run_out(clock.now()) == []
    clock.pass_ms(1)
    assert [late.result for late in orders.run_out(clock.now())] == ["no_answer"]
    assert orders.run_out(clock.now()) == []


def test_a_late_answer_still_counts(orders, clock):
    placed(orders, clock)
    clock.pass_ms(VALID_MS + GRACE_MS + 1)
    orders.run_out(clock.now())
    assert orders.take(outcome("succeeded")).result == "succeeded"


def test_a_repeated_order_keeps_its_first_answer(orders, clock):
    placed(orders, clock)
    orders.take(outcome("rejected", reason="not now"))
    assert orders.take(outcome("repeated")) is None
    assert orders.all()[0].result == "rejected"


def test_answers_to_others_orders_and_from_other_desks_mean_nothing(orders, clock):
    placed(orders, clock)
    assert orders.take(outcome("succeeded", order="o-2")) is None
    assert orders.take(outcome("succeeded", desk="desk-2")) is None
    assert orders.all()[0].result == "waiting"


def test_only_so_many_orders_are_kept(orders):
    clock = SimulatedClock()
    for number in range(300):
        placed(orders, clock, f"o-{number}")
    assert len(orders.all()) == 200
    assert orders.all()[0].id == "o-299"


def test_a_form_with_unknown_fields_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"command": "admit", "session": "s-1", "force": true}', type=OrderForm)
