"""Answers that custody's own process acknowledged, against bare inserts of the same line on the same disk.

Both are durable when they return: SQLite with a write-ahead log, synchronous=FULL, one transaction each.
"""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pyrage
import tomli_w

from appliance.runtime.clock import SystemClock, stamp
from appliance.runtime.custody_link import CustodyLink
from appliance.runtime.settings import Desk
from bench.figures import Figures
from bench.places import folder_on_disk
from bench.turns import in_turn, seconds
from deskproctor.enrolment import enrol
from proctoring import ledger, wire
from proctoring.exam import Exam, TextQuestion
from proctoring.fact import Answered
from proctoring.ledger import Line
from proctoring.policy import Policy

QUESTION: Final = "q1"
ANSWER: Final = "The wave is longer in the second medium, for the frequency stays and the speed is higher. " * 2
EXAM: Final = Exam(id="bench", title="Bench", minutes=10, questions=(TextQuestion(id=QUESTION, text="Why?"),))
START_S: Final = 30.0
STOP_S: Final = 10.0


def figures(answers: int = 40, rounds: int = 15) -> Figures:
    """`answers` are saved in each round."""
    took_s: list[float] = []
    with folder_on_disk() as folder, running_custody(folder) as link, closing(database(folder / "bare.db")) as bare:
        begin_exam(link)
        save, insert = saver(link), inserter(bare)
        turns = in_turn(
            rounds,
            lambda: took_s.extend(seconds(save) for _ in range(answers)),
            lambda: [insert() for _ in range(answers)],
        )
    return {
        "answers_per_s": answers / turns.ours_s,
        "p50_ms": 1000 * statistics.median(took_s),
        "p95_ms": 1000 * statistics.quantiles(took_s, n=20)[-1],
        "bare_inserts_per_s": answers / turns.bare_s,
        "answer_over_bare": turns.over_bare,
    }


# --- custody ---------------------------------------------------------------------------------------


@contextmanager
def running_custody(folder: Path) -> Iterator[CustodyLink]:
    """A real custody process with its data in `folder`."""
    # A socket's path is short; a checkout's may be long.
    with tempfile.TemporaryDirectory(prefix="desk-") as run_dir:
        desk = Desk(desk="desk-1", run_dir=Path(run_dir), data_dir=folder)
        process = start(desk)
        link = CustodyLink(desk)
        try:
            yield link
        finally:
            link.close()
            process.terminate()
            process.wait(STOP_S)


def start(desk: Desk) -> subprocess.Popen[bytes]:
    settings = desk.data_dir / "desk.toml"
    enrol(desk.data_dir / "authority", desk.data_dir, desk.desk)
    table = {"desk": desk.desk, "run_dir": str(desk.run_dir), "data_dir": str(desk.data_dir)}
    # No other part runs here, so none is missed.
    settings.write_text(tomli_w.dumps({**table, "custody": {"expected": []}}))
    return subprocess.Popen([sys.executable, "-m", "appliance.custody", "--settings", str(settings)])


def begin_exam(link: CustodyLink) -> None:
    link.ask(wire.AskView(), wire.View, START_S)
    server = pyrage.x25519.Identity.generate().to_public()
    prepare = wire.Prepare(exams=(EXAM,), policy=Policy(), walk_in_exam=EXAM.id, recipients=(str(server),))
    outcome = link.ask(wire.TakeOrder(order=order(prepare)), wire.OrderOutcome)
    assert outcome.result == "succeeded", outcome.reason
    for step in (wire.SignIn(name="Ada"), wire.Consent(notice="1"), wire.FinishCheck(), wire.Begin()):
        link.ask(step, wire.View)


def order(command: wire.Command) -> wire.Order:
    now_ms = SystemClock().utc_ms()
    return wire.Order(
        id="prepare",
        desk="desk-1",
        session=None,
        by="bench",
        issued_utc_ms=now_ms,
        expires_utc_ms=now_ms + 60_000,
        command=command,
    )


def saver(link: CustodyLink) -> Callable[[], object]:
    """Saves the next revision of one answer with each call."""
    requests = (wire.SaveAnswer(question=QUESTION, value=ANSWER, revision=n) for n in range(1, sys.maxsize))
    return lambda: link.ask(next(requests), wire.Saved)


# --- the bare side ---------------------------------------------------------------------------------


def database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "create table lines (session text, seq integer, text text, hash text, primary key (session, seq))"
    )
    return connection


def inserter(connection: sqlite3.Connection) -> Callable[[], object]:
    """Inserts the line of one answer with each call, each in a transaction of its own."""
    line = answer_line()
    rows = (("session", seq, line.text, line.hash) for seq in range(1, sys.maxsize))
    return lambda: connection.execute("insert into lines values (?, ?, ?, ?)", next(rows))


def answer_line() -> Line:
    fact = Answered(question=QUESTION, value=ANSWER, revision=1)
    return ledger.append(ledger.start("desk-1", "0" * 32), fact, stamp(SystemClock()), 0)[0]
