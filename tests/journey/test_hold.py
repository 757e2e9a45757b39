"""A legal hold goes from the reviewer's page to the desk, which may be switched off when it is set."""

import re
import sqlite3
from contextlib import closing

import pytest
import requests

from bench.faults.lab import lab
from bench.faults.waiting import wait_until
from deskproctor.site import PARTS, STANDBY

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]


def held_at_the_desk(site):
    with closing(sqlite3.connect(site.desk.data_dir / "custody" / "custody.db")) as db:
        return db.execute("select session, held, by, reason from holds order by number").fetchall()


def test_a_hold_that_is_set_while_its_desk_is_off_reaches_it_when_it_comes_back(tmp_path):
    with lab(tmp_path, 1, print) as bench, requests.Session() as http:
        with bench.exam():
            pass
        (session,) = bench.sessions
        bench.wait_for_receipts(60)
        bench.site.supervisor.drop([*PARTS, STANDBY])
        http.get(bench.site.sign_in_url("server"), timeout=10)
        address = f"{bench.site.server_url}/sessions/{session}"
        token = re.search(r'name="csrf_token" value="([^"]*)"', http.get(address, timeout=10).text)[1]
        form = {"csrf_token": token, "why": "a court asks for it"}
        page = http.post(f"{address}/hold", data=form, headers={"Referer": address}, timeout=10)
        assert "The desk has not answered yet." in page.text
        bench.site.start_desk()
        wait_until(lambda: "The desk knows of it." in http.get(address, timeout=10).text, "the desk's answer")
        ((held, is_held, by, reason),) = held_at_the_desk(bench.site)
        bench.check_folders()
    assert (held, is_held, reason) == (session, 1, "a court asks for it")
    assert by
    assert bench.losses.fsck_faults == 0
