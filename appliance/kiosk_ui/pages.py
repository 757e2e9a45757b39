"""Which page fits the desk as it stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from proctoring.session import State
from proctoring.wire import View


class Page(StrEnum):
    """The candidate's pages, in the order in which they come; the names are those of the templates."""

    WAITING = "waiting"
    SIGN_IN = "sign_in"
    NOTICE = "notice"
    CAMERA = "camera"
    ADMISSION = "admission"
    READY = "ready"
    EXAM = "exam"
    HANDED_IN = "handed_in"
    RECORD = "record"
    AWAY = "away"
    """Shown in place of any other while the recorder does not answer; it has no address."""

    @property
    def path(self) -> str:
        """Where the page is served."""
        return "/" + self.replace("_", "-")


PAGES: Final[dict[State, Page]] = {
    State.AWAITING_ADMISSION: Page.ADMISSION,
    State.READY: Page.READY,
    State.RUNNING: Page.EXAM,
    State.PAUSED: Page.EXAM,
    State.INTERRUPTED: Page.EXAM,
    State.SUBMITTED: Page.HANDED_IN,
    State.TERMINATED: Page.HANDED_IN,
    State.SEALED: Page.RECORD,
}


def page_for(view: View) -> Page:
    """The one page that fits."""
    if view.state is State.CHECKING_IN:
        return Page.CAMERA if view.consented else Page.NOTICE
    if view.state is None:
        return Page.SIGN_IN if view.prepared else Page.WAITING
    return PAGES[view.state]
