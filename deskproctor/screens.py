"""At which screen the automatic candidate sits: a real browser where there is one."""

from __future__ import annotations

from deskproctor.candidate import Screen
from deskproctor.candidate_browser import BrowserScreen, find_chromium
from deskproctor.candidate_http import HttpScreen


def pick() -> Screen:
    """Headless Chromium if this machine has one, else plain HTTP."""
    chromium = find_chromium()
    return HttpScreen() if chromium is None else BrowserScreen(chromium)
