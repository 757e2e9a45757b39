import msgspec

from appliance.runtime.custody_link import STORAGE, CustodyAway
from appliance.sync.ports import Put
from proctoring import ledger
from proctoring.fact import DiskTrouble
from proctoring.session import State
from proctoring.wire import (
    HOST_TOPIC,
    Admit,
    AskLines,
    Denied,
    HostState,
    Order,
    Presence,
    Receipt,
    TakeOrder,
    TakeReceipt,
    View,
    desk_topic,
)


def order(name="o1"):
    return Order(id=name, desk="desk-1", session=None, by="Iva", issued_utc_ms=0, expires_utc_ms=1, command=Admit())


def give(site, message, what="orders"):
    site.server_bus.publish(desk_topic("desk-1", what), message)


def away(request):
    raise CustodyAway("custody is away")


def seqs(site, session="s1"):
    return [ledger.read(line).seq for line in site.server.lines.get(session, [])]


def test_a_new_entry_is_sent_in_the_step_that_hears_of_it(site):
    site.run()
    site.custody.write("s1")
    site.run()
    assert seqs(site) == [1]


def test_a_whole_session_arrives_complete_in_order_and_confirmed(site):
    for n in range(300):
        site.custody.write("s1")
        if n % 10 == 0:
            site.custody.record("s1", f"segment {n}".encode())
        site.run(20)
    site.run(3000)
    entries, head = ledger.verify("desk-1", "s1", site.server.lines["s1"])
    assert head == site.custody.heads["s1"]
    assert len(entries) == 330
    assert len(site.server.segments) == 30
    assert site.custody.all_confirmed


def test_messages_that_arrive_three_times_have_effect_once(site):
    site.broker.copies = 3
    for _ in range(100):
        site.custody.write("s1")
    site.custody.record("s1", b"segment")
    site.run(5000)
    assert seqs(site) == list(range(1, 102))
    assert site.custody.all_confirmed


def test_messages_lost_after_the_broker_acknowledged_them_are_sent_again(site):
    site.run()
    site.broker.lose = 3
    for _ in range(200):
        site.custody.write("s1")
    site.run(20_000)
    assert seqs(site) == list(range(1, 201))
    assert site.custody.all_confirmed


def test_a_lost_receipt_leads_to_a_second_one_and_no_second_entry(site):
    site.server.answers = False
    site.custody.write("s1")
    site.run(1000)
    assert not site.custody.all_confirmed
    site.server.answers = True
    site.run(10_000)
    assert seqs(site) == [1]
    assert site.custody.all_confirmed


def test_nothing_is_asked_of_the_broker_while_it_is_away_and_all_goes_on_when_it_is_back(site):
    site.run()
    site.broker.stop()
    for _ in range(500):
        site.custody.write("s1")
        site.run(10)
    assert not site.custody.asked_for(AskLines)
    site.broker.restart()
    site.run(5000)
    assert seqs(site) == list(range(1, 501))


def test_a_server_that_lost_its_newest_entries_gets_them_again(site):
    for _ in range(10):
        site.custody.write("s1")
    site.run(2000)
    lines = site.server.lines["s1"]
    del lines[6:]
    site.server.heads["s1"] = ledger.verify("desk-1", "s1", lines)[1]
    head = site.server.heads["s1"]
    give(site, Receipt(desk="desk-1", session="s1", up_to_seq=head.seq, up_to_hash=head.hash), "receipts")
    site.run(1000)
    assert seqs(site) == list(range(1, 11))


def test_a_receipt_for_another_ledger_confirms_nothing(site, caplog):
    site.server.answers = False
    site.custody.write("s1")
    site.run(100)
    give(site, Receipt(desk="desk-1", session="s1", up_to_seq=1, up_to_hash="0" * 64), "receipts")
    site.run(100)
    assert "custody refuses the receipt" in caplog.text
    site.server.answers = True
    site.run(10_000)
    assert site.custody.all_confirmed


def test_facts_go_on_while_the_server_takes_no_segments(site):
    site.server.put_says = Put.SERVER_FULL
    for n in range(20):
        site.custody.record("s1", f"segment {n}".encode())
    site.run(1000)
    assert len(seqs(site)) == 20
    assert len(site.custody.pending) == 20
    site.server.put_says = None
    site.run(60_000)
    assert site.custody.all_confirmed


def test_a_segment_counts_as_safe_only_when_a_receipt_names_it(site):
    site.server.answers = False
    sha = site.custody.record("s1", b"segment")
    site.run(1000)
    assert sha in site.server.segments
    assert sha in site.custody.pending
    site.server.answers = True
    site.run(20_000)
    assert site.custody.all_confirmed


def test_an_order_is_handed_to_custody_and_its_outcome_published(site):
    give(site, order())
    site.run()
    assert [(o.order, o.result) for o in site.server.outcomes] == [("o1", "succeeded")]


def test_a_repeated_order_gets_custodys_answer_each_time(site):
    give(site, order())
    give(site, order())
    site.run()
    assert [o.result for o in site.server.outcomes] == ["succeeded", "succeeded"]
    assert list(site.custody.done) == ["o1"]


def test_an_order_that_custody_refuses_is_answered_with_the_reason(site):
    site.custody.answers[TakeOrder] = Denied(code="x", reason="Not now.")
    give(site, order())
    site.run()
    assert [(o.result, o.reason) for o in site.server.outcomes] == [("rejected", "Not now.")]


def test_orders_and_receipts_wait_for_a_custody_that_is_away(site):
    answers = dict(site.custody.answers)
    site.custody.write("s1")
    site.run()
    site.custody.answers.update({TakeOrder: away, TakeReceipt: away})
    give(site, order("o1"))
    give(site, order("o2"))
    site.run(500)
    assert site.server.outcomes == []
    site.custody.answers.update(answers)
    site.run()
    assert [o.order for o in site.server.outcomes] == ["o1", "o2"]


def test_outcomes_wait_for_a_broker_that_is_away(site):
    site.custody.answers[TakeOrder] = away
    give(site, order())
    site.run()
    site.broker.stop()
    site.custody.answers[TakeOrder] = site.custody.take_order
    site.run()
    assert site.server.outcomes == []
    site.broker.restart()
    site.run()
    assert [o.order for o in site.server.outcomes] == ["o1"]


def test_presence_is_published_when_it_changes_and_not_otherwise(site):
    site.run(5000)
    before = len(site.server.presences)
    site.run(60_000)
    assert len(site.server.presences) == before
    site.custody.show(
        View(desk="desk-1", prepared=True, walk_in=True, session="s1", state=State.PAUSED, candidate="Ada")
    )
    site.run()
    newest = site.server.presences[-1]
    assert (newest.online, newest.state, newest.session, newest.candidate) == (True, State.PAUSED, "s1", "Ada")


def test_trouble_with_the_disk_is_said_at_once_although_custody_can_keep_nothing(site):
    site.custody.write("s1")
    site.run(5000)
    site.custody.answers[TakeReceipt] = lambda request: Denied(code=STORAGE, reason="The disk takes nothing.")
    site.custody.show(msgspec.structs.replace(site.custody.current, head_seq=2, disk=DiskTrouble.FAILS))
    receipt = Receipt(desk="desk-1", session="s1", up_to_seq=1, up_to_hash=site.custody.heads["s1"].hash)
    give(site, receipt, "receipts")
    site.run()
    assert (site.server.presences[-1].online, site.server.presences[-1].disk) == (True, DiskTrouble.FAILS)
    site.custody.show(msgspec.structs.replace(site.custody.current, disk=None))
    site.run()
    assert site.server.presences[-1].disk is None


def test_presence_is_said_anew_after_a_reconnect_and_once_more_a_little_later(site):
    site.run(5000)
    site.broker.stop()
    site.broker.restart()
    before = len(site.server.presences)
    site.run(60_000)
    assert len(site.server.presences) == before + 2


def test_the_last_word_before_taking_leave_is_offline_and_a_vanished_sync_leaves_it_as_will(site):
    site.run()
    site.bus.vanish()
    assert site.server.presences[-1].online is False
    site.bus.start()
    site.run()
    assert site.server.presences[-1].online is True
    site.sync.stop()
    last = site.server.presences[-1]
    assert isinstance(last, Presence)
    assert (last.online, last.run) == (False, 1)


def test_an_offline_notice_of_an_older_run_of_the_server_is_ignored(site):
    site.server.answers = False
    for run, online in ((5, True), (4, False)):
        site.server_bus.publish(HOST_TOPIC, HostState(run=run, online=online, at_utc_ms=0), retain=True)
    site.custody.write("s1")
    site.run(4000)
    assert site.server.received["s1"] == 2


def test_while_the_server_says_it_is_away_facts_go_out_once_and_again_when_it_is_back(site):
    site.server.answers = False
    site.server_bus.publish(HOST_TOPIC, HostState(run=5, online=False, at_utc_ms=0), retain=True)
    site.custody.write("s1")
    site.run(30_000)
    assert site.server.received["s1"] == 1
    site.server.answers = True
    site.server_bus.publish(HOST_TOPIC, HostState(run=6, online=True, at_utc_ms=0), retain=True)
    site.run(1000)
    assert site.custody.all_confirmed
    assert seqs(site) == [1]
