"""The kiosk without a browser: reads its pages and sends what its scripts would send."""

from __future__ import annotations

import time
from collections.abc import Mapping
from html.parser import HTMLParser
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from appliance.kiosk_ui.pages import Page
from deskproctor.candidate import LOOK_S, PATIENCE_S, Asked, CandidateStuck, not_taken
from proctoring.exam import Answer

TIMEOUT_S: Final = 15.0
AGAIN: Final = Retry(total=30, backoff_factor=0.1, backoff_max=1.0, allowed_methods=None)
"""The kiosk may be started again at any time; what it is sent may be sent twice."""

FINAL: Final = (requests.codes.conflict, requests.codes.unprocessable)
"""Custody or the kiosk said no: asking again would not help."""

RECORD_NUMBERS: Final = ("session-number", "receipt-number")


class Sight(HTMLParser):
    """What stands on one page: its name, its token, its questions, and the numbers of the record."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.page = ""
        self.token = ""
        self.questions: list[Asked] = []
        self.numbers = dict.fromkeys(RECORD_NUMBERS, "")
        self.sends: dict[str, str] = {}
        """What the first form in the main part sends by itself."""
        self._forms = 0
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes in one element."""
        has = {name: value or "" for name, value in attrs}
        self._inside = has.get("id", "")
        if tag == "body":
            self.page = has.get("data-page", "")
        elif tag in ("main", "form") and "hidden" not in has:
            # The header has a form of its own.
            self._forms = 0 if tag == "main" else self._forms + 1
        elif has.get("type") == "hidden" and self._forms == 1:
            self.sends[has["name"]] = has["value"]
        elif tag == "meta" and has.get("name") == "csrf-token":
            self.token = has["content"]
        elif "data-question" in has:
            self._ask(has)
        elif has.get("type") in ("radio", "checkbox") and self.questions:
            self._offer(has["value"])

    def handle_data(self, data: str) -> None:
        """Takes in text, where it is one of the record's numbers."""
        if self._inside in self.numbers:
            self.numbers[self._inside] += data.strip()

    def _ask(self, has: Mapping[str, str]) -> None:
        revision = int(has["data-revision"])
        self.questions.append(Asked(id=has["data-question"], kind=has["data-kind"], revision=revision))

    def _offer(self, choice: str) -> None:
        last = self.questions[-1]
        self.questions[-1] = msgspec.structs.replace(last, choices=(*last.choices, choice))


class HttpScreen:
    """See Screen."""

    name = "HTTP"

    def __enter__(self) -> Self:
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.mount("http://", HTTPAdapter(max_retries=AGAIN))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def open(self, url: str) -> None:
        """See Screen."""
        self._url = url

    def page(self) -> Page:
        """See Screen."""
        return Page(self._look().page or Page.AWAY)

    def press(self, fields: Mapping[str, str]) -> None:
        """See Screen."""
        page, until_s = self.page(), time.monotonic() + PATIENCE_S
        while self._sent(page, fields) is page:
            if time.monotonic() > until_s:
                raise not_taken(page)
            time.sleep(LOOK_S)

    def _sent(self, page: Page, fields: Mapping[str, str]) -> Page:
        """The page after the form was sent once. A process that is started again meanwhile asks for it once more."""
        sight = self._look()
        form = {**sight.sends, "csrf_token": sight.token, **fields}
        reply = self._http.post(urljoin(self._url, page.path), data=form, timeout=TIMEOUT_S)
        if reply.status_code == requests.codes.unprocessable:
            raise not_taken(page)
        return self.page()

    def questions(self) -> list[Asked]:
        """See Screen."""
        return self._look().questions

    def answer(self, question: Asked, value: Answer) -> None:
        """See Screen."""
        body = {"question": question.id, "value": value, "revision": question.revision + 1}
        until_s = time.monotonic() + PATIENCE_S
        while not (reply := self._save(body)).ok:
            if reply.status_code in FINAL or time.monotonic() > until_s:
                raise CandidateStuck(f"The answer to {question.id} was not saved: {reply.json()['reason']}")
            time.sleep(LOOK_S)

    def _save(self, body: Mapping[str, object]) -> requests.Response:
        token = self._look().token
        return self._http.post(
            urljoin(self._url, "/answers"), json=body, headers={"X-CSRFToken": token}, timeout=TIMEOUT_S
        )

    def numbers(self) -> tuple[str, str]:
        """See Screen."""
        numbers = self._look().numbers
        return numbers["session-number"], numbers["receipt-number"]

    def _look(self) -> Sight:
        return Sight(self._http.get(self._url, timeout=TIMEOUT_S).text)
