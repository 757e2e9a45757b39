"""Sync over the real embedded broker and a real HTTP server, which go away in the middle."""

import os
import signal

from proctoring import ledger


def held_seqs(site):
    return [ledger.read(line).seq for line in site.real.server.lines.get("s1", [])]


def test_a_session_arrives_complete_and_confirmed(real_site):
    for n in range(20):
        real_site.custody.record("s1", f"segment {n}".encode())
        real_site.custody.write("s1")
    real_site.until(lambda: real_site.custody.all_confirmed, "everything confirmed")
    assert held_seqs(real_site) == list(range(1, 41))
    assert set(real_site.real.server.segments) == set(real_site.real.server.named)


def test_a_broker_killed_and_a_server_away_lose_nothing_and_double_nothing(real_site):
    real_site.custody.record("s1", b"before")
    real_site.until(lambda: real_site.custody.all_confirmed, "the first confirmation")
    os.kill(real_site.real.broker.pid, signal.SIGKILL)
    real_site.real.broker.stop()
    real_site.real.stop_http()
    for n in range(100):
        real_site.custody.record("s1", f"meanwhile {n}".encode())
        real_site.sync.step()
    assert not real_site.custody.all_confirmed
    real_site.real.broker.start()
    real_site.real.start_http()
    real_site.until(lambda: real_site.custody.all_confirmed, "everything confirmed after both are back")
    entries, head = ledger.verify("desk-1", "s1", real_site.real.server.lines["s1"])
    assert head == real_site.custody.heads["s1"]
    assert len(entries) == len(real_site.real.server.segments) == 101


def test_a_server_that_was_away_gets_from_the_broker_what_was_sent_meanwhile(real_site):
    real_site.custody.write("s1")
    real_site.until(lambda: real_site.custody.all_confirmed, "the first confirmation")
    real_site.real.server_bus.close()
    for _ in range(50):
        real_site.custody.write("s1")
        real_site.sync.step()
    assert not real_site.custody.all_confirmed
    real_site.real.server_bus.start()
    real_site.until(lambda: real_site.custody.all_confirmed, "everything confirmed")
    assert held_seqs(real_site) == list(range(1, 52))
