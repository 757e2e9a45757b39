"""The memory that holds what is not sealed yet is bounded: custody away for long, and it is full."""

import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from appliance.capture.recorder import Recorder
from appliance.capture.segments import Incoming
from proctoring.segment import EndedBy


@pytest.fixture
def small_memory(tmp_path):
    """A real tmpfs with room for a few segments."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small tmpfs needs root and `mount`")
    place = tmp_path / "incoming"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_memory_that_is_full_is_a_gap_with_its_reason_and_recording_goes_on_when_there_is_room(
    small_memory, settings, make_frame
) -> None:
    incoming, gaps = Incoming(small_memory), []
    # A bit rate that fills 64 kB within seconds, as 128 MB are filled within many minutes.
    busy = msgspec.structs.replace(settings, bit_rate=2_000_000)
    recorder = Recorder(incoming, "a", busy, 0, gaps.append)
    (small_memory / "others").write_bytes(b"\0" * 40_000)

    def film(from_ms, to_ms):
        for number, at_ms in enumerate(range(from_ms, to_ms, round(1000 / busy.frames_per_s))):
            recorder.add(make_frame(number, at_ms), at_ms)

    film(0, 20_000)
    kept = incoming.done()
    assert kept, "what had room is whole"
    (small_memory / "others").unlink()
    for done in kept:
        done.path.unlink()
    film(20_000, 26_000)
    recorder.stop(26_000, EndedBy.STOP)
    assert gaps, "the lack was said"
    assert all("No space left" in gap.reason for gap in gaps)
    assert gaps[-1].to_ms < 26_000
    assert max(done.ended_ms for done in incoming.done()) >= 25_000


def test_a_file_that_could_not_be_written_is_let_go_of(small_memory, settings, make_frame) -> None:
    """A handle each second would use up all that a process may have within minutes, and keep the memory taken."""
    (small_memory / "others").write_bytes(b"\0" * 63_000)
    recorder = Recorder(Incoming(small_memory), "a", settings, 0, lambda _: None)
    for number, at_ms in enumerate(range(0, 20_000, 67)):
        recorder.add(make_frame(number, at_ms), at_ms)
    held = [str(handle.readlink()) for handle in Path("/proc/self/fd").iterdir() if handle.is_symlink()]
    assert [path for path in held if path.startswith(str(small_memory))] == []
