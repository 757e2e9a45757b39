"""The write order of a segment, ended between any two of its steps by a real SIGKILL, and the start after it."""

import signal
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest

from appliance.runtime.clock import SimulatedClock
from bench.evidence import DeskInMemory
from deskproctor import fsck
from proctoring import fact as f
from proctoring import ledger, wire

ROOT = Path(__file__).parents[3]
KEY = pyrage.x25519.Identity.generate()
VIDEO = b"the second piece" * 100

CHILD = """
import os, signal, sys
from pathlib import Path
from appliance.custody import evidence
from durable import files
from bench.evidence import DeskInMemory

folder, recipient, step, after = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "after"
desk = DeskInMemory(folder, (recipient,))
session = desk.begin()
desk.record(session, 1, b"the first piece" * 100)
print(session, flush=True)
owner, name = {
    "seal": (evidence, "seal"),
    "note": (desk.store, "begin_segment"),
    "fsync of the file": (os, "fsync"),
    "rename": (Path, "rename"),
    "fsync of the folder": (files, "sync"),
    "row": (desk.store, "add"),
    "taking the plain file away": (evidence.Evidence, "_clear"),
}[step]
real = getattr(owner, name)

def deadly(*given, **more):
    result = real(*given, **more) if after else None
    os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, deadly)
desk.offer(session, 2, b"the second piece" * 100)
"""

STEPS = ("seal", "note", "fsync of the file", "rename", "fsync of the folder", "row", "taking the plain file away")


def kill_at(folder, step, when):
    command = [sys.executable, "-c", CHILD, str(folder), str(KEY.to_public()), step, when]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.strip()


def stored(desk, session):
    entries, _ = ledger.verify("desk-1", session, desk.store.lines(session))
    return [entry.fact.segment.number for entry in entries if isinstance(entry.fact, f.SegmentStored)]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_between_any_two_steps_loses_no_segment_and_doubles_none(tmp_path, step, when):
    session = kill_at(tmp_path, step, when)
    desk = DeskInMemory(tmp_path, clock=SimulatedClock(mono_ms=2_000_000))
    assert not list((desk.desk.data_dir / "segments").glob("*.part"))
    incoming = desk.desk.incoming() / "2.mp4"
    assert incoming.exists() or stored(desk, session) == [1, 2], "the bytes are here, or there"
    desk.offer(session, 2, VIDEO)  # capture offers again whatever it has had no answer for
    assert stored(desk, session) == [1, 2]
    assert not incoming.exists()
    files = [path.read_bytes() for path in (desk.desk.data_dir / "segments").iterdir()]
    assert VIDEO in [pyrage.decrypt(data, [KEY]) for data in files]
    desk.end(session)
    assert desk.ask(wire.AskView()).state == "sealed"
    report = fsck.check(desk.desk.data_dir)
    assert [str(finding) for finding in report.findings if finding.level == "fault"] == []


def test_a_sealed_file_that_nobody_names_is_set_aside_named_and_never_deleted(tmp_path):
    session = kill_at(tmp_path, "row", "before")
    desk = DeskInMemory(tmp_path, clock=SimulatedClock(mono_ms=2_000_000))
    stray = desk.desk.data_dir / "segments" / f"{'ab' * 32}.mp4.age"
    stray.write_bytes(b"what is this")
    report = fsck.check(desk.desk.data_dir, "files")
    assert [one.about for one in report.findings if "no row names" in one.text] == [f"segments/{stray.name}"]
    desk.kill()
    assert (desk.desk.data_dir / "orphans" / stray.name).read_bytes() == b"what is this"
    assert not stray.exists()
    report = fsck.check(desk.desk.data_dir, "files")
    assert report.exit_status == 0
    assert f"orphans/{stray.name}" in [one.about for one in report.findings]
    assert stored(desk, session) == [1, 2]
