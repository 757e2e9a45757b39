"""The console's page in a real browser."""

import pytest
from playwright.sync_api import expect, sync_playwright

from invigilation.events import Stream
from proctoring.check_in import Photo, PhotoQuality
from proctoring.fact import CallPressed, CheckInPhoto, DiskTrouble
from proctoring.flag import FlagKind
from proctoring.session import Move, State
from proctoring.wire import OrderOutcome

pytestmark = pytest.mark.browser
SOON_MS = 15_000
ALERT_MS = 2_000
"""An alert shows within two seconds."""


@pytest.fixture
def page(site, served, chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        complaints = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.complaints = complaints
        page.set_default_timeout(SOON_MS)
        page.goto(f"{served}/sign-in?key={site.settings.staff_key}")
        expect(page.locator("#page-link")).to_contain_text("Live", timeout=SOON_MS)
        yield page
        browser.close()


@pytest.fixture
def desk(site):
    desk = site.desk()
    site.tell(desk.presence())
    site.tell(desk.facts(*desk.running()))
    return desk


def card(page, name="desk-1"):
    return page.locator(f'.desk[data-desk="{name}"]')


def test_the_check_in_photo_is_shown_where_orders_are_given_and_beside_a_different_person(site, page):
    desk = site.desk()
    jpeg = desk.raised().thumbnail
    quality = PhotoQuality(score=0.9, eyes_px=60.0, light=120.0, contrast=40.0, detail=0.5)
    site.tell(desk.presence())
    site.tell(desk.facts(*desk.running(), CheckInPhoto(photo=Photo(jpeg=jpeg, quality=quality, models={}))))
    site.tell(desk.facts(desk.raised(FlagKind.DIFFERENT_PERSON)))
    beside = page.locator("#alerts .alert").get_by_role("img", name="Check-in photo at desk-1, to compare with")
    assert beside.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 160
    card(page).get_by_role("button", name="Orders for desk-1").click()
    expect(page.get_by_role("img", name="Check-in photo of Ada Example")).to_be_visible()
    assert page.complaints == []


def test_an_alert_shows_within_two_seconds_with_its_picture_and_is_spoken(site, page, desk):
    site.tell(desk.facts(desk.raised()))
    item = page.locator("#alerts .alert")
    expect(item).to_contain_text("More than one face", timeout=ALERT_MS)
    image = item.get_by_role("img", name="More than one face, at desk-1")
    assert image.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 160
    expect(page.locator("#said")).to_contain_text("More than one face, at desk-1.")
    expect(card(page)).to_contain_text("Alert to look at")
    expect(card(page).get_by_role("img", name="More than one face, at desk-1")).to_be_visible()
    site.tell(desk.facts(desk.ended()))
    expect(item).to_contain_text("lasted 4.6 s")
    item.get_by_role("button", name="Mark as seen").click()
    expect(item).to_contain_text("Seen")
    expect(card(page)).to_contain_text("All quiet")
    assert page.complaints == []


def test_technical_alerts_are_set_apart_and_can_be_filtered(site, page, desk):
    site.tell(desk.facts(desk.raised(FlagKind.TOO_DARK), desk.raised()))
    dark = page.locator("#alerts .alert", has_text="Too dark to see")
    expect(dark).to_contain_text("Technical, not a violation")
    page.get_by_label("Suspicions").check()
    expect(dark).to_be_hidden()
    expect(page.locator("#alerts .alert", has_text="More than one face")).to_be_visible()
    page.get_by_role("radio", name="Technical").check()
    expect(dark).to_be_visible()
    expect(page.locator("#alerts .alert", has_text="More than one face")).to_be_hidden()


def test_a_disk_that_takes_nothing_is_shown_and_spoken_and_how_long_it_lasted(site, page, desk):
    site.tell(desk.presence(disk=DiskTrouble.FAILS))
    alert = page.locator("#alerts .alert", has_text="The desk's disk takes nothing")
    expect(alert).to_contain_text("Technical, not a violation", timeout=ALERT_MS)
    expect(alert).not_to_contain_text("lasted")
    expect(page.locator("#said")).to_contain_text("The desk's disk takes nothing")
    expect(card(page)).to_contain_text("Technical trouble")
    site.clock.pass_ms(12_300)
    site.tell(desk.presence())
    expect(alert).to_contain_text("lasted 12.3 s", timeout=ALERT_MS)
    page.reload()
    expect(alert).to_contain_text("lasted 12.3 s")
    assert page.complaints == []


def test_a_free_desk_s_bad_disk_stands_on_its_card(site, page):
    site.tell(site.desk().presence(seated=False, disk=DiskTrouble.FULL))
    expect(card(page)).to_contain_text("The desk's disk is nearly full", timeout=ALERT_MS)
    page.reload()
    expect(card(page)).to_contain_text("The desk's disk is nearly full")
    assert page.complaints == []


def test_what_was_history_when_it_came_is_marked_and_not_spoken(site, page, desk):
    late = desk.facts(desk.raised())
    site.clock.pass_ms(60_000)
    site.tell(late)
    expect(page.locator("#alerts .alert")).to_contain_text("Earlier")
    expect(page.locator("#said")).to_be_empty()


def test_a_call_is_prominent_until_somebody_goes(site, page, desk):
    site.tell(desk.facts(CallPressed()))
    expect(page.locator("#calls")).to_contain_text("Ada Example at desk-1 calls")
    expect(page.locator("#said")).to_contain_text("calls an invigilator")
    page.get_by_role("button", name="I am going to desk-1").click()
    expect(page.locator("#calls li")).to_have_count(0)
    expect(card(page)).to_contain_text("All quiet")


def test_orders_are_given_with_the_keyboard_and_what_became_of_them_shows(site, page, desk):
    def answer(given):
        return OrderOutcome(desk="desk-1", order=given.id, result="succeeded")

    taken = site.answer_orders("desk-1", answer)
    card(page).get_by_role("button", name="Orders for desk-1").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Admit")).to_be_hidden()
    dialog.get_by_role("button", name="Pause the exam").press("Enter")
    expect(dialog.get_by_role("alert").filter(visible=True)).to_contain_text("Give a reason")
    dialog.get_by_label("Reason (the candidate sees it)").first.fill("Fire alarm")
    page.keyboard.press("Enter")
    expect(dialog.locator("#given")).to_contain_text("Pause: Fire alarm (invigilator). Done.")
    assert [order.command.reason for order in taken] == ["Fire alarm"]
    site.tell(desk.facts(desk.moved(Move.PAUSE, State.PAUSED, "Fire alarm")))
    expect(dialog.locator("#panel-state")).to_have_text("Paused")
    expect(dialog.get_by_role("button", name="Resume")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(card(page).get_by_role("button", name="Orders for desk-1")).to_be_focused()


def test_ending_an_exam_asks_twice(site, page, desk):
    taken = site.answer_orders("desk-1", lambda order: None)
    card(page).get_by_role("button", name="Orders for desk-1").click()
    form = page.locator('form[data-command="end"]')
    form.get_by_label("Reason").fill("Left the room")
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("cannot be undone")
    assert taken == []
    form.get_by_label("Yes, end this exam now").check()
    form.get_by_role("button").click()
    expect(page.locator("#given")).to_contain_text("Waiting for the desk")
    assert len(taken) == 1


def test_the_page_says_when_the_desks_cannot_be_reached(site, page, desk):
    expect(page.locator("#desk-link")).to_contain_text("Connected")
    site.broker.stop()
    expect(page.locator("#desk-link")).to_contain_text("No connection to the desks")
    site.broker.restart()
    expect(page.locator("#desk-link")).to_contain_text("Connected")


def test_a_page_that_lost_its_console_says_so_and_shows_what_it_missed(site, page, desk):
    expect(card(page)).to_be_visible()
    page.context.set_offline(True)
    former, site.console.stream = site.console.stream, Stream()
    former.close()
    expect(page.locator("#page-link")).to_contain_text("Reconnecting")
    site.tell(desk.facts(desk.raised()))
    page.context.set_offline(False)
    expect(page.locator("#page-link")).to_contain_text("Live")
    expect(page.locator("#alerts .alert")).to_have_count(1)
