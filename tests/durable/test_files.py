"""A file that is written durably: which steps, in which order, and what stays when one of them fails."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bench.faults import disk
from bench.faults.waiting import wait_until
from durable.files import keep, keeping, move

FAILING_DISK = Path(__file__).parents[1] / "faults" / "failing_disk.py"


class Steps:
    """Notes what a real file system is asked for, and lets one step fail."""

    def __init__(self, monkeypatch):
        self.noted = []
        self.fails = None
        for name in ("open", "fsync", "rename", "unlink"):
            monkeypatch.setattr(os, name, self._noting(name, getattr(os, name)))

    def _noting(self, name, real):
        def step(of, *given, **more):
            self.noted.append((name, self._said(name, of)))
            if self.fails == self.noted[-1]:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(of, *given, **more)

        return step

    @staticmethod
    def _said(name, of):
        if name != "fsync":
            return Path(of).name
        what = os.fstat(of)
        return "folder" if stat.S_ISDIR(what.st_mode) else what.st_size


@pytest.fixture
def steps(monkeypatch):
    with monkeypatch.context() as patch:
        yield Steps(patch)


IN_ORDER = [
    ("unlink", "note.part"),
    ("open", "note.part"),
    ("fsync", 3),
    ("rename", "note.part"),
    ("open", "folder"),
    ("fsync", "folder"),
]


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder / "note"


def names(path):
    return sorted(child.name for child in path.parent.iterdir())


def test_the_bytes_are_synced_before_the_name_and_the_name_before_it_returns(path, steps):
    keep(path, b"new")
    assert steps.noted == IN_ORDER
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("step", IN_ORDER[:4])
def test_a_step_that_fails_before_the_rename_is_done_leaves_the_old_file_whole_and_no_other(path, steps, step):
    path.write_bytes(b"before")
    steps.fails = step
    with pytest.raises(OSError, match="Input/output error"):
        keep(path, b"new")
    assert path.read_bytes() == b"before"
    assert names(path) == ["note"]


@pytest.mark.parametrize("step", IN_ORDER[4:])
def test_a_name_that_may_not_last_is_an_error_and_the_file_behind_it_is_whole(path, steps, step):
    path.write_bytes(b"before")
    steps.fails = step
    with pytest.raises(OSError, match="Input/output error"):
        keep(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path) == ["note"]


def test_a_block_that_raises_leaves_nothing_of_what_it_wrote(path):
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), keeping(path) as file:
        file.write(b"half of it")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"before"
    assert names(path) == ["note"]


def test_a_secret_is_for_its_owner_alone_from_its_first_byte_on_whatever_a_crash_left(path):
    left = path.with_name("note.part")
    left.write_bytes(b"left by a crash")
    left.chmod(0o666)
    with left.open("rb") as somebody_reads, keeping(path, 0o600) as file:
        assert stat.S_IMODE(left.stat().st_mode) == 0o600
        file.write(b"secret")
        file.flush()
        assert somebody_reads.read() == b"left by a crash"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_somebody_put_where_the_part_file_grows_is_not_written_through(path):
    elsewhere = path.parent.parent / "elsewhere"
    elsewhere.write_bytes(b"theirs")
    path.with_name("note.part").symlink_to(elsewhere)
    keep(path, b"new")
    assert elsewhere.read_bytes() == b"theirs"
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()


def test_it_grows_where_the_caller_says(path, steps):
    arriving = path.parent.parent / "arriving"
    keep(path, b"new", part=arriving)
    assert ("rename", "arriving") in steps.noted
    assert names(path) == ["note"]
    assert not arriving.exists()


def test_a_move_syncs_the_new_folder_before_the_old_one(path, steps, tmp_path):
    path.write_bytes(b"here")
    to = tmp_path / "retired" / "note"
    to.parent.mkdir()
    assert move(path, to) == to
    assert [step for step in steps.noted if step[0] != "fsync"] == [
        ("rename", "note"),
        ("open", "retired"),
        ("open", "folder"),
    ]
    assert steps.noted.count(("fsync", "folder")) == 2  # both are folders


def test_a_move_within_a_folder_syncs_it_once(path, steps):
    path.write_bytes(b"here")
    move(path, path.with_name("other"))
    assert steps.noted == [("rename", "note"), ("open", "folder"), ("fsync", "folder")]


# --- what the kernel passes on ---


class Seen:
    """A folder through FUSE: what the disk is asked for, and where it says no."""

    def __init__(self, tmp_path):
        self.mount, self.switch, self._log = tmp_path / "mount", tmp_path / "switch", tmp_path / "log"
        self.path = self.mount / "note"
        source = tmp_path / "source"
        for folder in (source, self.mount):
            folder.mkdir()
        command = [sys.executable, str(FAILING_DISK), source, self.mount, self.switch, self._log]
        self.process = subprocess.Popen(command)
        wait_until(self.mount.is_mount, "the disk to be mounted")

    def asked(self):
        return self._log.read_text().splitlines()

    def forget(self):
        self._log.unlink(missing_ok=True)

    def end(self):
        subprocess.run(["umount", "--lazy", str(self.mount)], check=False)
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def seen(tmp_path):
    if not Path("/dev/fuse").exists():
        pytest.skip("a disk that fails needs /dev/fuse (the kernel's FUSE)")
    pytest.importorskip("mfusepy")
    seen = Seen(tmp_path)
    try:
        yield seen
    finally:
        seen.end()


def test_the_disk_itself_is_asked_in_that_order(seen):
    keep(seen.path, b"new")
    assert seen.asked() == ["create note.part", "write note.part", "fsync note.part", "rename note.part", "fsyncdir "]


@pytest.mark.parametrize("step", ["create", "write", "fsync", "rename", "fsyncdir"])
def test_wherever_the_disk_says_no_there_is_one_whole_file_and_no_other(seen, step):
    keep(seen.path, b"before")
    seen.forget()
    seen.switch.write_text(step)
    with pytest.raises(OSError, match="Input/output error"):
        keep(seen.path, b"new")
    assert [line.split()[0] for line in seen.asked()][-1] in (step, "unlink")
    assert seen.path.read_bytes() == (b"new" if step == "fsyncdir" else b"before")
    assert names(seen.path) == ["note"]


# --- the power cut itself ---


@pytest.fixture
def power(tmp_path):
    if lacking := disk.missing():
        pytest.skip(f"a disk whose power can be cut needs {lacking}")
    with disk.Disk(tmp_path / "disk.img", tmp_path / "disk", 32) as mounted:
        yield mounted


def after_a_cut(power):
    power.cut()
    power.unmount()
    power.mount()


def test_a_file_that_was_kept_and_one_that_was_moved_outlive_the_power(power, tmp_path):
    path, retired = tmp_path / "disk" / "note", tmp_path / "disk" / "retired"
    retired.mkdir()
    keep(path, b"before")
    keep(path, b"new" * 10_000)
    keep(path.with_name("key"), b"key", 0o600)
    move(path.with_name("key"), retired / "key")
    after_a_cut(power)
    assert path.read_bytes() == b"new" * 10_000
    assert (retired / "key").read_bytes() == b"key"
    assert not path.with_name("key").exists()


def test_power_cut_while_it_is_being_written_leaves_the_old_file_and_the_next_one_clears_up(power, tmp_path):
    path = tmp_path / "disk" / "note"
    keep(path, b"before")
    with pytest.raises(OSError), keeping(path) as file:
        file.write(b"half of it")
        file.flush()
        power.cut()
    power.unmount()
    power.mount()
    assert path.read_bytes() == b"before"
    keep(path, b"new")
    assert names(path) == ["lost+found", "note"]
