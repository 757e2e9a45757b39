from __future__ import annotations

import numpy as np
import pytest

from appliance.capture.salvage import salvage
from appliance.capture.video import VideoWriter
from appliance.runtime.frames import Frame
from proctoring.segment import EndedBy

FRAME_MS = 67


@pytest.fixture
def written(incoming, settings, make_frame):
    """A part with twenty pictures, closed properly: salvage must also take what was whole."""
    part = incoming.begin("a", 5000)
    writer = VideoWriter(part.path, settings)
    noise = np.random.default_rng(1).integers(16, 235, (20, 160 * 90 * 3 // 2), np.uint8)
    for number in range(20):
        frame = make_frame(number, 0)
        writer.add(Frame(frame.head, noise[number].tobytes()), number * 100)
    writer.close()
    return part


def test_a_whole_part_becomes_a_segment_with_its_true_interval(incoming, written, read) -> None:
    done = salvage(incoming, written, FRAME_MS)
    assert done
    assert (done.number, done.frames, done.ended_by) == (1, 20, EndedBy.CRASH)
    assert (done.started_ms, done.ended_ms) == (5000, 5000 + 1900 + FRAME_MS)
    assert [at_ms for at_ms, _ in read(done.path)] == list(range(0, 2000, 100))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.9])
def test_wherever_the_bytes_stop_the_pictures_before_are_kept(incoming, written, read, share: float) -> None:
    size = written.path.stat().st_size
    with written.path.open("r+b") as file:
        file.truncate(int(size * share))
    done = salvage(incoming, written, FRAME_MS)
    assert done
    assert 1 <= done.frames < 20
    pictures = read(done.path)
    assert len(pictures) == done.frames
    assert done.ended_ms == 5000 + pictures[-1][0] + FRAME_MS


@pytest.mark.parametrize("data", [b"", b"\0\0\0\x18ftyp", b"\0" * 5000, b"noise" * 1000, b"\0\0\0\1mdat\0\0"])
def test_what_holds_no_picture_is_left_as_it_is(incoming, data: bytes) -> None:
    part = incoming.begin("a", 5000)
    part.path.write_bytes(data)
    assert salvage(incoming, part, FRAME_MS) is None
    assert part.path.read_bytes() == data


def test_a_head_without_pictures_is_no_segment(incoming, written) -> None:
    data = written.path.read_bytes()
    written.path.write_bytes(data[: data.index(b"moof") - 4])
    assert salvage(incoming, written, FRAME_MS) is None
