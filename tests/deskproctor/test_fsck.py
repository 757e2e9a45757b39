"""Folders spoilt in every way that a disk or a hand can; each is named, and nothing is changed."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bench.evidence import keep
from deskproctor import fsck
from proctoring.ledger import sha256

ROOT = Path(__file__).parents[2]
DATABASES = {"desk": "custody/custody.db", "server": "review.db"}
BOTH = pytest.mark.parametrize("side", DATABASES)


def faults(report):
    return [str(finding) for finding in report.findings if finding.level == "fault"]


def spoil(copies, side, sql, *values):
    with sqlite3.connect(getattr(copies, side) / DATABASES[side]) as db:
        db.execute("pragma foreign_keys = off")
        assert db.execute(sql, values).rowcount > 0, "something was spoilt"
    db.close()


def check(copies, side, level=fsck.HASHES):
    return fsck.check(getattr(copies, side), level)


def segment_file(copies, side):
    return min((getattr(copies, side) / "segments").iterdir())


@BOTH
@pytest.mark.parametrize("level", fsck.LEVELS)
def test_a_folder_that_nobody_touched_is_clean_on_every_level(evidence, side, level):
    report = check(evidence.kept, side, level)
    assert (faults(report), report.status, report.sessions) == ([], "clean", 1)
    assert report.files == (0 if level == "rows" else 5)


@BOTH
@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("update lines set text = replace(text, 'Ada', 'Eve') where seq = 1", "entry 1"),
        ("update lines set hash = text where seq = 3", "entry 3"),
        ("delete from lines where seq = 4", "numbered 1 to"),
        ("delete from lines where seq = (select max(seq) from lines)", ""),
        ("update segments set sha256 = 'aa'", "what entry"),
        ("delete from segments", "row"),
    ],
)
def test_a_changed_row_is_found(copies, side, sql, said):
    spoil(copies, side, sql)
    found = faults(check(copies, side, fsck.ROWS))
    if (side, said) == ("desk", ""):
        # Nothing else at the desk remembers the last line: but the server's receipt does.
        said = "receipt"
    assert any(said in text for text in found), found


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("update receipts set up_to_hash = 'ab'", "for another entry"),
        ("insert into received values ('s', 'ab', 1)", "no row does"),
    ],
)
def test_a_receipt_that_does_not_fit_is_found_at_the_desk(copies, sql, said):
    spoil(copies, "desk", sql)
    assert any(said in text for text in faults(check(copies, "desk", fsck.ROWS)))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("update sessions set head_seq = head_seq + 1", "were stored"),
        ("update sessions set desk = 'desk-2'", "desk-2 were stored"),
        ("update sessions set sealed = 0", "noted wrongly"),
        ("update sessions set dispute = 'two stories'", "two stories"),
    ],
)
def test_a_sessions_row_that_does_not_fit_is_found_at_the_server(copies, sql, said):
    spoil(copies, "server", sql)
    assert any(said in text for text in faults(check(copies, "server", fsck.ROWS)))


@BOTH
def test_a_missing_a_shorter_and_an_altered_file_are_found_each_on_its_level(copies, side):
    path = segment_file(copies, side)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert check(copies, side, fsck.FILES).status == "clean"
    assert any("bytes were altered" in text for text in faults(check(copies, side)))
    path.write_bytes(data[:-1])
    assert any("should have" in text for text in faults(check(copies, side, fsck.FILES)))
    path.unlink()
    assert check(copies, side, fsck.ROWS).status == "clean"
    assert any("cannot be read" in text for text in faults(check(copies, side, fsck.FILES)))


@BOTH
def test_a_file_that_no_row_names_is_named_and_is_no_fault(copies, side):
    (getattr(copies, side) / "segments" / "stray.mp4.age").write_bytes(b"x")
    report = check(copies, side, fsck.FILES)
    assert report.status == "clean"
    assert [one.about for one in report.findings] == ["segments/stray.mp4.age"]


def test_what_came_after_the_seal_is_named_and_looked_after_like_all_else(copies):
    late = copies.desk / "late" / f"{sha256(b'late')}.mp4.age"
    late.parent.mkdir(exist_ok=True)
    late.write_bytes(b"late")
    stray = late.with_name("stray.mp4.age")
    stray.write_bytes(b"x")
    row = (copies.session, "desk", 9, 0, 1, sha256(b"late"), 4, str(late), 1)
    spoil(copies, "desk", f"insert into late values ({', '.join('?' * 9)})", *row)
    report = check(copies, "desk")
    assert report.status == "clean"
    assert sum("came after the seal" in one.text for one in report.findings) == 1
    assert [one.about for one in report.findings if "no row names" in one.text] == [f"late/{stray.name}"]
    late.write_bytes(b"lame")
    assert any("late/" in text and "altered" in text for text in faults(check(copies, "desk")))


def test_a_desk_from_before_there_were_late_segments_is_checked_all_the_same(copies):
    with sqlite3.connect(copies.desk / DATABASES["desk"]) as db:
        db.execute("drop table late")
    db.close()
    assert check(copies, "desk").status == "clean"


@BOTH
def test_a_database_file_that_was_overwritten_is_found_or_cannot_be_read(copies, side):
    path = getattr(copies, side) / DATABASES[side]
    data = bytearray(path.read_bytes())
    data[5000:9000] = b"\xff" * 4000
    path.write_bytes(data)
    try:
        assert check(copies, side, fsck.ROWS).status == "faults"
    except fsck.NoData as error:
        assert "cannot be read" in str(error)


def test_a_text_that_is_none_any_more_is_a_finding_and_no_crash(copies):
    spoil(copies, "desk", "update lines set text = cast(x'ff00fe' as text) where seq = 1")
    assert any("entry 1" in text for text in faults(check(copies, "desk", fsck.ROWS)))


def test_a_rewritten_ledger_with_all_hashes_put_right_lacks_the_signatures(copies):
    with sqlite3.connect(copies.desk / DATABASES["desk"]) as db:
        before = sha256(f"desk-1/{copies.session}".encode())
        for seq, text in db.execute("select seq, text from lines order by seq").fetchall():
            entry = json.loads(text.replace("because 1", "because I say so"))
            entry["prev"] = before
            changed = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            before = sha256(changed.encode())
            db.execute("update lines set text = ?, hash = ? where seq = ?", [changed, before, seq])
        db.execute("delete from receipts")
    db.close()
    assert any("signature does not fit" in text for text in faults(check(copies, "desk", fsck.ROWS)))


def test_it_changes_nothing_and_may_be_read_only(copies):
    def contents():
        return {path: path.read_bytes() for path in sorted(copies.desk.rglob("*")) if path.suffix in (".db", ".age")}

    before = contents()
    check(copies, "desk")
    assert contents() == before


def test_an_open_session_is_noted_as_not_sealed(tmp_path):
    kept = keep(tmp_path, [b"one"], seal=False)
    report = fsck.check(kept.desk)
    assert (report.status, any("not sealed" in one.text for one in report.findings)) == ("clean", True)


def test_the_command_tells_by_its_exit_status(evidence, copies, tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "deskproctor", "fsck", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)

    clean = run(evidence.kept.desk, "--json")
    assert (clean.returncode, json.loads(clean.stdout)["status"]) == (0, "clean")
    segment_file(copies, "desk").unlink()
    faulty = run(copies.desk, "--level", "files")
    assert faulty.returncode == 1
    assert len([line for line in faulty.stdout.splitlines() if line.startswith("fault")]) == 1
    none = run(tmp_path / "nothing")
    assert (none.returncode, none.stdout) == (2, "")
    assert "neither a desk's data_dir nor a review server's" in none.stderr
