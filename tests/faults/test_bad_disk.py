"""A desk's disk goes bad in mid-exam: full, failing, read-only. What was called saved is never lost."""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from appliance.custody.disk import RESERVE
from appliance.kiosk_ui import words
from bench.faults import disk
from bench.faults.lab import lab
from bench.faults.tally import answers_lost, segments_lost, stored_hashes
from bench.faults.typist import begin_exam
from bench.faults.waiting import wait_until
from deskproctor.site import DESK, PARTS, STANDBY
from proctoring import fact as f
from proctoring.fact import DiskTrouble, Part
from proctoring.session import State

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

SOON_S = 10
"""Within so long after the candidate's screen the console is to say it too."""

SPARE = 24 * 2**20
"""Bytes left free on a disk that is nearly full: less than is kept for answers."""


def fuse_is_missing():
    if not Path("/dev/fuse").exists():
        return "/dev/fuse (the kernel's FUSE)"
    if shutil.which("fusermount3") is None and shutil.which("fusermount") is None:
        return "the program fusermount3 (Debian: fuse3)"
    return None if importlib.util.find_spec("mfusepy") else "the Python package mfusepy"


@pytest.fixture
def small_disk(tmp_path):
    """The desk's data folder on an ext4 of its own."""
    if lacking := disk.missing():
        pytest.skip(f"a disk of our own needs {lacking}")
    with disk.Disk(tmp_path / "desk.img", tmp_path / DESK, 700) as mounted:
        yield mounted


@pytest.fixture
def switch(tmp_path):
    """The desk's data folder through FUSE; while the file exists, the disk fails."""
    if lacking := fuse_is_missing():
        pytest.skip(f"a disk that fails needs {lacking}")
    source, mount, switch = tmp_path / "source", tmp_path / DESK, tmp_path / "broken"
    for folder in (source, mount):
        folder.mkdir()
    command = [sys.executable, str(Path(__file__).with_name("failing_disk.py")), source, mount, switch]
    process = subprocess.Popen(command)
    try:
        wait_until(mount.is_mount, "the failing disk to be mounted")
        yield switch
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=False)
        process.terminate()
        process.wait(10)


class Exam:
    """An exam under way at a real desk, and what its screen, its ledger and the room's console say."""

    def __init__(self, bench, typist):
        self.bench = bench
        self.console = requests.Session()
        assert self.console.get(bench.site.sign_in_url("console"), timeout=10).ok
        self.typist = typist
        self.session = str(bench.view().session)
        self.data_dir = bench.site.desk.data_dir

    def screen(self):
        """What the page is told, once a second."""
        return requests.get(f"{self.bench.site.kiosk_url}state.json", timeout=10).json()

    def says(self, trouble):
        """Whether the candidate's screen says that the disk is in this trouble, or in none."""
        return lambda: self.screen().get("trouble") == words.disk(trouble)

    def alerts(self, trouble):
        """The console's alerts of this trouble: whether each is over. It hears of the desk by the broker alone."""
        shown = self.console.get(f"{self.bench.site.console_url}/alerts.json", timeout=10).json()["alerts"]
        kind = f"disk_{trouble}"
        return [alert["ended_utc_ms"] is not None for alert in reversed(shown) if alert["kind"] == kind]

    def console_hears_of(self, trouble):
        wait_until(lambda: False in self.alerts(trouble), f"the console to hear of it: {trouble}", SOON_S)

    def console_hears_that_it_is_over(self):
        wait_until(lambda: all(over for one in DiskTrouble for over in self.alerts(one)), "the alerts to end", SOON_S)

    def goes_on(self, more=10):
        """Waits until more answers are called saved."""
        count = len(self.typist.saved)
        wait_until(lambda: len(self.typist.saved) > count + more, "answers to be saved")

    def stands_still(self):
        """Waits until the screen has called nothing saved for a second."""

        def still():
            count = len(self.typist.saved)
            time.sleep(1)
            return len(self.typist.saved) == count

        wait_until(still, "answers not to be saved any more")

    def gaps(self):
        entries = self.bench.entries(self.session)
        return [entry.fact for entry in entries if isinstance(entry.fact, f.Gap) and entry.fact.part is Part.CUSTODY]

    def tells(self, words):
        """Whether the ledger has a gap of custody's with those words, of some length."""
        return lambda: any(words in gap.reason and gap.to_ms > gap.from_ms for gap in self.gaps())

    def stored(self):
        return sum(isinstance(entry.fact, f.SegmentStored) for entry in self.bench.entries(self.session))

    def waiting(self):
        return len(list(self.bench.site.desk.incoming().glob("*.mp4")))

    def finish(self):
        """Hands in; the session is sealed, and everything that was acknowledged is there."""
        self.typist.stop()
        self.bench.hand_in()
        wait_until(lambda: self.bench.view().state is State.SEALED, "the seal")
        entries = self.bench.entries(self.session)
        assert self.bench.losses.broken_chains == 0
        assert answers_lost(self.typist.saved, entries) == []
        stored = stored_hashes((self.data_dir, self.bench.site.server_data))
        assert segments_lost(entries, stored) == []
        assert self.waiting() == 0


@contextlib.contextmanager
def sitting(folder):
    with lab(folder, 1, print) as bench, begin_exam(bench.site, bench.custody, bench.chance) as typist:
        exam = Exam(bench, typist)
        wait_until(lambda: exam.stored() > 0, "the exam to be under way")
        yield exam


def fill(ballast, leave):
    """Takes the disk's room but for `leave` bytes."""
    with ballast.open("ab") as file, contextlib.suppress(OSError):
        more = shutil.disk_usage(ballast.parent).free - leave
        if more > 0:
            os.posix_fallocate(file.fileno(), ballast.stat().st_size, more)


def fill_up(ballast):
    """Takes all there is, to the last block."""
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
            os.fsync(file.fileno())


def test_on_a_disk_that_runs_full_answers_go_before_recordings_and_later_all_is_there(small_disk, tmp_path):
    with sitting(tmp_path) as exam:
        ballast = exam.data_dir / "ballast"
        assert SPARE < RESERVE

        def fills_up():
            """What was reserved for the recording gives way to answers first; somebody takes that too."""
            fill(ballast, leave=SPARE)
            return exam.says(DiskTrouble.FULL)()

        wait_until(fills_up, "the screen to say that the disk is nearly full")
        exam.console_hears_of(DiskTrouble.FULL)
        kept = exam.stored()
        exam.goes_on()
        wait_until(lambda: exam.waiting() >= 2, "recordings to wait in memory")
        assert exam.stored() == kept
        assert any("nearly full" in gap.reason for gap in exam.gaps())
        fill_up(ballast)
        wait_until(exam.says(DiskTrouble.FAILS), "the screen to say that nothing is taken any more")
        exam.console_hears_of(DiskTrouble.FAILS)
        exam.stands_still()
        ballast.unlink()
        exam.goes_on()
        wait_until(exam.says(None), "the screen to say no more")
        exam.console_hears_that_it_is_over()
        wait_until(exam.tells("took nothing (database or disk is full)"), "the ledger to tell of the full disk")
        wait_until(exam.tells("was nearly full. Recordings waited"), "the ledger to tell of the wait")
        wait_until(lambda: exam.stored() >= kept + 2, "the recordings that waited")
        exam.finish()


def test_a_disk_that_fails_for_a_while_is_told_of_and_loses_nothing_that_was_called_saved(switch, tmp_path):
    with sitting(tmp_path) as exam:
        exam.goes_on()
        switch.touch()
        wait_until(exam.says(DiskTrouble.FAILS), "the screen to say that nothing is taken")
        exam.console_hears_of(DiskTrouble.FAILS)
        exam.stands_still()
        wait_until(lambda: exam.waiting() >= 1, "recordings to wait in memory")
        switch.unlink()
        exam.goes_on()
        wait_until(exam.says(None), "the screen to say no more")
        exam.console_hears_that_it_is_over()
        wait_until(exam.tells("took nothing (disk I/O error)"), "the ledger to tell of it")
        exam.finish()


def test_a_disk_that_turned_read_only_takes_nothing_and_after_a_restart_the_exam_goes_on(small_disk, tmp_path):
    with sitting(tmp_path) as exam:
        exam.goes_on()
        small_disk.remount("abort")
        wait_until(exam.says(DiskTrouble.FAILS), "the screen to say that nothing is taken")
        exam.console_hears_of(DiskTrouble.FAILS)
        exam.stands_still()
        site = exam.bench.site
        site.supervisor.drop([*PARTS, STANDBY])
        small_disk.unmount()
        small_disk.mount()
        site.start_desk()
        exam.goes_on()
        assert exam.screen()["trouble"] == ""
        exam.console_hears_that_it_is_over()
        wait_until(lambda: any("started again" in gap.reason for gap in exam.gaps()), "the ledger to tell of it")
        exam.finish()
