"""A session that two cameras filmed: which recording is shown first, and what is told of each."""

from __future__ import annotations

import html
import io
import re

import av
import msgspec
import pytest

from proctoring import ledger
from proctoring.fact import CameraEnded, EncoderChosen, Gap, Part
from review_server.timeline import draw

PAGE = "/sessions/session-1"


@pytest.fixture
def two(server, bench, tmp_path):
    """A server that has all of such a session."""
    desk, pieces = bench.two_cameras(tmp_path)
    server.ingest.take(desk.facts())
    for data in pieces:
        server.put(data)
    return server


def drawn(desk):
    return draw(ledger.verify(desk.desk, desk.session, desk.lines)[0])


def width_of(film: bytes) -> int:
    with av.open(io.BytesIO(film)) as opened:
        return opened.streams.video[0].width


def test_the_camera_that_faces_the_candidate_comes_first_though_the_other_one_was_stored_first(two):
    browser = two.staff()
    assert width_of(browser.get(f"{PAGE}/recording.mp4").data) == 320
    assert width_of(browser.get(f"{PAGE}/recording.mp4?camera=side").data) == 160
    page = browser.get(PAGE).text
    assert re.findall(r'<option [^>]*data-name="([^"]*)"', page) == ["front", "side"]


def test_the_page_says_that_nothing_is_flagged_from_the_second_camera(two):
    text = html.unescape(two.staff().get(PAGE).text)
    assert "No detector looks at the pictures of “side”, the second camera." in text
    assert "side (second camera)" in text


def test_each_recording_tells_of_its_own_holes(two):
    browser = two.staff()
    front, side = (browser.get(f"{PAGE}/captions.vtt?camera={name}").text for name in ("front", "side"))
    assert "No recording" not in front
    assert "00:00:02.000 --> 00:00:04.000\nNo recording: the camera is unplugged." in side
    assert "More than one face" in front and "More than one face" in side


def test_a_hole_is_not_put_down_to_the_other_camera(server, bench, tmp_path):
    desk, pieces = bench.two_cameras(tmp_path)
    other = bench.Desk()
    for line in desk.lines:
        entry = ledger.read(line)
        fact = entry.fact
        if isinstance(fact, Gap):
            fact = msgspec.structs.replace(fact, part=Part.CAPTURE)
        other.write(fact, entry.at_ms)
    server.ingest.take(other.facts())
    for data in pieces:
        server.put(data)
    side = server.staff().get(f"{PAGE}/captions.vtt?camera=side").text
    assert "No recording: this piece is not here." in side


def test_each_camera_has_its_own_lane(bench, tmp_path):
    desk, _ = bench.two_cameras(tmp_path)
    lanes = {lane.name: [(one.started_ms, one.ended_ms) for one in lane.spans] for lane in drawn(desk).lanes}
    assert lanes["Recording: front"] == [(0, 6000)]
    assert lanes["Recording: side"] == [(0, 2000), (4000, 6000)]
    assert "Recording" not in lanes


def test_what_the_second_camera_did_is_told_in_its_name(bench, tmp_path):
    desk, _ = bench.two_cameras(tmp_path)
    desk.write(EncoderChosen(encoder="libx264", reason="so", part=Part.CAPTURE_SECOND), 6000)
    desk.write(CameraEnded(reason="unplugged", part=Part.CAPTURE_SECOND), 6000)
    line = drawn(desk)
    notes = [note.text for note in line.notes]
    assert "The desk's part capture of the second camera went silent." in notes
    assert "The second camera's recording is made with libx264: so" in notes
    assert "The second camera gave no more pictures: unplugged" in notes
    (gaps,) = [lane.spans for lane in line.lanes if lane.name == "Gaps"]
    assert gaps[0].label == "capture of the second camera: the camera is unplugged"


def test_a_clip_is_of_the_camera_that_is_asked_for_and_its_name_says_so(two):
    clip = two.staff().get(f"{PAGE}/clip.mp4?from=0&to=1&camera=side")
    assert width_of(clip.data) == 160
    assert "session-1_side_clip_0h00m00s.mp4" in clip.headers["Content-Disposition"]


def test_a_ledger_from_before_second_cameras_shows_the_one_that_filmed_first(server, bench, tmp_path):
    data = bench.video(tmp_path / "v.mp4")
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(bench.segment(data, 1, 0), 2000)
    assert b"second_camera" not in desk.lines[0].text.encode()
    server.ingest.take(desk.facts())
    server.put(data)
    page = server.staff().get(PAGE).text
    assert "No detector looks" not in page
    assert 'id="camera"' not in page
    assert [lane.name for lane in drawn(desk).lanes] == ["Recording"]
