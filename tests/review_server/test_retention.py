from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from deskproctor.command import main
from deskproctor.fsck import check
from proctoring.decision import Verdict
from proctoring.errors import Refused
from proctoring.policy import Retention
from proctoring.wire import Hold, OrderOutcome, Presence, Release, desk_topic
from review_server.sealed_to import sessions_sealed_to
from review_server.tables import HoldRow, RemovedRow

DAY_MS = 86_400_000
SESSION = "session-1"


@pytest.fixture
def stored(server, bench, tmp_path):
    """A whole session that nobody has decided yet."""
    desk, pieces = bench.whole(tmp_path)
    for data in pieces:
        server.put(data)
    server.ingest.take(desk.facts())
    server.pieces, server.desk = pieces, desk
    return server


def pass_days(server, days):
    server.clock.pass_ms(round(days * DAY_MS))
    server.keeper.tick()


def decide(server, verdict=Verdict.APPROVE, id_="d1"):
    server.reviews.decide(SESSION, id_, verdict, "seen", "rita")


def files(server):
    return len(list((server.settings.data_dir / "segments").iterdir()))


def answered(server, number, result="succeeded"):
    server.far.publish(
        desk_topic("desk-1", "outcomes"), OrderOutcome(desk="desk-1", order=f"hold-{number}", result=result)
    )


def online(server, run=1):
    server.far.publish(
        desk_topic("desk-1", "presence"), Presence(desk="desk-1", run=run, online=True, at_utc_ms=0), retain=True
    )


def hold_orders(server):
    return [order for order in server.orders if isinstance(order.command, Hold | Release)]


def test_a_recording_goes_its_days_after_the_decision_and_everything_else_stays(stored):
    pass_days(stored, 100)
    decide(stored)
    pass_days(stored, 399)
    assert files(stored) == 5
    pass_days(stored, 2)
    assert files(stored) == 0
    shown = stored.shown()
    assert shown["ledger_verified"] is True
    assert shown["segments"] == {"stored": [], "missing": []}
    assert (shown["removed"], shown["decision"]["verdict"], shown["entries"]) == (
        5,
        "approve",
        len(stored.desk.lines),
    )
    page = stored.staff().get(f"/sessions/{SESSION}").text
    assert "The recording was deleted on" in page
    assert stored.staff().get(f"/sessions/{SESSION}/recording.mp4").status_code == 404


def test_where_nobody_decides_the_days_count_from_the_last_news(stored):
    pass_days(stored, 399)
    assert files(stored) == 5
    pass_days(stored, 2)
    assert files(stored) == 0


@pytest.mark.parametrize("how", ["appeal", "second look", "review"])
def test_while_a_person_is_at_it_nothing_is_deleted(stored, how):
    if how == "appeal":
        decide(stored)
        stored.reviews.appeal(SESSION, "rita", "the candidate says so")
    elif how == "second look":
        decide(stored, Verdict.SECOND_LOOK)
    else:
        stored.reviews.begin(SESSION, "rita")
    pass_days(stored, 4000)
    assert files(stored) == 5
    decide(stored, id_="d2")
    pass_days(stored, 399)
    assert files(stored) == 5, "the days count from the decision that holds"
    pass_days(stored, 2)
    assert files(stored) == 0


def test_the_days_are_those_that_the_candidate_was_told_of(server, bench, tmp_path):
    desk = bench.Desk()
    desk.write(msgspec.structs.replace(bench.opened(), retention=Retention(server_days=30)))
    data = bench.video(tmp_path / "a.mp4")
    desk.write(bench.segment(data, 1, 0), 2000)
    server.put(data)
    server.ingest.take(desk.facts())
    assert server.shown()["kept"] == {"days": 30, "until_utc_ms": server.clock.utc_ms() + 30 * DAY_MS, "held": False}
    pass_days(server, 31)
    assert files(server) == 0


def test_a_legal_hold_beats_everything_until_it_is_lifted_and_its_words_are_never_edited(stored):
    decide(stored)
    stored.holds.place(SESSION, True, "rita", "a court asks for it")
    stored.holds.place(SESSION, True, "omar", "so does the ministry")
    pass_days(stored, 4000)
    assert files(stored) == 5
    assert stored.shown()["kept"]["held"] is True
    stored.holds.place(SESSION, False, "omar", "the case is closed")
    pass_days(stored, 1)
    assert files(stored) == 0
    with stored.store.read() as tx:
        rows = [(row.held, row.by, row.reason) for row in tx.scalars(select(HoldRow).order_by(HoldRow.number))]
    assert rows == [
        (True, "rita", "a court asks for it"),
        (True, "omar", "so does the ministry"),
        (False, "omar", "the case is closed"),
    ]


@pytest.mark.parametrize(
    ("held", "reason", "says"), [(True, "  ", "Say why"), (False, "x", "no legal hold on this session")]
)
def test_a_hold_needs_a_reason_and_only_one_that_stands_can_be_lifted(stored, held, reason, says):
    with pytest.raises(Refused, match=says):
        stored.holds.place(SESSION, held, "rita", reason)
    with pytest.raises(Refused, match="no session"):
        stored.holds.place("elsewhere", True, "rita", "x")


def test_the_desk_is_told_until_it_answers_of_the_newest_word_alone(stored):
    stored.holds.place(SESSION, True, "rita", "a court asks for it")
    (order,) = hold_orders(stored)
    assert (order.desk, order.session, order.by) == ("desk-1", SESSION, "rita")
    assert order.command == Hold(number=1, reason="a court asks for it")
    stored.holds.place(SESSION, False, "rita", "it does not any more")
    stored.orders.clear()
    online(stored)
    online(stored, run=2)
    assert [(order.id, type(order.command)) for order in hold_orders(stored)] == [("hold-2", Release)] * 2
    answered(stored, 2)
    stored.orders.clear()
    online(stored, run=3)
    assert hold_orders(stored) == []


def test_the_page_sets_and_lifts_a_hold_and_says_what_the_desk_knows(stored):
    browser = stored.staff()

    def send(form, why):
        page = browser.get(f"/sessions/{SESSION}").text
        token = re.search(r'name="csrf_token" value="([^"]*)"', page)[1]
        return browser.post(f"/sessions/{SESSION}/{form}", data={"csrf_token": token, "why": why})

    assert "The recording is kept until <strong>" in browser.get(f"/sessions/{SESSION}").text
    refused = send("hold", " ")
    assert refused.status_code == 400
    assert "Say why: whoever asks later must find it here." in refused.text
    assert send("hold", "a court asks for it").status_code == 303
    page = browser.get(f"/sessions/{SESSION}").text
    assert "<strong>Legal hold.</strong>" in page
    assert "The desk has not answered yet" in page
    answered(stored, 1)
    assert "The desk knows of it." in browser.get(f"/sessions/{SESSION}").text
    assert send("release", "the case is closed").status_code == 303
    page = browser.get(f"/sessions/{SESSION}").text
    assert "<del>a court asks for it</del>" in page
    assert "Set a legal hold" in page


def test_bytes_whose_time_was_over_are_confirmed_and_not_taken_again(stored):
    decide(stored)
    pass_days(stored, 401)
    stored.heard.clear()
    assert stored.put(stored.pieces[0]).status_code == 200
    assert files(stored) == 0
    assert len(stored.receipts()[-1].segments) == 1
    stored.ingest.take(stored.desk.facts())
    assert len(stored.receipts()[-1].segments) == 5


def test_bytes_that_another_session_names_stay_while_that_one_needs_them(stored, bench):
    other = bench.Desk(session="session-2")
    other.write(bench.opened())
    other.write(bench.segment(stored.pieces[0], 1, 0), 2000)
    stored.ingest.take(other.facts())
    stored.holds.place("session-2", True, "rita", "x")
    decide(stored)
    pass_days(stored, 401)
    assert files(stored) == 1
    assert check(stored.settings.data_dir).status == "clean"


@pytest.mark.parametrize("where", ["before the file", "before the mark"])
def test_a_crash_in_between_leaves_nothing_undecided(stored, monkeypatch, where):
    class Crash(BaseException):
        pass

    def crash(*_, **__):
        raise Crash

    decide(stored)
    if where == "before the file":
        monkeypatch.setattr(Path, "unlink", crash)
    else:
        monkeypatch.setattr(stored.files, "sync", crash)
    with pytest.raises(Crash):
        pass_days(stored, 401)
    monkeypatch.undo()
    assert check(stored.settings.data_dir).status == "clean"
    pass_days(stored, 1)
    assert files(stored) == 0
    assert not any("segment" in str(finding) for finding in check(stored.settings.data_dir).findings)
    with stored.store.read() as tx:
        assert all(row.gone for row in tx.scalars(select(RemovedRow)))


def test_a_key_is_free_to_retire_once_all_that_it_opens_is_deleted(server, bench, tmp_path):
    (key,) = server.keyring.listed()
    desk = bench.Desk()
    desk.write(msgspec.structs.replace(bench.opened(), recipients=(key.recipient,)))
    data = bench.video(tmp_path / "a.mp4")
    desk.write(bench.segment(data, 1, 0), 2000)
    server.ingest.take(desk.facts())
    server.put(data)
    with server.store.read() as tx:
        assert sessions_sealed_to(tx, key) == [SESSION]
    pass_days(server, 401)
    with server.store.read() as tx:
        assert sessions_sealed_to(tx, key) == []


def test_a_pass_is_made_once_a_day(stored, monkeypatch):
    passes = []
    monkeypatch.setattr(stored.keeper, "sweep", lambda limit: passes.append(limit) or [])
    for _ in range(50):
        stored.service.look()
        stored.clock.pass_ms(3_600_000)
    assert len(passes) == 3


def run(server, *options):
    result = CliRunner().invoke(main, ["retention", str(server.settings.data_dir), *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_says_what_it_would_delete_and_deletes_it(stored, monkeypatch):
    now_ms = stored.clock.utc_ms() + 500 * DAY_MS
    monkeypatch.setattr("deskproctor.retention.SystemClock", lambda: SimpleNamespace(utc_ms=lambda: now_ms))
    size = sum(map(len, stored.pieces))
    tried = json.loads(run(stored, "--dry-run", "--json"))
    assert tried == {"dry_run": True, "removed": [{"session": SESSION, "files": 5, "bytes": size}], "held": []}
    assert files(stored) == 5
    stored.holds.place(SESSION, True, "rita", "x")
    assert "session-1: kept by a legal hold" in run(stored)
    stored.holds.place(SESSION, False, "rita", "x")
    assert "1 recordings deleted." in run(stored)
    assert files(stored) == 0


def test_the_command_refuses_a_folder_that_is_no_servers(tmp_path):
    result = CliRunner().invoke(main, ["retention", str(tmp_path)])
    assert result.exit_code == 1
    assert "is no review server's folder" in result.output
