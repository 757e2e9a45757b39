"""One suite over the simulated broker, the embedded one and Mosquitto."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from messaging.ports import Bus, Will
from messaging.topics import EVERY_DESK
from proctoring.ledger import Line
from proctoring.wire import Admit, Facts, Order, OrderOutcome, Presence, Receipt, Remote, desk_topic

if TYPE_CHECKING:
    from conftest import Site


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, f"{what}: not within {seconds} s"
        time.sleep(0.01)


class Heard:
    """Remembers what a client hears, in order."""

    def __init__(self, bus: Bus, topic_filter: str) -> None:
        self.messages: list[Remote] = []
        bus.subscribe(topic_filter, lambda _, message: self.messages.append(message))

    @property
    def orders(self) -> list[str]:
        return [m.order if isinstance(m, OrderOutcome) else getattr(m, "id", "") for m in self.messages]

    @property
    def once(self) -> list[str]:
        """Each order at its first arrival: what is left when duplicates are harmless."""
        return list(dict.fromkeys(self.orders))


def outcome(order: int | str, desk: str = "desk-1") -> OrderOutcome:
    return OrderOutcome(desk=desk, order=str(order), result="succeeded")


def order(name: str, desk: str) -> Order:
    return Order(id=name, desk=desk, session=None, by="Iva", issued_utc_ms=1, expires_utc_ms=2, command=Admit())


def presence(online: bool, run: int = 1, desk: str = "desk-1") -> Presence:
    return Presence(desk=desk, run=run, online=online, at_utc_ms=0)


def start(*buses: Bus) -> None:
    for bus in buses:
        bus.start()
    wait_until(lambda: all(bus.connected for bus in buses), "the connections")


def send(bus: Bus, *names: int | str, desk: str = "desk-1") -> None:
    for name in names:
        bus.publish(desk_topic(desk, "outcomes"), outcome(name, desk))


def listening(site: Site, user: str, what: str = "outcomes") -> tuple[Bus, Heard]:
    """A client of that user that hears every desk and whose subscription stands."""
    bus = site.bus(user)
    heard = Heard(bus, desk_topic(EVERY_DESK, what))  # type: ignore[arg-type]
    start(bus)
    return bus, heard


def prove_subscribed(desk: Bus, heard: Heard) -> None:
    """An outcome gets through, so the subscription stands at the broker."""
    until_s = time.monotonic() + 30
    while "hello" not in heard.orders:
        assert time.monotonic() < until_s, "the first message never came"
        send(desk, "hello")
        time.sleep(0.05)
    wait_until(lambda: heard.orders, "the first message")


def without_hello(names: list[str]) -> list[str]:
    return [name for name in names if name != "hello"]


def test_messages_arrive_in_the_order_in_which_they_were_sent(site: Site) -> None:
    _, heard = listening(site, "server")
    desk = site.bus("desk-1")
    start(desk)
    prove_subscribed(desk, heard)
    send(desk, *range(200))
    wait_until(lambda: len(without_hello(heard.once)) == 200, "all 200 messages")
    assert without_hello(heard.once) == [str(n) for n in range(200)]


def test_a_late_subscriber_gets_the_newest_retained_presence(site: Site) -> None:
    desk = site.bus("desk-1")
    start(desk)
    desk.publish(desk_topic("desk-1", "presence"), presence(online=True, run=1), retain=True)
    desk.publish(desk_topic("desk-1", "presence"), presence(online=True, run=2), retain=True)
    desk.close()
    _, heard = listening(site, "server", "presence")
    wait_until(lambda: heard.messages, "the retained presence")
    assert heard.messages == [presence(online=True, run=2)]


def test_a_client_that_vanishes_leaves_its_will(site: Site) -> None:
    _, heard = listening(site, "console", "presence")
    site.vanish("desk-1", Will(desk_topic("desk-1", "presence"), presence(online=False, run=7)))
    wait_until(lambda: presence(online=False, run=7) in heard.messages, "the will")


def test_a_will_stays_for_those_who_come_later(site: Site) -> None:
    _, first = listening(site, "console", "presence")
    site.vanish("desk-1", Will(desk_topic("desk-1", "presence"), presence(online=False, run=7)))
    wait_until(lambda: first.messages, "the will")
    _, second = listening(site, "server", "presence")
    wait_until(lambda: second.messages == [presence(online=False, run=7)], "the retained will")


def test_a_client_that_takes_its_leave_leaves_no_will(site: Site) -> None:
    _, heard = listening(site, "server", "presence")
    topic = desk_topic("desk-1", "presence")
    desk = site.bus("desk-1", will=Will(topic, presence(online=False, run=1)))
    start(desk)
    desk.publish(topic, presence(online=True, run=1), retain=True)
    wait_until(lambda: heard.messages, "the presence")
    desk.close()
    again = site.bus("desk-1", will=Will(topic, presence(online=False, run=2)))
    start(again)
    again.publish(topic, presence(online=True, run=2), retain=True)
    wait_until(lambda: presence(online=True, run=2) in heard.messages, "the second presence")
    assert presence(online=False, run=1) not in heard.messages


def test_what_is_sent_while_a_client_is_away_comes_when_it_is_back(site: Site) -> None:
    server, heard = listening(site, "server")
    desk = site.bus("desk-1")
    start(desk)
    prove_subscribed(desk, heard)
    server.close()
    send(desk, *range(30))
    desk.close()
    _, back = listening(site, "server")
    wait_until(lambda: len(without_hello(back.once)) == 30, "what was sent meanwhile")
    assert without_hello(back.once) == [str(n) for n in range(30)]


def test_a_garbled_payload_is_reported_and_the_next_message_arrives(site: Site) -> None:
    reports: list[tuple[str, str]] = []
    server = site.bus("server", report=lambda topic, reason: reports.append((topic, reason)))
    heard = Heard(server, desk_topic(EVERY_DESK, "outcomes"))
    desk = site.bus("desk-1")
    start(server, desk)
    prove_subscribed(desk, heard)
    site.inject("desk-1", desk_topic("desk-1", "outcomes"), b"\xff{ my secret answer")
    send(desk, "after")
    wait_until(lambda: "after" in heard.orders and reports, "the message after the garbled one")
    assert reports == [("desk/desk-1/outcomes", "it is not JSON")]
    assert server.garbled == 1


def test_a_desk_cannot_speak_as_another_desk(site: Site) -> None:
    _, heard = listening(site, "server")
    honest, forger = site.bus("desk-2"), site.bus("desk-1", "forger")
    start(honest, forger)
    send(forger, "forged", desk="desk-2")
    forger.close()
    until_s = time.monotonic() + 30
    while not heard.orders and time.monotonic() < until_s:
        send(honest, "honest", desk="desk-2")
        time.sleep(0.05)
    assert set(heard.orders) == {"honest"}


def test_a_desk_does_not_hear_another_desks_orders(site: Site) -> None:
    desk = site.bus("desk-1")
    own, others = Heard(desk, desk_topic("desk-1", "orders")), Heard(desk, desk_topic("desk-2", "orders"))
    console = site.bus("console")
    start(desk, console)
    until_s = time.monotonic() + 30
    while not own.messages and time.monotonic() < until_s:
        console.publish(desk_topic("desk-2", "orders"), order("a", "desk-2"))
        console.publish(desk_topic("desk-1", "orders"), order("b", "desk-1"))
        time.sleep(0.05)
    assert set(own.orders) == {"b"}
    assert others.messages == []


def test_the_console_cannot_give_receipts(site: Site) -> None:
    desk = site.bus("desk-1")
    receipts, orders = Heard(desk, desk_topic("desk-1", "receipts")), Heard(desk, desk_topic("desk-1", "orders"))
    console, forger = site.bus("console"), site.bus("console", "forger")
    start(desk, console, forger)
    forger.publish(desk_topic("desk-1", "receipts"), Receipt(desk="desk-1", session="s", up_to_seq=9, up_to_hash=""))
    forger.close()
    until_s = time.monotonic() + 30
    while not orders.messages and time.monotonic() < until_s:
        console.publish(desk_topic("desk-1", "orders"), order("b", "desk-1"))
        time.sleep(0.05)
    assert orders.messages
    assert receipts.messages == []


def test_a_broker_that_crashes_and_comes_back_loses_nothing_in_flight(site: Site) -> None:
    """In flight is what no broker has acknowledged: all of it is sent again. Of what was acknowledged just before the
    crash, a broker that acknowledges before it writes may lose some; that is why nobody takes PUBACK for delivery.
    """
    owed = {str(n) for n in range(0 if site.writes_before_it_acknowledges else 100, 200)}
    _, heard = listening(site, "server")
    desk = site.bus("desk-1")
    start(desk)
    prove_subscribed(desk, heard)
    send(desk, *range(100))
    site.crash()
    send(desk, *range(100, 200))
    site.start()
    wait_until(lambda: owed <= set(without_hello(heard.once)), f"{len(owed)} messages over the crash", seconds=60)
    assert without_hello(heard.once)[-1] == "199"


def test_what_a_crashed_broker_acknowledged_still_reaches_a_client_that_was_away(site: Site) -> None:
    server, heard = listening(site, "server")
    desk = site.bus("desk-1")
    start(desk)
    prove_subscribed(desk, heard)
    server.close()
    send(desk, *range(50))
    desk.close()  # waits for the acknowledgements
    site.crash()
    site.start()
    _, back = listening(site, "server")
    wait_until(lambda: len(without_hello(back.once)) == 50, "what was acknowledged before the crash", seconds=60)


def test_facts_with_their_ledger_lines_survive_the_wire(site: Site) -> None:
    server = site.bus("server")
    heard = Heard(server, desk_topic(EVERY_DESK, "facts"))
    desk = site.bus("desk-1")
    start(server, desk)
    facts = Facts(desk="desk-1", session="s1", lines=tuple(Line('{"ä":1}' * 500, "0" * 64) for _ in range(50)))
    until_s = time.monotonic() + 30
    while not heard.messages and time.monotonic() < until_s:
        desk.publish(desk_topic("desk-1", "facts"), facts)
        time.sleep(0.05)
    assert facts in heard.messages
