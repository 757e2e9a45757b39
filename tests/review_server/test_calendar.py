from __future__ import annotations

from sqlalchemy import select

from proctoring.wire import OrderOutcome, Prepare, Presence, desk_topic
from review_server import calendar
from review_server.tables import BookingRow, OrderRow


def say(server, online: bool = True, run: int = 1, desk: str = "desk-1") -> None:
    presence = Presence(desk=desk, run=run, online=online, at_utc_ms=1)
    server.far.publish(desk_topic(desk, "presence"), presence, retain=True)


def test_the_sample_has_questions_of_several_kinds_and_bookings_with_extra_time(server):
    with server.store.read() as tx:
        prepare = calendar.prepare(tx, ("age1key",))
    (exam,) = prepare.exams
    assert len(exam.questions) >= 6
    assert len({type(question) for question in exam.questions}) >= 3
    assert exam.minutes == 20
    assert prepare.walk_in_exam == exam.id
    assert prepare.recipients == ("age1key",)
    assert len(prepare.bookings) == 3
    assert {booking.exam for booking in prepare.bookings} == {exam.id}
    assert any(booking.extra_minutes > 0 for booking in prepare.bookings)


def test_a_calendar_that_holds_something_is_not_seeded_again(server):
    with server.store.write() as tx:
        tx.delete(tx.scalars(select(BookingRow)).first())
    calendar.seed(server.store)
    with server.store.read() as tx:
        assert len(tx.scalars(select(BookingRow)).all()) == 2


def test_a_desk_that_comes_online_is_prepared_once(server):
    say(server)
    say(server)
    (order,) = server.orders
    assert isinstance(order.command, Prepare)
    assert order.session is None
    assert order.expires_utc_ms == server.clock.utc_ms() + 600_000


def test_a_desk_that_starts_anew_or_comes_back_is_prepared_again(server):
    say(server)
    say(server, run=2)
    assert len(server.orders) == 2
    say(server, online=False, run=2)
    say(server, run=2)
    assert len(server.orders) == 3
    assert len({order.id for order in server.orders}) == 3


def test_an_offline_notice_of_an_older_run_is_ignored(server):
    say(server, run=2)
    say(server, online=False, run=1)
    say(server, run=2)
    assert len(server.orders) == 1


def test_an_order_that_came_to_nothing_is_followed_by_another_at_the_next_notice(server):
    say(server)
    outcome = OrderOutcome(desk="desk-1", order=server.orders[0].id, result="rejected", reason="in session")
    server.far.publish(desk_topic("desk-1", "outcomes"), outcome)
    say(server)
    assert len(server.orders) == 2
    server.clock.pass_ms(600_001)
    say(server)
    assert len(server.orders) == 3


def test_what_became_of_an_order_is_kept_and_another_desk_cannot_say_it(server):
    say(server)
    order = server.orders[0].id
    outcome = OrderOutcome(desk="desk-2", order=order, result="succeeded")
    server.far.publish(desk_topic("desk-2", "outcomes"), outcome)
    with server.store.read() as tx:
        assert tx.get_one(OrderRow, order).result is None
    outcome = OrderOutcome(desk="desk-1", order=order, result="succeeded")
    server.far.publish(desk_topic("desk-1", "outcomes"), outcome)
    with server.store.read() as tx:
        assert tx.get_one(OrderRow, order).result == "succeeded"


def test_a_desk_is_told_the_newest_key_and_again_when_there_is_a_newer_one(server):
    say(server)
    (first,) = server.keyring.listed()
    assert server.orders[0].command.recipients == (first.recipient,)
    server.service.look()
    assert len(server.orders) == 1
    newer = server.keyring.rotate(server.clock.utc_ms())
    server.service.look()
    server.service.look()
    assert [order.command.recipients for order in server.orders[1:]] == [(newer.recipient,)]


def test_a_desk_that_is_away_is_told_of_a_newer_key_when_it_is_back(server):
    say(server)
    say(server, online=False)
    newer = server.keyring.rotate(server.clock.utc_ms())
    server.service.look()
    assert len(server.orders) == 1
    say(server, run=2)
    assert server.orders[1].command.recipients == (newer.recipient,)


def test_without_its_keys_the_server_prepares_no_desk_to_seal_and_goes_on(server, caplog):
    say(server)
    for path in (server.settings.data_dir / "keys").glob("*.key"):
        path.unlink()
    server.service.look()
    assert len(server.orders) == 1
    assert "Put the keys of this server back there" in caplog.text
