"""Three people at three real browser pages: a candidate takes the exam, an invigilator sees the alert as it happens,
a reviewer plays the moment and decides. Nothing is simulated but the camera, which is a clip of real faces.
"""

import os
import threading
import time
from pathlib import Path

import pytest

from appliance.runtime.custody_link import CustodyLink
from deskproctor.candidate import Candidate, Who
from deskproctor.candidate_browser import BrowserScreen
from deskproctor.demo import lines_of, newest
from deskproctor.site import DESK, Ports, Site
from proctoring import fact as f
from proctoring import ledger
from proctoring.session import State

pytestmark = [pytest.mark.journey, pytest.mark.browser, pytest.mark.timeout(300)]

ALERT_MS = 2000
"""The promise: an alert is on the invigilator's page within two seconds of the frame that raised it."""

NOTE_ALERTS = """() => {
  window.shownAt = {};
  new MutationObserver(() => {
    const items = document.querySelectorAll("#alerts [data-alert]");
    for (const item of items) window.shownAt[item.dataset.alert] ??= Date.now();
  }).observe(document.getElementById("alerts"), { childList: true, subtree: true });
}"""


class Sitting(threading.Thread):
    """The candidate, at a browser of their own."""

    def __init__(self, site, custody, chromium):
        super().__init__(daemon=True)
        self.site, self.custody, self.chromium = site, custody, chromium
        self.sat = self.error = None

    def run(self):
        try:
            with BrowserScreen(Path(self.chromium)) as screen:
                candidate = Candidate(screen, Who(code="AMARA1"))
                self.sat = candidate.sit(self.site.kiosk_url, until=lambda: newest(self.custody).camera_ended)
        except Exception as error:  # handed to the test, which fails with it
            self.error = error


def until(done, what, limit_s=90):
    end = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < end, f"waited {limit_s} s for {what} in vain"
        time.sleep(0.1)


def picture(page, name):
    """Keeps a picture of the page where a folder for it is named."""
    if folder := os.environ.get("DESKPROCTOR_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def raised_utc_ms(entries):
    """Flag id to the wall time of the frame that raised it."""
    return {
        entry.fact.flag.id: entry.at_utc_ms - (entry.at_ms - entry.fact.flag.raised_ms)
        for entry in entries
        if isinstance(entry.fact, f.FlagRaised)
    }


def test_an_exam_is_taken_watched_and_decided(tmp_path, demo_clip, chromium):
    from playwright.sync_api import sync_playwright

    camera = {"source": "video", "video": str(demo_clip), "loop": False}
    with sync_playwright() as driver, Site(tmp_path, camera, Ports(), print) as site:
        custody = CustodyLink(site.desk)
        until(lambda: newest(custody).prepared, "the desk's preparation")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        console = browser.new_page(viewport={"width": 1280, "height": 800})
        console.goto(site.sign_in_url("console"))
        console.evaluate(NOTE_ALERTS)

        sitting = Sitting(site, custody, chromium)
        sitting.start()
        alert = console.locator('#alerts [data-alert^="several_faces"]')
        alert.wait_for(timeout=60_000)
        assert "More than one face" in alert.inner_text()
        assert alert.locator("img").get_attribute("src").startswith("data:image/jpeg")
        picture(console, "console")
        second_look = browser.new_page(viewport={"width": 1280, "height": 800})
        second_look.goto(site.kiosk_url)
        assert "Time left" in second_look.inner_text("body")
        picture(second_look, "kiosk")
        second_look.close()

        sitting.join(120)
        assert sitting.error is None and sitting.sat is not None
        assert len(sitting.sat.answers) >= 6
        shown_at = console.evaluate("() => window.shownAt")
        session = sitting.sat.session
        until(lambda: newest(custody).state is State.SEALED, "the seal")
        entries, _ = ledger.verify(DESK, session, lines_of(custody, session))
        raised = raised_utc_ms(entries)
        assert raised and raised.keys() <= shown_at.keys()
        assert {id_: shown_at[id_] - at for id_, at in raised.items() if shown_at[id_] - at > ALERT_MS} == {}
        answered = {e.fact.question: e.fact.value for e in entries if isinstance(e.fact, f.Answered)}
        assert answered.keys() == sitting.sat.answers.keys()

        review(browser, site, session)
        browser.close()


def review(browser, site, session):
    """The reviewer plays the moment of a flag and approves; the decision is stored and shown."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(site.sign_in_url("server"))
    until(lambda: state(page, site, session)["state"] == "complete", "the server to have it all")
    page.goto(f"{site.server_url}/sessions/{session}")
    assert "Amara" in page.inner_text("main")
    page.get_by_role("button", name="Play").first.click()
    position = lambda: page.evaluate("() => document.getElementById('recording').currentTime")  # noqa: E731
    until(lambda: position() > 0, "the video to be played")
    before = position()
    until(lambda: position() > before + 0.5, "the video to advance")
    picture(page, "review")
    page.get_by_label("Approve").check()
    page.get_by_label("Reason").fill("The second face is a poster on the wall.")
    page.get_by_role("button", name="Save the decision").click()
    page.get_by_text("This decision holds").wait_for()
    assert "poster on the wall" in page.inner_text("main")
    stored = state(page, site, session)
    assert stored["state"] == "approved"
    assert stored["decision"]["reason"] == "The second face is a poster on the wall."


def state(page, site, session):
    return page.request.get(f"{site.server_url}/sessions/{session}.json").json()
