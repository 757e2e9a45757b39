"""The kiosk in a real Chromium without a window, driven by Playwright. The one file that imports it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from playwright.sync_api import Error, Locator, TimeoutError, ViewportSize, sync_playwright

from appliance.kiosk_ui.pages import Page
from deskproctor.candidate import PATIENCE_S, Asked, CandidateStuck, not_taken
from proctoring.exam import Answer

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

ARGUMENTS: Final = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It opens one page on this machine and speaks to nobody else."""

SIZE: Final = ViewportSize(width=1280, height=800)
REFUSED: Final = "main .error, #photo-news .warn"
"""A form that was not taken, and a photo that could not be."""

TIMEOUT_MS: Final = 60_000
TAKEN_MS: Final = 5_000
"""A form that led nowhere for this long is sent once more."""

CHOOSE: Final = """([question, choice]) => new Promise((done) => {
    const place = document.querySelector(`[data-question="${question}"]`);
    const began = performance.now();
    new MutationObserver((_, watch) => {
        if (place.dataset.status !== "saved") return;
        watch.disconnect();
        done(performance.now() - began);
    }).observe(place, { attributeFilter: ["data-status"] });
    place.querySelector(`input[value="${choice}"]`).click();
})"""
"""Runs in the page, so that the time is the page's own and not that of driving it."""

SAVED: Final = '[data-question="{}"][data-status="saved"]'


def find_chromium() -> Path | None:
    """The machine's Chromium, if there is one."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


class BrowserScreen:
    """See Screen. One thread only."""

    name = "Chromium"

    def __init__(self, chromium: Path) -> None:
        self._chromium = chromium

    def __enter__(self) -> Self:
        # Chromium's sandbox refuses to run as root, as in most containers.
        arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(
            executable_path=self._chromium, headless=True, args=arguments
        )
        self._tab = self._browser.new_page(viewport=SIZE)
        self._tab.set_default_timeout(TIMEOUT_MS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()
        self._playwright.stop()
        if isinstance(error, Error):
            raise CandidateStuck(f"The browser did not find what it waited for: {error.message}") from error

    def open(self, url: str) -> None:
        """See Screen."""
        self._url = url
        self._tab.goto(url)

    def page(self) -> Page:
        """See Screen. A browser's own error page, while the kiosk is started again, is left for the kiosk's."""
        name = self._tab.locator("body").get_attribute("data-page")
        if name is None:
            with contextlib.suppress(Error):
                self._tab.goto(self._url)
        return Page(name or Page.AWAY)

    def press(self, fields: Mapping[str, str]) -> None:
        """See Screen."""
        page, until_s = self.page(), time.monotonic() + PATIENCE_S
        while self._sent(page, fields) is page:
            if self._tab.locator("main .error").count() or time.monotonic() > until_s:
                raise not_taken(page)

    def _sent(self, page: Page, fields: Mapping[str, str]) -> Page:
        """The page after its form was sent once, or would have been if custody were there."""
        for name, value in fields.items():
            fill(self._tab.locator(f'main [name="{name}"]'), value)
        if page is Page.EXAM and not self._tab.locator("#check").is_visible():
            self._tab.click("#hand-in")
        self._tab.click("#submit button:not([type])" if page is Page.EXAM else "main form button:visible")
        with contextlib.suppress(TimeoutError):
            self._tab.wait_for_selector(f'body:not([data-page="{page}"]), {REFUSED}', timeout=TAKEN_MS)
        return self.page()

    def questions(self) -> list[Asked]:
        """See Screen."""
        # A page has its name before its questions: the browser shows the beginning while the rest is on its way.
        self._tab.wait_for_load_state("domcontentloaded")
        return [asked(place) for place in self._tab.locator("[data-question]").all()]

    def answer(self, question: Asked, value: Answer) -> None:
        """See Screen."""
        self._tab.click(f'[data-for="{question.id}"]')
        place = self._tab.locator(f'[data-question="{question.id}"]')
        match value:
            case str() if question.kind == "text":
                place.locator("textarea").fill(value)
            case float() | int():
                place.locator("input").fill(f"{value:g}")
            case _:
                for choice in (value,) if isinstance(value, str) else value or ():
                    place.locator(f'input[value="{choice}"]').check()
        self._tab.wait_for_selector(SAVED.format(question.id))

    def choose(self, question: Asked, choice: str) -> float:
        """Ticks a choice that is not ticked; the milliseconds until the page said that it was saved."""
        return float(self._tab.evaluate(CHOOSE, [question.id, choice]))

    def numbers(self) -> tuple[str, str]:
        """See Screen."""
        return self._tab.locator("#session-number").inner_text(), self._tab.locator("#receipt-number").inner_text()


def fill(field: Locator, value: str) -> None:
    """Types into a field, or ticks it."""
    if field.get_attribute("type") == "checkbox":
        field.check()
    else:
        field.fill(value)


def asked(place: Locator) -> Asked:
    """One question of the page."""
    boxes = place.locator("input[type=radio], input[type=checkbox]").all()
    return Asked(
        id=place.get_attribute("data-question") or "",
        kind=place.get_attribute("data-kind") or "",
        choices=tuple(box.get_attribute("value") or "" for box in boxes),
        revision=int(place.get_attribute("data-revision") or 0),
    )
