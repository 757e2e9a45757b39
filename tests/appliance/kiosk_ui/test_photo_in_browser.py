"""The check-in photo in a real browser: the page stays, says what happens, and goes on by itself."""

import pytest

from proctoring import wire
from proctoring.check_in import TRIES, PhotoFault
from proctoring.wire import View

pytestmark = pytest.mark.browser


@pytest.fixture
def checking(desk, served, tab):
    """At the picture, with the detectors there."""
    desk.detectors = True
    desk.ask(wire.SignIn(code="K7M2QX"), View)
    desk.ask(wire.Consent(notice="1"), View)
    tab.goto(served)
    tab.wait_for_selector("#picture:visible")
    return tab


def press(tab, desk):
    """Presses the photo's button and waits until custody wants the photo."""
    with tab.expect_response("**/camera"):
        tab.click("#take button")
    assert desk.view().photo.wanted


def news(tab, text):
    tab.wait_for_selector(f'#photo-news:has-text("{text}")')


def test_the_button_takes_the_photo_and_the_page_goes_on_by_itself(desk, checking):
    press(checking, desk)
    news(checking, "Taking your photo")
    desk.photograph()
    checking.wait_for_url("**/ready")


def test_what_is_wrong_is_said_in_place_and_the_focus_stays_on_the_button(desk, checking):
    checking.focus("#take button")
    checking.keyboard.press("Enter")
    news(checking, "Taking your photo")
    checking.wait_for_function("document.activeElement.closest('#take')")
    desk.photograph(PhotoFault.TURNED_AWAY)
    news(checking, "Look straight at the screen")
    assert checking.evaluate("document.activeElement.closest('#take') !== null")
    assert checking.inner_text("#take button") == "Take the photo again"
    assert not checking.is_visible("#without")
    press(checking, desk)
    desk.photograph()
    checking.wait_for_url("**/ready")


def test_after_several_tries_going_on_without_is_offered_and_works(desk, checking):
    for _ in range(TRIES):
        press(checking, desk)
        desk.photograph(PhotoFault.TOO_DARK)
        news(checking, "too dark")
    checking.wait_for_selector("#without button:visible")
    news(checking, "not held against you")
    checking.click("#without button")
    checking.wait_for_url("**/ready")


def test_a_recorder_that_is_away_costs_nothing_and_is_said(desk, checking):
    desk.away = True
    checking.click("#take button")
    checking.wait_for_selector("#away p")
    desk.away = False
    press(checking, desk)
    desk.photograph()
    checking.wait_for_url("**/ready")


def test_what_the_page_says_is_announced(checking):
    assert checking.get_attribute("#photo-news", "role") == "status"
