from __future__ import annotations

import hashlib
import html
import io
import re
import socket
import threading
import time
from pathlib import Path

import av
import msgspec
import numpy as np
import pyrage
import pytest
from flask import Flask, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from review_server import playback, ranges
from review_server.film import Piece
from review_server.playback import NothingToPlay, Recordings, Shelf, Spoilt, name_of_film
from review_server.sealing import Keyring
from web.serve import WAITING_BYTES, Face

NO_KEYS = Keyring(Path("/nowhere"))
"""Its folder is not looked into by `join` as long as nothing is sealed."""


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
    assert playback.write(pieces_at(tmp_path, bench, 0, 2000, 6000), tmp_path / "film", NO_KEYS) == ()
    shown = times(tmp_path / "film")
    assert len(shown) == 90
    assert shown[30] == pytest.approx(2.0, abs=0.001)
    assert shown[60] == pytest.approx(6.0, abs=0.001)
    with av.open(str(tmp_path / "film")) as film:
        assert film.duration / 1e6 == pytest.approx(8.0, abs=0.1)


def test_nothing_is_encoded_again(tmp_path, bench):
    pieces = pieces_at(tmp_path, bench, 0, 2000)
    playback.write(pieces, tmp_path / "film", NO_KEYS)

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as source:
            return [bytes(packet) for packet in source.demux(video=0) if packet.size]

    assert packets(tmp_path / "film") == [packet for one in pieces for packet in packets(one.path)]


def test_a_recording_that_begins_late_shows_its_first_picture_until_then(tmp_path, bench):
    playback.write(pieces_at(tmp_path, bench, 3000), tmp_path / "film", NO_KEYS)
    shown = times(tmp_path / "film")
    assert shown[0] == 0
    assert shown[1] == pytest.approx(3.0 + 1 / 15, abs=0.001)


def test_pieces_that_overlap_by_a_rounding_still_play_in_order(tmp_path, bench):
    assert playback.write(pieces_at(tmp_path, bench, 0, 1930), tmp_path / "film", NO_KEYS) == ()
    shown = times(tmp_path / "film")
    assert len(shown) == 60
    assert shown == sorted(set(shown))


def test_the_index_stands_in_front_so_that_a_browser_may_seek_at_once(tmp_path, bench):
    playback.write(pieces_at(tmp_path, bench, 0), tmp_path / "film", NO_KEYS)
    data = (tmp_path / "film").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_a_piece_that_cannot_be_read_is_left_out_and_named(tmp_path, bench):
    good = pieces_at(tmp_path, bench, 0, 6000)
    broken = piece(tmp_path, "broken", b"no video at all", 2000)
    cut = piece(tmp_path, "cut", good[0].path.read_bytes()[:-30], 4000)
    left_out = playback.write((good[0], broken, cut, good[1]), tmp_path / "film", NO_KEYS)
    assert left_out == (broken.sha256, cut.sha256)
    assert len(times(tmp_path / "film")) == 60


def test_pieces_of_another_encoder_setting_play_and_so_does_what_follows_them(tmp_path, bench):
    first, last = pieces_at(tmp_path, bench, 0, 4000)
    other = piece(tmp_path, "other", bench.video(tmp_path / "o.mp4", size=(160, 90)), 2000)
    assert playback.write((first, other, last), tmp_path / "film", NO_KEYS) == ()
    with av.open(str(tmp_path / "film")) as film:
        widths = [frame.width for frame in film.decode(video=0)]
    assert widths == [320] * 30 + [160] * 30 + [320] * 30


def loudness(path: Path) -> dict[int, float]:
    """Tenth of a second to how loud it is, packet after packet as a player without a sense of time plays them."""
    with av.open(str(path)) as film:
        sound = np.concatenate([frame.to_ndarray().ravel() for frame in film.decode(audio=0)])
        per_tenth = film.streams.audio[0].rate // 10
    return {
        tenth: float(np.abs(sound[tenth * per_tenth :][:per_tenth]).mean())
        for tenth in range(len(sound) // per_tenth)
    }


def test_sound_stands_at_its_time_and_a_hole_is_silent_even_where_packets_are_played_one_after_the_other(
    tmp_path, bench
):
    silent = piece(tmp_path, "silent", bench.video(tmp_path / "silent.mp4"), 0)
    heard = [piece(tmp_path, str(at), bench.spoken(tmp_path / f"{at}.mp4"), at) for at in (2000, 4000, 10_000)]
    assert playback.write([silent, *heard], tmp_path / "film", NO_KEYS) == ()
    loud = loudness(tmp_path / "film")
    assert [second for second in range(12) if loud[second * 10 + 5] > 0.05] == [2, 3, 4, 5, 10, 11]
    assert [second for second in range(12) if loud[second * 10 + 5] < 0.001] == [0, 1, 6, 7, 8, 9]
    shown = times(tmp_path / "film")
    assert len(shown) == 120
    assert shown[90] == pytest.approx(10.0, abs=0.001)


def test_sound_does_not_run_away_from_the_pictures_by_a_packet_with_each_segment(tmp_path, bench):
    pieces = [piece(tmp_path, str(at), bench.spoken(tmp_path / f"{at}.mp4"), at) for at in range(0, 20_000, 2000)]
    with av.open(str(pieces[0].path)) as one:
        assert sum(packet.size > 0 for packet in one.demux(audio=0)) > 100
    assert playback.write(pieces, tmp_path / "film", NO_KEYS) == ()
    with av.open(str(tmp_path / "film")) as film:
        assert sum(packet.size > 0 for packet in film.demux(audio=0)) == pytest.approx(20 * 50, abs=1)


def test_pieces_with_sound_play_when_their_pictures_were_encoded_in_different_ways(tmp_path, bench):
    small = piece(tmp_path, "small", bench.video(tmp_path / "small.mp4", size=(160, 90)), 0)
    heard = piece(tmp_path, "heard", bench.spoken(tmp_path / "heard.mp4"), 2000)
    assert playback.write([small, heard], tmp_path / "film", NO_KEYS) == ()
    assert len(times(tmp_path / "film")) == 60
    assert loudness(tmp_path / "film")[25] > 0.05


@pytest.fixture
def keyring(server):
    return server.keyring


def sealed(pieces: tuple[Piece, ...], keyring: Keyring) -> tuple[Piece, ...]:
    """The same pieces as a desk sends them."""
    recipients = [pyrage.x25519.Recipient.from_str(one) for one in keyring.recipients()]
    return tuple(
        piece(
            one.path.parent, f"{one.path.stem}.age", pyrage.encrypt(one.path.read_bytes(), recipients), one.started_ms
        )
        for one in pieces
    )


def shown_in(recordings: Recordings, pieces: tuple[Piece, ...]) -> bytes:
    film = recordings.film("film", pieces)
    return b"".join(recordings.read(film, 0, film.size))


@pytest.fixture
def recordings(server) -> Recordings:
    return server.recordings


def test_sealed_pieces_play_as_the_plain_ones_do(tmp_path, bench, keyring):
    plain = pieces_at(tmp_path, bench, 0, 2000)
    closed = sealed(plain, keyring)
    assert playback.write(plain, tmp_path / "film", keyring) == ()
    assert playback.write(closed, tmp_path / "opened", keyring) == ()
    assert (tmp_path / "opened").read_bytes() == (tmp_path / "film").read_bytes()


def test_pieces_of_which_none_plays_make_no_recording(tmp_path, recordings):
    with pytest.raises(NothingToPlay):
        recordings.film("film", [piece(tmp_path, "broken", b"no video", 0)])


def test_a_film_whose_key_is_missing_says_so(tmp_path, bench, keyring):
    pieces = sealed(pieces_at(tmp_path, bench, 0), keyring)
    (key,) = keyring.listed()
    keyring.rotate(1_800_000_001_000)
    keyring.retire(key)
    with pytest.raises(NothingToPlay, match=r"No key here opens this segment\. Put the key's file back into"):
        playback.write(pieces, tmp_path / "film", keyring)


def altered(one: Piece) -> None:
    data = bytearray(one.path.read_bytes())
    data[-20] ^= 1
    one.path.write_bytes(bytes(data))


def test_an_altered_piece_is_left_out_and_the_rest_plays(tmp_path, bench, keyring, recordings):
    good, bad = sealed(pieces_at(tmp_path, bench, 0, 2000), keyring)
    altered(bad)
    assert recordings.film("film", [good, bad]).left_out == (bad.sha256,)


def test_a_piece_that_was_altered_since_the_film_was_laid_out_breaks_it_off_and_the_next_is_without_it(
    tmp_path, bench, keyring, recordings
):
    pieces = sealed(pieces_at(tmp_path, bench, 0, 2000, 4000), keyring)
    film, whole = recordings.film("film", pieces), pieces[1].path.read_bytes()
    altered(pieces[1])
    with pytest.raises(Spoilt, match="cannot be opened any more"):
        list(recordings.read(film, 0, film.size))
    (tmp_path / "film").write_bytes(shown_in(recordings, pieces))
    assert recordings.film("film", pieces).left_out == (pieces[1].sha256,)
    shown = times(tmp_path / "film")
    assert [at for at in shown if at >= 4] == pytest.approx([4 + n / 15 for n in range(30)], abs=0.001)
    assert len(shown) == 60
    pieces[1].path.write_bytes(whole)
    assert recordings.film("another", pieces).left_out == ()


def test_a_film_is_laid_out_from_what_was_noted_when_its_segments_came(tmp_path, bench, keyring, server):
    one = sealed(pieces_at(tmp_path, bench, 0), keyring)[0]
    server.put(one.path.read_bytes())
    one.path.unlink()
    assert server.recordings.film("film", [one]).left_out == ()


def test_any_part_of_a_film_opens_only_the_segments_that_lie_in_it(tmp_path, bench, recordings):
    pieces = pieces_at(tmp_path, bench, 0, 2000, 4000, 6000)
    film = recordings.film("film", pieces)
    whole = b"".join(film.read(0, film.size, lambda shot: shot.piece.path.read_bytes()[: shot.size]))
    assert len(whole) == film.size
    opened = []

    def samples(shot):
        opened.append(shot.piece)
        return bytes(shot.size)

    third = len(film.head) + film.shots[0].size + film.shots[1].size
    assert len(b"".join(film.read(third + 5, third + 9, samples))) == 4
    assert opened == [pieces[2]]
    assert b"".join(film.read(10, 20, samples)) == film.head[10:20]
    assert opened == [pieces[2]]


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parts_of_a_film_are_the_same_bytes_as_the_whole(tmp_path, bench, recordings, data):
    film = recordings.kept("film") or recordings.film("film", pieces_at(tmp_path, bench, 0, 2000, 9000))
    whole = b"".join(recordings.read(film, 0, film.size))
    start = data.draw(st.integers(0, film.size - 1))
    stop = data.draw(st.integers(start + 1, film.size))
    assert b"".join(recordings.read(film, start, stop)) == whole[start:stop]


def test_a_film_is_laid_out_once_and_again_when_more_has_come(tmp_path, bench, recordings):
    pieces = pieces_at(tmp_path, bench, 0, 2000)
    name, more = name_of_film("session-1", pieces[:1]), name_of_film("session-1", pieces)
    first = recordings.film(name, pieces[:1])
    assert recordings.film(name, pieces[:1]) is first is recordings.kept(name)
    assert recordings.film(more, pieces).key != first.key


def test_a_shelf_forgets_the_longest_unused():
    shelf: Shelf[bytes] = Shelf(3, len)
    for key in "ab":
        shelf.put(key, b"x")
    assert shelf.get("a") == b"x"
    shelf.put("c", b"xx")
    assert (shelf.get("a"), shelf.get("b"), shelf.get("c")) == (b"x", None, b"xx")
    shelf.put("d", b"more than all")
    assert shelf.get("d") == b"more than all"
    assert shelf.get("a") is shelf.get("c") is None


def test_a_segment_that_is_being_opened_keeps_no_other_reader_waiting(tmp_path, bench, recordings):
    pieces = pieces_at(tmp_path, bench, 0, 2000)
    film = recordings.film("film", pieces)
    slow, go_on = threading.Event(), threading.Event()
    samples = recordings._samples

    def held_up(shot):
        if shot.piece == pieces[0]:
            slow.set()
            assert go_on.wait(20)
        return samples(shot)

    recordings._samples = held_up
    reader = threading.Thread(target=lambda: list(recordings.read(film, 0, film.size)), daemon=True)
    reader.start()
    assert slow.wait(20)
    last = b"".join(recordings.read(film, film.size - 10, film.size))
    go_on.set()
    reader.join(20)
    assert len(last) == 10


def test_nothing_that_was_opened_lies_in_a_folder(tmp_path, bench, keyring, recordings):
    pieces = sealed(pieces_at(tmp_path / "..", bench, 0), keyring)
    listed = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert b"moov" in shown_in(recordings, pieces)
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - listed
    assert [path for path in new if b"avcC" in path.read_bytes() and "review.db" not in path.name] == []


def test_a_server_without_room_for_outlines_plays_all_the_same(tmp_path, bench, recordings, server, monkeypatch):
    def full():
        raise OperationalError("insert", {}, Exception("database or disk is full"))

    monkeypatch.setattr(server.store, "write", full)
    assert b"moov" in shown_in(recordings, pieces_at(tmp_path, bench, 0))


@pytest.fixture
def stored(server, bench, tmp_path):
    desk, pieces = bench.whole(tmp_path)
    for data in pieces:
        server.put(data)
    server.ingest.take(desk.facts())
    return server


ADDRESS = "/sessions/session-1/recording.mp4"


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("bytes=0-", 206, "bytes 0-{last}/{size}"),
        ("bytes=5-5", 206, "bytes 5-5/{size}"),
        ("bytes=-7", 206, "bytes {seventh}-{last}/{size}"),
        ("bytes=7-99999999", 206, "bytes 7-{last}/{size}"),
        ("bytes={size}-", 416, "bytes */{size}"),
        ("bytes=0-1,4-5", 200, None),
        ("pages=1-2", 200, None),
        ("nonsense", 200, None),
    ],
)
def test_each_way_of_asking_for_a_part_is_answered_as_the_standard_says(stored, asked, status, said):
    browser = stored.staff()
    whole = browser.get(ADDRESS).data
    numbers = {"size": len(whole), "last": len(whole) - 1, "seventh": len(whole) - 7}
    answer = browser.get(ADDRESS, headers={"Range": asked.format(**numbers)})
    assert answer.status_code == status
    assert answer.headers.get("Content-Range") == (said and said.format(**numbers))
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    head = browser.head(ADDRESS, headers={"Range": asked.format(**numbers)})
    assert (head.status_code, head.data) == (status, b"")
    assert head.headers["Content-Length"] == answer.headers["Content-Length"]


def test_a_part_is_given_only_of_the_bytes_that_the_browser_knows(stored):
    browser = stored.staff()
    tag = browser.head(ADDRESS).headers["ETag"]
    ask = {"Range": "bytes=0-9"}
    assert browser.get(ADDRESS, headers=ask | {"If-Range": tag}).status_code == 206
    assert browser.get(ADDRESS, headers=ask | {"If-Range": '"another"'}).status_code == 200
    assert browser.get(ADDRESS, headers=ask | {"If-Range": "Mon, 23 Nov 2026 03:00:00 GMT"}).status_code == 200
    assert browser.get(ADDRESS, headers={"If-None-Match": tag}).status_code == 304


def test_all_from_here_on_is_given_in_parts_that_hold_no_thread_for_long(stored, monkeypatch):
    monkeypatch.setattr(ranges, "LONGEST", 1000)
    browser = stored.staff()
    whole = browser.get(ADDRESS).data
    got, size = b"", len(whole)
    while len(got) < size:
        answer = browser.get(ADDRESS, headers={"Range": f"bytes={len(got)}-"})
        assert 0 < len(answer.data) <= 1000
        got += answer.data
    assert got == whole


def test_a_player_goes_on_with_the_film_that_it_began_when_more_has_arrived(server, bench, tmp_path):
    desk, pieces = bench.whole(tmp_path)
    server.ingest.take(desk.facts())
    server.put(pieces[0])
    browser = server.staff()
    address = source_of(browser.get("/sessions/session-1").text)
    before = browser.get(address)
    server.put(pieces[1])
    assert browser.head(address).headers["ETag"] == before.headers["ETag"]
    later = source_of(browser.get("/sessions/session-1").text)
    assert later != address
    assert browser.head(later).content_length > before.content_length


def source_of(page: str) -> str:
    return html.unescape(re.search(r'src="([^"]+recording\.mp4[^"]*)"', page)[1])


def test_each_camera_has_a_recording_of_its_own(server, bench, tmp_path):
    desk, pieces = bench.whole(tmp_path)
    side = bench.video(tmp_path / "side.mp4", shade=3, size=(160, 90))
    fact = bench.segment(side, 0, 0)
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(bench.segment(pieces[0], 0, 0), 2000)
    desk.write(msgspec.structs.replace(fact, segment=msgspec.structs.replace(fact.segment, camera="side")), 2000)
    server.ingest.take(desk.facts())
    server.put(pieces[0])
    server.put(side)
    browser = server.staff()
    assert width_of(browser.get(ADDRESS).data) == width_of(browser.get(f"{ADDRESS}?camera=front").data) == 320
    assert width_of(browser.get(f"{ADDRESS}?camera=side").data) == 160
    refused = browser.get(f"{ADDRESS}?camera=roof")
    assert refused.status_code == 404
    assert "There is: front, side." in refused.text
    assert '<label for="camera">' in browser.get("/sessions/session-1").text


def width_of(film: bytes) -> int:
    with av.open(io.BytesIO(film)) as opened:
        return opened.streams.video[0].width


def clip_of(stored, query: str, flag: str = "several_faces:5200"):
    return stored.staff().get(f"/sessions/session-1/flags/{flag}/clip.mp4{query}")


def test_a_flag_is_cut_outward_at_whole_segments_and_named(stored):
    answer = clip_of(stored, "?before=0.5&after=1")
    assert answer.status_code == 200
    assert answer.mimetype == "video/mp4"
    assert "filename=session-1_several_faces_0h00m05s.mp4" in answer.headers["Content-Disposition"]
    with av.open(io.BytesIO(answer.data)) as film:
        shown = [frame.time for frame in film.decode(video=0)]
    # The flag lasts from 5.2 to 7.8 s; the segments that touch 4.7 to 8.8 s begin at 4 and at 8 s.
    assert len(shown) == 60
    assert shown[0] == 0
    assert shown[30] == pytest.approx(4.0, abs=0.001)


def test_a_clip_without_a_length_has_five_seconds_on_both_sides(stored):
    assert clip_of(stored, "").data == clip_of(stored, "?before=5&after=5").data


@pytest.mark.parametrize("query", ["?before=-1", "?after=61", "?before=nan", "?after=soon", "?before=", "?after=inf"])
def test_a_clip_of_a_length_that_makes_no_sense_is_refused_with_what_to_give(stored, query):
    answer = clip_of(stored, query)
    assert answer.status_code == 400
    assert "Give seconds from 0 to 60." in answer.text


def test_a_clip_of_a_flag_that_is_not_there_or_was_not_recorded_says_so(stored, bench):
    assert "no such flag" in clip_of(stored, "", "several_faces:1").text
    nothing = stored.staff().get("/sessions/session-1/clip.mp4?from=600&to=601")
    assert nothing.status_code == 404
    assert "Nothing of this moment was recorded" in nothing.text


def test_an_incident_is_saved_by_its_times(stored):
    browser = stored.staff()
    address = "/sessions/session-1/clip.mp4"
    assert browser.get(f"{address}?from=5.2&to=7.8").data == clip_of(stored, "").data
    for query, said in (("?from=3&to=1", "lies before"), ("?from=3", "Give seconds"), ("", "Give seconds")):
        refused = browser.get(address + query)
        assert refused.status_code == 400
        assert said in html.unescape(refused.text)


def test_captions_tell_what_is_flagged_and_what_was_not_recorded(stored):
    answer = stored.staff().get("/sessions/session-1/captions.vtt")
    assert answer.mimetype == "text/vtt"
    assert answer.text.startswith("WEBVTT\n\n")
    assert "00:00:05.200 --> 00:00:07.800\nMore than one face (flagged)\n" in answer.text
    assert "00:00:02.000 --> 00:00:03.500\nPicture too dark (technical problem)\n" in answer.text
    hole = "00:00:06.000 --> 00:00:08.000\nNo recording: killed by signal 9. The picture stands still.\n"
    assert hole in answer.text


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


def test_a_session_that_is_sealed_to_keys_of_others_is_said_so_on_its_page(server, bench):
    own, other = server.keyring.recipients()[0], str(pyrage.x25519.Identity.generate().to_public())
    for name, recipients in (("mine", (other, own)), ("away", (other,))):
        desk = bench.Desk(session=name)
        desk.write(msgspec.structs.replace(bench.opened(), recipients=recipients))
        server.ingest.take(desk.facts())
    said = "This recording cannot be opened here."
    assert said in server.staff().get("/sessions/away").text
    assert said not in server.staff().get("/sessions/mine").text
    assert server.shown("away")["recipients"] == [other]


def deleted_files() -> list[str]:
    """What this process holds open and no folder lists: where a web server puts what it cannot get rid of."""
    named = (str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    return [name for name in named if name.endswith(" (deleted)") and "memfd" not in name]


def test_what_a_slow_reader_has_not_taken_yet_never_goes_to_a_file():
    app = Flask("slow")
    app.add_url_rule("/", "film", lambda: Response((bytes(1 << 18) for _ in range(400)), mimetype="video/mp4"))
    before, face = deleted_files(), Face(app, "127.0.0.1", 0)
    threading.Thread(target=face.run, daemon=True).start()
    with socket.create_connection(("127.0.0.1", face.port), timeout=20) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert slow.recv(15) == b"HTTP/1.1 200 OK"
        channel = next(iter(face._server.active_channels.values()))
        deadline = time.monotonic() + 20
        while channel.total_outbufs_len < WAITING_BYTES:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert deleted_files() == before
    face.close()
