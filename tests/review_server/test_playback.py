from __future__ import annotations

import hashlib
import io
from pathlib import Path

import av
import pytest

from review_server.playback import NothingToPlay, Piece, Recordings, join


def piece(folder: Path, name: str, data: bytes, started_ms: int) -> Piece:
    path = folder / f"{name}.bin"
    path.write_bytes(data)
    return Piece(hashlib.sha256(data).hexdigest(), started_ms, path)


def times(path: Path) -> list[float]:
    with av.open(str(path)) as film:
        return [frame.time for frame in film.decode(video=0)]


def pieces_at(folder: Path, bench, *starts: int) -> tuple[Piece, ...]:
    return tuple(
        piece(folder, str(number), bench.video(folder / f"v{number}.mp4", shade=number), started_ms)
        for number, started_ms in enumerate(starts)
    )


def test_pieces_stand_at_their_times_and_a_gap_keeps_the_clock(tmp_path, bench):
    assert join(pieces_at(tmp_path, bench, 0, 2000, 6000), tmp_path / "film") == ()
    shown = times(tmp_path / "film")
    assert len(shown) == 90
    assert shown[30] == pytest.approx(2.0, abs=0.001)
    assert shown[60] == pytest.approx(6.0, abs=0.001)
    with av.open(str(tmp_path / "film")) as film:
        assert film.duration / 1e6 == pytest.approx(8.0, abs=0.1)


def test_nothing_is_encoded_again(tmp_path, bench):
    pieces = pieces_at(tmp_path, bench, 0, 2000)
    join(pieces, tmp_path / "film")

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as source:
            return [bytes(packet) for packet in source.demux(video=0) if packet.size]

    assert packets(tmp_path / "film") == [packet for one in pieces for packet in packets(one.path)]


def test_a_recording_that_begins_late_shows_its_first_picture_until_then(tmp_path, bench):
    join(pieces_at(tmp_path, bench, 3000), tmp_path / "film")
    shown = times(tmp_path / "film")
    assert shown[0] == 0
    assert shown[1] == pytest.approx(3.0 + 1 / 15, abs=0.001)


def test_pieces_that_overlap_by_a_rounding_still_play_in_order(tmp_path, bench):
    assert join(pieces_at(tmp_path, bench, 0, 1930), tmp_path / "film") == ()
    shown = times(tmp_path / "film")
    assert len(shown) == 60
    assert shown == sorted(set(shown))


def test_the_index_stands_in_front_so_that_a_browser_may_seek_at_once(tmp_path, bench):
    join(pieces_at(tmp_path, bench, 0), tmp_path / "film")
    data = (tmp_path / "film").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_a_piece_that_cannot_be_read_or_fitted_is_left_out_and_named(tmp_path, bench):
    good = pieces_at(tmp_path, bench, 0, 6000)
    broken = piece(tmp_path, "broken", b"no video at all", 2000)
    other = piece(tmp_path, "other", bench.video(tmp_path / "o.mp4", size=(160, 90)), 4000)
    left_out = join((good[0], broken, other, good[1]), tmp_path / "film")
    assert left_out == (broken.sha256, other.sha256)
    assert len(times(tmp_path / "film")) == 60


def test_pieces_of_which_none_plays_make_no_recording(tmp_path):
    recordings = Recordings(tmp_path / "kept", 1 << 30)
    with pytest.raises(NothingToPlay):
        recordings.of((piece(tmp_path, "broken", b"no video", 0),))
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_recording_is_joined_once_and_again_when_more_has_come(tmp_path, bench):
    pieces = pieces_at(tmp_path, bench, 0, 2000)
    recordings = Recordings(tmp_path / "kept", 1 << 30)
    first = recordings.of(pieces[:1])
    inode = first.path.stat().st_ino
    assert recordings.of(pieces[:1]).path.stat().st_ino == inode
    assert recordings.of(pieces).path != first.path


def test_recordings_make_room_by_forgetting_the_longest_unused(tmp_path, bench):
    pieces = pieces_at(tmp_path, bench, 0, 2000)
    recordings = Recordings(tmp_path / "kept", 1)
    first = recordings.of(pieces[:1])
    second = recordings.of(pieces)
    assert not first.path.exists()
    assert second.path.exists()
    assert recordings.of(pieces[:1]).path.exists()


@pytest.fixture
def stored(server, bench, tmp_path):
    desk, pieces = bench.whole(tmp_path)
    for data in pieces:
        server.put(data)
    server.ingest.take(desk.facts())
    return server


def test_the_page_s_recording_answers_ranges(stored):
    browser = stored.staff()
    address = "/sessions/session-1/recording.mp4"
    whole = browser.get(address)
    assert whole.status_code == 200
    assert whole.mimetype == "video/mp4"
    part = browser.get(address, headers={"Range": "bytes=100-299"})
    assert part.status_code == 206
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(whole.data)}"
    assert part.data == whole.data[100:300]
    assert browser.get(address, headers={"Range": f"bytes={len(whole.data)}-"}).status_code == 416
    with av.open(io.BytesIO(whole.data)) as film:
        assert film.duration / 1e6 == pytest.approx(12.0, abs=0.1)


def test_what_could_not_be_joined_is_told(stored, bench):
    assert stored.staff().get("/sessions/session-1/recording.json").json == {"left_out": []}


def test_a_recording_that_has_not_come_yet_is_said_so(server, bench, tmp_path):
    desk, _ = bench.whole(tmp_path)
    server.ingest.take(desk.facts())
    answer = server.staff().get("/sessions/session-1/recording.mp4")
    assert answer.status_code == 404
    assert "has arrived yet" in answer.text
