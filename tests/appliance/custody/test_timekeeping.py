import pytest

from appliance.custody.service import Custody
from appliance.custody.settings import CustodySettings
from appliance.custody.timekeeping import built_utc_ms
from proctoring import fact as f
from proctoring import wire
from proctoring.session import State

DAY_MS = 86_400_000


def measure(desk, offset_ms, uncertainty_ms=10):
    """The server's clock stands `offset_ms` after the desk's wall clock, and sync says so."""
    told = wire.TakeTime(
        boot=desk.clock.boot(),
        mono_ms=desk.clock.mono_ms(),
        utc_ms=desk.clock.utc_ms() + offset_ms,
        uncertainty_ms=uncertainty_ms,
    )
    desk.ask(told, wire.Done)
    return told


def measured(desk):
    return [(fact.offset_ms, fact.uncertainty_ms) for fact in desk.facts(f.ClockMeasured)]


def steps(desk):
    return [fact.by_ms for fact in desk.facts(f.ClockStepped)]


def test_a_measurement_stands_in_the_ledger_when_it_is_first_known_and_at_the_seal(desk):
    desk.run_exam()
    measure(desk, 1200)
    desk.pass_s(3)
    measure(desk, 1210)
    assert measured(desk) == [(1200, 10)]
    desk.finish()
    assert desk.view.state is State.SEALED
    assert measured(desk) == [(1200, 10), (1210, 10)]


def test_a_session_that_begins_later_says_it_at_once_and_only_news_are_repeated(desk):
    measure(desk, -700)
    desk.run_exam()
    assert measured(desk) == [(-700, 10)]
    measure(desk, -700 - 300, uncertainty_ms=400)
    assert len(measured(desk)) == 1, "that little is within what is uncertain"
    measure(desk, -700 - 300)
    assert measured(desk)[1:] == [(-1000, 10)]


@pytest.mark.parametrize("by_ms", [-3_600_000, -600, 600, 86_400_000])
def test_a_wall_clock_that_is_set_is_noticed_and_costs_no_exam_time(desk, by_ms):
    desk.run_exam()
    desk.pass_s(5)
    left_ms = desk.view.left_ms
    desk.clock.step_ms(by_ms)
    desk.pass_s(1)
    assert steps(desk) == [by_ms]
    assert desk.view.left_ms == left_ms - 1000
    desk.pass_s(3)
    assert steps(desk) == [by_ms]


def test_a_clock_that_is_set_while_custody_is_away_is_noticed_as_well(desk):
    desk.run_exam()
    desk.pass_s(1)
    desk.clock.step_ms(90_000)
    desk.die_and_start_again()
    desk.pass_s(1)
    assert steps(desk) == [90_000]


def test_a_clock_that_is_steered_or_read_late_is_no_step(desk):
    desk.run_exam()
    for by_ms in (5, -8, 40, -30):
        desk.clock.step_ms(by_ms)
        desk.pass_s(1)
    assert steps(desk) == []


def test_a_step_is_dated_by_the_measurement_that_was_there_before(desk):
    measure(desk, 0)
    desk.run_exam()
    desk.clock.step_ms(-7_200_000)
    desk.pass_s(1)
    assert steps(desk) == [-7_200_000]
    assert measured(desk) == [(0, 10), (7_200_000, 10)]


def test_orders_expire_by_the_servers_time_however_wrong_the_desks_clock_is(desk):
    desk.run_exam()
    measure(desk, 0)
    desk.clock.step_ms(DAY_MS)
    server_ms = desk.clock.utc_ms() - DAY_MS
    for id_, expires_ms, result in (("o1", 30_000, "succeeded"), ("o2", -1, "expired")):
        order = wire.Order(
            id=id_,
            desk="desk-1",
            session=None,
            by="ann",
            issued_utc_ms=server_ms - 1000,
            expires_utc_ms=server_ms + expires_ms,
            command=wire.Say(text="hello"),
        )
        assert desk.ask(wire.TakeOrder(order=order), wire.OrderOutcome).result == result


def test_a_desk_that_starts_in_the_past_says_so_until_it_knows_the_servers_time(desk):
    desk.pass_s(1)
    desk.clock.reboot()
    desk.clock.step_ms(-10 * DAY_MS)
    desk.die_and_start_again()
    assert desk.view.clock_trusted is False
    desk.run_exam()
    assert desk.facts(f.SessionOpened)[0].clock_trusted is False
    assert desk.order(wire.Say(text="x"), "o9", expires_ms=-1).result == "succeeded", (
        "nobody can tell whether it is old"
    )
    measure(desk, 10 * DAY_MS)
    assert desk.view.clock_trusted is True
    assert measured(desk) == [(10 * DAY_MS, 10)]
    desk.die_and_start_again()
    assert desk.view.clock_trusted is True, "a measurement outlives custody's restart"
    desk.clock.reboot()
    desk.die_and_start_again()
    assert desk.view.clock_trusted is False, "but not the machine's"


def test_a_clock_before_the_software_was_made_is_not_trusted(desk):
    desk.store.close()
    desk.clock.step_ms(-(desk.clock.utc_ms() - built_utc_ms()) - DAY_MS)
    desk.start()
    made = Custody(desk.desk, CustodySettings(), desk.store, desk.clock, desk.identity, None, built_utc_ms())
    assert made.view().clock_trusted is False


def test_a_wall_clock_that_was_once_far_ahead_does_not_spoil_trust_for_ever(desk):
    desk.clock.step_ms(4000 * DAY_MS)
    desk.pass_s(1)
    desk.clock.step_ms(-4000 * DAY_MS)
    desk.pass_s(1)
    assert desk.view.clock_trusted is False
    measure(desk, 0)
    desk.clock.reboot()
    desk.die_and_start_again()
    assert desk.view.clock_trusted is True


def test_a_measurement_of_another_boot_says_nothing(desk):
    old = measure(desk, 5000)
    desk.clock.reboot()
    desk.die_and_start_again()
    desk.ask(old, wire.Done)
    desk.run_exam()
    assert measured(desk) == []
