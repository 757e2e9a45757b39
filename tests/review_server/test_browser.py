from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from web.serve import Face

pytestmark = pytest.mark.browser

PATIENCE_S = 20


@pytest.fixture
def site(server, bench, tmp_path):
    """A server with one whole session and one that is still arriving, served on a free port."""
    desk, pieces = bench.whole(tmp_path)
    for data in pieces:
        server.put(data)
    server.ingest.take(desk.facts())
    other = bench.Desk(session="session-2")
    other.write(bench.opened("Jonas Lind"))
    server.ingest.take(other.facts())
    face = Face(server.app, "127.0.0.1", 0)
    thread = threading.Thread(target=face.run, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{face.port}"
    yield server
    face.close()


@pytest.fixture
def page(site, bench, chromium):
    """A reviewer's browser, signed in; errors of the pages fail the test."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(f"{site.url}/sign-in?key={bench.KEY}")
        yield page
        browser.close()
    assert errors == []


def picture(page, name: str, full: bool = False) -> None:
    """Keeps a picture for a person to look at, where a folder for it is named."""
    folder = os.environ.get("DESKPROCTOR_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"review-{name}.png", full_page=full)


def until(page, what: str) -> None:
    """Looks again until `what` holds of the video. The page's own policy forbids the driver's ready-made way."""
    deadline = time.monotonic() + PATIENCE_S
    while not page.locator("video").evaluate(f"video => {what}"):
        assert time.monotonic() < deadline, f"never came true: {what}"
        page.wait_for_timeout(50)


def plays_beyond(page, seconds: float) -> None:
    until(page, f"!video.paused && video.currentTime > {seconds}")


def open_session(page) -> None:
    page.get_by_role("link", name="Amara Okafor").click()
    until(page, "video.readyState >= 2")


def test_the_video_plays_and_the_moments_of_the_flags_are_found(page):
    picture(page, "list")
    open_session(page)
    assert page.evaluate("document.querySelector('video').duration") == pytest.approx(12, abs=0.1)
    picture(page, "session")
    page.locator("video").evaluate("video => video.play()")
    plays_beyond(page, 0.5)
    page.get_by_role("button", name="Play this moment of More than one face").click()
    plays_beyond(page, 3.3)
    assert page.evaluate("document.querySelector('video').currentTime") < 6
    picture(page, "playing", full=True)


def test_the_timeline_works_by_keyboard_and_stays_in_its_place(page):
    open_session(page)
    phone = page.get_by_role("button", name="Play Perhaps an object that is not allowed: cell phone")
    phone.focus()
    page.keyboard.press("Enter")
    plays_beyond(page, 7.1)
    page.locator("video").evaluate("video => video.pause()")
    track = page.locator(".track.flag").last.bounding_box()
    box = phone.bounding_box()
    assert (box["x"] - track["x"]) / track["width"] == pytest.approx(9 / 12, abs=0.01)
    assert box["x"] + box["width"] <= track["x"] + track["width"] + 1
    assert box["width"] >= 24


def test_the_player_works_by_keyboard_alone(page):
    open_session(page)
    page.locator("video").focus()
    for key, where in (("ArrowRight", "== 5"), ("ArrowRight", "== 10"), ("ArrowLeft", "== 5")):
        page.keyboard.press(key)
        until(page, f"video.currentTime {where}")
    page.keyboard.press("n")
    plays_beyond(page, 7.1)
    page.keyboard.press("Space")
    until(page, "video.paused")
    page.keyboard.press("p")
    plays_beyond(page, 3.3)
    page.keyboard.press(">")
    until(page, "video.playbackRate == 2")
    page.locator("#reason").focus()
    page.keyboard.type("n p <")
    assert page.locator("#reason").input_value() == "n p <"
    until(page, "video.playbackRate == 2")


def test_what_is_flagged_and_what_is_missing_is_said_below_the_picture(page):
    open_session(page)
    page.get_by_text("Nothing is flagged at this time.").wait_for()
    page.locator("video").evaluate("video => { video.currentTime = 7; }")
    page.get_by_text("Now: More than one face (flagged); No recording: killed by signal 9.").wait_for()
    assert page.locator("#now").get_attribute("role") == "status"
    picture(page, "hole")


def test_a_flag_is_saved_as_a_clip_with_a_name_that_says_what_it_is(page):
    open_session(page)
    page.get_by_label("Saved clips have").select_option("2")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Save as a clip More than one face").click()
    assert waiting.value.suggested_filename == "session-1_several_faces_0h00m05s.mp4"
    assert "before=2&after=2" in waiting.value.url
    assert b"moov" in waiting.value.path().read_bytes()


def test_a_moment_is_watched_by_both_cameras_with_the_keyboard_alone(page, site, bench, tmp_path):
    desk, pieces = bench.two_cameras(tmp_path, "session-4")
    for data in pieces:
        site.put(data)
    site.ingest.take(desk.facts())
    page.reload()
    page.get_by_role("link", name="Two Cameras").click()
    until(page, "video.readyState >= 2 && video.videoWidth == 320")
    page.get_by_role("button", name="Play this moment of More than one face").click()
    plays_beyond(page, 1.1)
    page.locator("video").evaluate("video => video.pause()")
    at_s = page.locator("video").evaluate("video => video.currentTime")
    page.locator("video").focus()
    page.keyboard.press("c")
    until(page, f"video.videoWidth == 160 && Math.abs(video.currentTime - {at_s}) < 0.01 && video.paused")
    assert page.locator("#playing").inner_text() == "Camera side"
    assert page.locator("video").get_attribute("aria-label") == "Recording of this session, camera side"
    page.get_by_label("Camera", exact=True).focus()
    picture(page, "second-camera", full=True)
    page.locator("video").evaluate("video => { video.currentTime = 3.5; }")
    page.get_by_text("Now: No recording: the camera is unplugged. The picture stands still.").wait_for()
    page.get_by_role("button", name="Play this moment of More than one face").click()
    plays_beyond(page, 1.1)
    assert page.locator("video").evaluate("video => video.videoWidth") == 160, "it stays with the chosen camera"
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Save as a clip More than one face").click()
    assert waiting.value.suggested_filename == "session-4_side_several_faces_0h00m03s.mp4"
    page.get_by_label("Camera", exact=True).select_option("front")
    until(page, "video.videoWidth == 320")
    page.get_by_text("Now: More than one face (flagged)", exact=True).wait_for()


def test_a_decision_is_written_saved_and_shown(page):
    open_session(page)
    page.get_by_label("Second look").check()
    page.get_by_label("Reason").fill("Is that a mirror behind the candidate?")
    page.get_by_role("button", name="Save the decision").click()
    page.get_by_text("This decision holds.").wait_for()
    page.get_by_label("Approve").check()
    page.get_by_label("Reason").fill("It is a mirror. Alone throughout.")
    page.get_by_role("button", name="Save the decision").click()
    page.get_by_text("Superseded").wait_for()
    assert page.locator(".decision.holds").inner_text().count("It is a mirror.") == 1
    picture(page, "decided", full=True)
    page.get_by_role("link", name="Sessions").click()
    assert page.locator("tr", has_text="Amara Okafor").locator(".tag").last.inner_text() == "approved"


def test_a_decision_without_a_reason_is_not_sent(page):
    open_session(page)
    page.get_by_label("Decline").check()
    page.get_by_role("button", name="Save the decision").click()
    assert page.evaluate("document.querySelector('#reason').validity.valueMissing")


def test_a_list_says_that_there_is_something_new_and_moves_nothing(page, site, bench):
    page.clock.install()
    page.reload()
    with page.expect_response("**/sessions.json"):
        page.wait_for_load_state()
    desk = bench.Desk(session="session-3")
    desk.write(bench.opened("Mei Li"))
    site.ingest.take(desk.facts())
    notice = page.get_by_text("There is something new.")
    page.clock.run_for(6000)
    notice.wait_for()
    assert page.get_by_text("Mei Li").count() == 0
    page.get_by_role("link", name="Show it").click()
    page.get_by_text("Mei Li").wait_for()


def test_a_session_that_is_still_arriving_has_a_page(page):
    page.get_by_role("link", name="Jonas Lind").click()
    page.get_by_text("No recording of this session has arrived yet.").wait_for()
    picture(page, "arriving")
