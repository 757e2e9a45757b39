import os
import subprocess
import sys

import pytest

from deskproctor import memory_folder
from deskproctor.memory_folder import NoMemoryFolder, forget_what_the_dead_left, name_memory_folder


def test_a_folder_of_one_s_own_in_memory_is_named_and_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(memory_folder, "is_memory", lambda place: place == tmp_path)
    one, other = name_memory_folder(), name_memory_folder()
    assert one.parent == other.parent == tmp_path
    assert one != other
    assert not one.exists()


def test_without_memory_a_disk_is_taken_only_where_that_was_asked_for(monkeypatch):
    monkeypatch.setattr(memory_folder, "is_memory", lambda place: False)
    with pytest.raises(NoMemoryFolder, match="Mount a tmpfs, or accept that with --incoming-on-disk"):
        name_memory_folder()
    assert name_memory_folder(on_disk=True) is None


def test_what_a_killed_demo_left_in_memory_is_taken_away_and_nothing_else(tmp_path):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    names = (f"deskproctor-{int(ended.stdout)}-ab", f"deskproctor-{os.getpid()}-ab", "deskproctor-ab", "other-1-ab")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "video.mp4").write_bytes(b"video")
    forget_what_the_dead_left(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
