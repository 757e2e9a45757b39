import logging
import os
from pathlib import Path

import pytest

from appliance.runtime import memory
from appliance.runtime.memory import file_system, incoming_in_memory, is_memory, swap_on_disk
from appliance.runtime.settings import BadSettings, Desk

MOUNT = "36 25 {device} / /somewhere rw,relatime shared:1 - {kind} source rw\n"


def mounts(folder, kind):
    """A list of mounts in which the folder's device is of that kind."""
    device = folder.stat().st_dev
    path = folder / "mountinfo"
    path.write_text(
        MOUNT.format(device="0:999999", kind="ext4")
        + MOUNT.format(device=f"{os.major(device)}:{os.minor(device)}", kind=kind)
    )
    return path


def test_the_kind_of_a_file_system_is_read_from_the_list_of_mounts(tmp_path):
    assert file_system(tmp_path, mounts(tmp_path, "tmpfs")) == "tmpfs"
    assert file_system(tmp_path, mounts(tmp_path, "ext4")) == "ext4"


def test_a_file_system_that_is_not_listed_counts_as_no_memory(tmp_path):
    (tmp_path / "none").write_text("")
    assert file_system(tmp_path, tmp_path / "none") == "unknown"


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no /dev/shm on this machine")
def test_this_machine_s_own_memory_and_kernel_files_are_told_apart():
    assert is_memory(Path("/dev/shm"))
    assert file_system(Path("/proc")) == "proc"


def desk_on(tmp_path, monkeypatch, kind, **more):
    kinds = mounts(tmp_path, kind)
    monkeypatch.setattr(memory, "file_system", lambda folder: file_system(folder, kinds))
    return Desk(desk="desk-1", run_dir=tmp_path / "run", data_dir=tmp_path / "data", **more)


def test_an_incoming_folder_on_a_disk_is_refused_with_what_to_do(tmp_path, monkeypatch):
    desk = desk_on(tmp_path, monkeypatch, "ext4")
    with pytest.raises(BadSettings, match=r"disk, in .*incoming \(ext4\).*tmpfs; or.*incoming_on_disk = true"):
        incoming_in_memory(desk)


def test_it_may_lie_on_a_disk_where_the_settings_say_so_and_that_is_logged(tmp_path, monkeypatch, caplog):
    desk = desk_on(tmp_path, monkeypatch, "ext4", incoming_on_disk=True)
    with caplog.at_level(logging.WARNING):
        assert incoming_in_memory(desk) == tmp_path / "run" / "incoming"
    assert "as the settings allow" in caplog.text


def test_memory_that_may_be_moved_to_a_disk_is_warned_of(tmp_path, monkeypatch, caplog):
    desk = desk_on(tmp_path, monkeypatch, "tmpfs", incoming_dir=tmp_path / "elsewhere")
    monkeypatch.setattr(memory, "swap_on_disk", lambda: ["/var/swap"])
    assert incoming_in_memory(desk) == tmp_path / "elsewhere"
    assert "may move memory to /var/swap" in caplog.text


def test_compressed_memory_is_no_disk(tmp_path):
    swaps = tmp_path / "swaps"
    swaps.write_text(
        "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n/var/swap file 1 0 -2\n"
        "/dev/sda2 partition 1 0 -3\n"
    )
    assert swap_on_disk(swaps) == ["/var/swap", "/dev/sda2"]
    assert swap_on_disk(tmp_path / "none") == []
