"""The recording in the players of two real browsers: Chromium, and Firefox as Debian ships it."""

from __future__ import annotations

import shutil
import threading
import time

import flask
import pyrage
import pytest

from proctoring.fact import FlagRaised
from proctoring.flag import FlagKind
from review_server import ranges
from tests.review_server.marionette import Firefox
from web.serve import Face

pytestmark = pytest.mark.browser

PATIENCE_S = 30
SHADES = 5
SEGMENTS = 1800
"""An hour."""
HOLE = range(600, 660)
"""Segments that were never recorded: from 20:00 to 22:00."""

SHADE = """
  const canvas = document.createElement("canvas");
  canvas.width = 32; canvas.height = 18;
  const pen = canvas.getContext("2d");
  pen.drawImage(document.querySelector("video"), 0, 0, 32, 18);
  const seen = [...pen.getImageData(0, 0, 32, 18).data].filter((_, place) => place % 4 === 0).sort((a, b) => a - b);
  return seen[seen.length >> 1];
"""
"""The grey of most of the picture: each test segment is of one grey, and a white bar moves over it."""


class Chromium:
    """The same two commands as Firefox has here."""

    def __init__(self, page) -> None:
        self._page = page

    def go(self, address: str) -> None:
        self._page.goto(address)

    def run(self, script: str) -> object:
        return self._page.evaluate(f"() => {{ {script} }}")


@pytest.fixture(params=["chromium", "firefox"])
def browser(request, tmp_path):
    if request.param == "firefox":
        program = shutil.which("firefox-esr") or shutil.which("firefox")
        if not program:
            pytest.skip("no Firefox on this machine")
        folder = tmp_path / "profile"
        folder.mkdir()
        firefox = Firefox(program, folder)
        yield firefox
        firefox.close()
        return
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=request.getfixturevalue("chromium"),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield Chromium(chromium.new_page())
        chromium.close()


@pytest.fixture
def site(server, bench, tmp_path):
    """An hour of which two minutes are missing, of sealed segments in five shades, served on a free port."""
    server.asked = []

    @server.app.after_request
    def note(response):
        if response.mimetype == "video/mp4" and flask.request.headers.get("Sec-Fetch-Dest"):
            server.asked.append((response.status_code, response.content_length))
        return response

    sealed = [seal(server, bench.video(tmp_path / f"{n}.mp4", shade=n)) for n in range(SHADES)]
    desk = bench.Desk()
    desk.write(bench.opened())
    desk.write(FlagRaised(flag=bench.flag(FlagKind.SEVERAL_FACES, 1_500_000, 1_504_000)), 1_500_300)
    for number in range(SEGMENTS):
        if number not in HOLE:
            desk.write(bench.segment(sealed[number % SHADES], number, number * 2000), number * 2000 + 2000)
    for after in range(0, len(desk.lines), 1000):
        server.ingest.take(desk.facts(after))
    for data in sealed:
        server.put(data)
    mixed_session(server, bench, tmp_path)
    face = Face(server.app, "127.0.0.1", 0)
    threading.Thread(target=face.run, daemon=True).start()
    server.url = f"http://127.0.0.1:{face.port}"
    yield server
    face.close()


def seal(server, video: bytes) -> bytes:
    recipients = [pyrage.x25519.Recipient.from_str(one) for one in server.keyring.recipients()]
    return pyrage.encrypt(video, recipients)


def mixed_session(server, bench, folder) -> None:
    """Another session: its encoder changed at 2 s, nothing was recorded from 4 to 6 s, and then there is sound."""
    made = (
        bench.video(folder / "large.mp4", shade=1),
        bench.video(folder / "small.mp4", size=(160, 90), shade=2),
        bench.spoken(folder / "spoken.mp4", shade=3),
        bench.spoken(folder / "more.mp4", shade=4),
    )
    desk = bench.Desk(session="session-2")
    desk.write(bench.opened("Jonas Lind"))
    for number, (video, at) in enumerate(zip(made, (0, 2000, 6000, 8000), strict=True)):
        sealed = seal(server, video)
        desk.write(bench.segment(sealed, number, at), at + 2000)
        server.put(sealed)
    server.ingest.take(desk.facts())


@pytest.fixture
def watched(site, browser, bench):
    """The session's page, its recording ready to be played."""
    browser.go(f"{site.url}/sign-in?key={bench.KEY}")
    browser.go(f"{site.url}/sessions/session-1")
    until(browser, "video.readyState >= 1 || video.error")
    assert browser.run("return document.querySelector('video').error?.message") is None
    return browser


def until(browser, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not browser.run(f"const video = document.querySelector('video'); return Boolean({what});"):
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.05)


def seek(browser, seconds: float) -> None:
    browser.run(f"document.querySelector('video').currentTime = {seconds};")
    until(browser, "!video.seeking && video.readyState >= 2")


def shows(browser, segment: int) -> None:
    """Once the picture after a jump is painted, it is of this segment."""
    grey, deadline = segment % SHADES * 40 % 200, time.monotonic() + PATIENCE_S
    while (seen := browser.run(SHADE)) != pytest.approx(grey, abs=6):
        assert time.monotonic() < deadline, f"shows {seen}, not {grey}"
        time.sleep(0.05)


def test_the_length_is_right_and_a_jump_shows_the_picture_of_that_moment(watched, site):
    assert watched.run("return document.querySelector('video').duration") == pytest.approx(3600, abs=0.5)
    assert watched.run("return document.querySelector('video').videoWidth") == 320
    for at in (2880.5, 33.0, 1500.5):
        seek(watched, at)
        assert watched.run("return document.querySelector('video').currentTime") == pytest.approx(at, abs=0.1)
        shows(watched, int(at) // 2)
    # 304 tells the browser that the part which it keeps is still good.
    assert {status for status, _ in site.asked} - {304} == {206}


def test_a_jump_fetches_only_a_little_of_the_recording(watched, site):
    size = site.staff().head("/sessions/session-1/recording.mp4").content_length
    seek(watched, 2880.5)
    watched.run("document.querySelector('video').pause();")
    assert sum(length for _, length in site.asked) < size
    assert max(length for _, length in site.asked) <= ranges.LONGEST


def test_through_a_hole_the_picture_stands_and_the_clock_goes_on(watched):
    seek(watched, 1260.0)
    shows(watched, 599)
    until(watched, "document.getElementById('now').textContent.includes('No recording')")
    seek(watched, 1321.0)
    shows(watched, 660)


def test_it_plays_on_over_the_seams_and_tells_what_is_flagged(watched):
    seek(watched, 1497.0)
    watched.run("const video = document.querySelector('video'); video.muted = true; video.play();")
    until(watched, "video.currentTime > 1500.2")
    until(watched, "document.getElementById('now').textContent.startsWith('Now: More than one face')")
    assert watched.run("return document.querySelector('video').error?.message") is None


def test_a_clip_of_a_flag_plays_by_itself(watched, site):
    watched.go(f"{site.url}/sessions/session-1/flags/several_faces:1500000/clip.mp4?before=3&after=3")
    until(watched, "video && video.readyState >= 2")
    # 1,497 to 1,507 s touch the segments from 1,496 to 1,508 s.
    assert watched.run("return document.querySelector('video').duration") == pytest.approx(12, abs=0.5)
    seek(watched, 4.5)
    shows(watched, 750)


def test_a_change_of_the_encoder_and_sound_that_comes_late_play(watched, site):
    watched.go(f"{site.url}/sessions/session-2")
    until(watched, "video.readyState >= 1 || video.error")
    for at, segment, width in ((3.0, 2, 160), (1.0, 1, 320), (8.5, 4, 320), (3.5, 2, 160), (7.0, 3, 320)):
        seek(watched, at)
        shows(watched, segment)
        assert watched.run("return document.querySelector('video').videoWidth") == width
    seek(watched, 0.2)
    watched.run("const video = document.querySelector('video'); video.playbackRate = 2; video.play();")
    until(watched, "video.ended || video.error")
    assert watched.run("return document.querySelector('video').error?.message") is None
    assert watched.run("return document.querySelector('video').currentTime") == pytest.approx(10, abs=0.3)


def test_a_segment_that_is_found_spoilt_is_left_out_said_so_and_the_rest_plays(watched, site):
    third = site.shown("session-2")["segments"]["stored"][2]
    path = site.files.path(third)
    path.write_bytes(path.read_bytes()[:-1])
    watched.go(f"{site.url}/sessions/session-2")
    until(watched, "document.getElementById('left-out').textContent.startsWith('1 piece(s) cannot be shown')")
    until(watched, "video.readyState >= 1 && !video.error")
    seek(watched, 8.5)
    shows(watched, 4)
