"""A desk without a clock battery: switched on in the past, with the server's clock to learn from."""

import time
from pathlib import Path

import pytest
import requests

from appliance.runtime.clock import SIMULATED_BOOT
from bench.faults.lab import lab
from bench.faults.typist import begin_exam
from bench.faults.waiting import wait_until
from deskproctor.site import PARTS, STANDBY
from proctoring import fact as f
from proctoring import wire
from proctoring.session import State

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]

BEHIND_S = 50 * 3600
NEAR_MS = 60_000

TOO_LATE_MS = 5000
"""What the desk knows of the server's time is true to some milliseconds, or to hundreds where the machine is busy."""


@pytest.fixture
def in_the_past(monkeypatch):
    """Processes that are started from now on have a wall clock that is late, as after a boot without a battery."""
    found = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("a clock that is wrong needs libfaketime (Debian: libfaketime)")

    def begin():
        monkeypatch.setenv("LD_PRELOAD", str(found[0]))
        monkeypatch.setenv("FAKETIME", f"-{BEHIND_S}s")
        monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        monkeypatch.setenv(SIMULATED_BOOT, f"boot-in-the-past {time.monotonic_ns() // 1_000_000 - 5000}")

    return begin


def now_ms():
    return time.time_ns() // 1_000_000


def shown(site, session):
    with requests.Session() as http:
        http.get(site.sign_in_url("server"), timeout=10)
        return http.get(f"{site.server_url}/sessions/{session}.json", timeout=10).json(), http.get(
            f"{site.server_url}/sessions.json", timeout=10
        ).json()


def test_a_desk_that_starts_in_the_past_learns_the_time_and_the_reviewer_sees_it_put_right(tmp_path, in_the_past):
    with lab(tmp_path, 1, print) as bench:
        wait_until(lambda: bench.view().prepared, "the desk's preparation")
        bench.site.supervisor.drop([*PARTS, STANDBY])
        in_the_past()
        bench.site.start_desk()
        wait_until(lambda: bench.view().prepared and bench.view().clock_trusted, "the server's time")
        began_ms = now_ms()
        with begin_exam(bench.site, bench.custody, bench.chance) as typist:
            session = bench.view().session
            wait_until(lambda: len(typist.saved) > 5, "answers to be saved")
            order = wire.Order(
                id="o1",
                desk=bench.site.desk.desk,
                session=session,
                by="ann",
                issued_utc_ms=now_ms() - 2 * TOO_LATE_MS,
                expires_utc_ms=now_ms() - TOO_LATE_MS,
                command=wire.Say(text="too late"),
            )
            late = bench.custody.ask(wire.TakeOrder(order=order), wire.OrderOutcome, patience_s=20)
        bench.hand_in()
        wait_until(lambda: bench.view().state is State.SEALED, "the seal")
        entries = bench.entries(session)
        bench.wait_for_receipts(60)
        dossier, listed = shown(bench.site, session)
    assert late.result == "expired", "by the server's time; by the desk's own it would be good for two days"
    assert abs(now_ms() - BEHIND_S * 1000 - entries[-1].at_utc_ms) < NEAR_MS, "the desk's clock was late throughout"
    told = [entry.fact for entry in entries if isinstance(entry.fact, f.ClockMeasured)]
    assert len(told) >= 2, "at the start and at the seal"
    assert all(abs(one.offset_ms - BEHIND_S * 1000) < 1000 + one.uncertainty_ms for one in told)
    assert dossier["clock"].startswith("It was 2.1 days behind")
    (opened_ms,) = (one["opened_utc_ms"] for one in listed if one["session"] == session)
    assert abs(opened_ms - began_ms) < NEAR_MS
