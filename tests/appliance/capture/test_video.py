from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.capture.video import VideoReader, VideoUnusable, VideoWriter, fitted
from appliance.capture.video_file import check_video
from appliance.runtime.frames import Frame
from proctoring.policy import Recording
from proctoring.wire import FrameHead


def luma(frame) -> np.ndarray:
    head = frame.head
    return np.frombuffer(frame.planes, np.uint8)[: head.width * head.height].reshape(head.height, head.width)


def test_a_missing_video_is_named_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(VideoUnusable, match=r"There is no video .*none\.mp4\. Check the path"):
        check_video(tmp_path / "none.mp4")


@pytest.mark.parametrize("content", [b"", b"this is no video" * 100, b"\0\0\0\x18ftypmp42" + bytes(64)])
def test_what_cannot_be_decoded_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoUnusable, match=r"broken\.mp4 cannot be used: .* Give a video file that plays"):
        check_video(path)


def test_a_video_without_its_end_is_refused_and_not_played_in_part(make_video, tmp_path: Path) -> None:
    whole = make_video(frames=60).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoUnusable, match="cannot be used"):
        check_video(path)


def test_a_folder_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(VideoUnusable, match="Is a directory"):
        check_video(tmp_path)


def test_a_good_video_passes(make_video) -> None:
    check_video(make_video())


def test_pictures_come_with_their_times_from_zero(make_video, read) -> None:
    assert [at_ms for at_ms, _ in read(make_video(frames=4, per_s=10))] == [0, 100, 200, 300]


def test_full_range_white_becomes_video_range_white(make_video) -> None:
    reader = VideoReader(make_video(frames=2, pix_fmt="yuvj420p", luma=255, name="video.avi"))
    still = reader.next()
    assert still
    assert abs(int(luma(still.frame(1, 0)).mean()) - 235) <= 1


def lying_down(path: Path, a: int, b: int, c: int, d: int) -> Path:
    """The video with a track header that says how to turn it: the matrix (a b; c d)."""
    data = bytearray(path.read_bytes())
    head = data.index(b"tkhd") + 4
    assert data[head] == 0, "a header of version 0"
    for place, value in enumerate((a, b, 0, c, d, 0)):
        struct.pack_into(">i", data, head + 40 + 4 * place, value << 16)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("matrix", "size", "white"),
    [
        ((1, 0, 0, 1), (160, 90), np.s_[:, :80]),
        ((0, 1, -1, 0), (90, 160), np.s_[:80, :]),
        ((-1, 0, 0, -1), (160, 90), np.s_[:, 80:]),
        ((0, -1, 1, 0), (90, 160), np.s_[80:, :]),
    ],
)
def test_a_telephones_video_is_turned_upright(tmp_path: Path, matrix, size, white) -> None:
    path, settings = tmp_path / "turned.mp4", Recording(width=160, height=90, frames_per_s=15)
    planes = np.full(160 * 90 * 3 // 2, 128, np.uint8)
    planes[: 160 * 90].reshape(90, 160)[:] = [[235] * 80 + [16] * 80]
    writer = VideoWriter(path, settings)
    for number in range(3):
        head = FrameHead(number=number, mono_ms=0, width=160, height=90)
        writer.add(Frame(head, planes.tobytes()), 66 * number)
    writer.close()
    still = VideoReader(lying_down(path, *matrix)).next()
    assert still
    assert still.size == size
    frame = still.frame(1, 0)
    assert (frame.head.width, frame.head.height) == size
    assert len(frame.planes) == 160 * 90 * 3 // 2
    seen = luma(frame)
    assert seen[white].mean() > 200
    assert seen.sum() - seen[white].sum() < 60 * seen.size / 2


def written(path: Path, codec: str, pix_fmt: str, rows: np.ndarray) -> Path:
    """A video of two pictures that are the same."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=15)
        stream.height, stream.width = rows.shape
        stream.pix_fmt = pix_fmt
        for number in range(2):
            picture = av.VideoFrame.from_ndarray(rows, format="gray").reformat(format=pix_fmt)
            picture.pts, picture.time_base = number, Fraction(1, 15)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return path


def test_a_grey_video_is_read_without_colour(tmp_path: Path) -> None:
    still = VideoReader(written(tmp_path / "grey.mkv", "ffv1", "gray", np.full((90, 160), 120, np.uint8))).next()
    assert still
    frame = still.frame(1, 0)
    assert set(frame.planes[160 * 90 :]) == {128}
    assert luma(frame).std() == 0


def test_a_huge_video_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = written(tmp_path / "huge.avi", "mjpeg", "yuvj420p", np.zeros((7200, 7200), np.uint8))
    with pytest.raises(VideoUnusable, match=r"huge\.avi has 7200x7200 pixels, more than 50 million"):
        check_video(path)


def test_odd_sides_become_even(make_video) -> None:
    still = VideoReader(make_video(frames=2, size=(162, 90), name="odd.mp4")).next()
    assert still
    squeezed = still.picture.reformat(161, 89, "yuv444p")
    frame = type(still)(0, squeezed).frame(1, 0)
    assert (frame.head.width, frame.head.height) == (160, 88)
    assert len(frame.planes) == 160 * 88 * 3 // 2


@pytest.mark.parametrize(
    ("size", "bars"), [((320, 180), ""), ((160, 120), "sides"), ((640, 160), "top"), ((90, 160), "sides")]
)
def test_a_picture_of_another_shape_keeps_it_between_black_bars(make_frame, size: tuple[int, int], bars: str) -> None:
    frame = fitted(make_frame(15, 7, *size), 160, 90)
    picture = luma(frame)
    assert (frame.head.width, frame.head.height, frame.head.mono_ms) == (160, 90, 7)
    assert abs(int(picture[45, 80]) - 180) <= 2
    assert (picture[45, 0] == 16) == (bars == "sides")
    assert (picture[0, 80] == 16) == (bars == "top")
    assert len(frame.planes) == 160 * 90 * 3 // 2


def test_a_picture_of_the_right_size_is_not_touched(make_frame) -> None:
    frame = make_frame(1, 0)
    assert fitted(frame, 160, 90) is frame


def test_a_file_can_be_played_while_it_is_being_written(
    tmp_path: Path, settings: Recording, make_frame, read
) -> None:
    writer = VideoWriter(tmp_path / "growing.mp4", settings)
    for number in range(20):
        writer.add(make_frame(number, 0), number * 67)
    assert len(read(tmp_path / "growing.mp4")) >= 18
    writer.close()
    assert len(read(tmp_path / "growing.mp4")) == 20


def test_a_full_disk_is_an_os_error(settings: Recording, make_frame) -> None:
    writer = VideoWriter(Path("/dev/full"), settings)
    with pytest.raises(OSError, match="No space left"):
        for number in range(3):
            writer.add(make_frame(number, 0), number * 67)
