"""A candidate who never stops answering over HTTP, and remembers every answer that the kiosk called saved."""

from __future__ import annotations

import random
import threading
from types import TracebackType
from typing import Final, NamedTuple, Self

import requests

from appliance.runtime.custody_link import CustodyLink
from bench.faults.waiting import wait_until
from deskproctor.candidate import Candidate, Who
from deskproctor.candidate_http import HttpScreen
from deskproctor.demo import newest
from deskproctor.site import Site
from proctoring import wire
from proctoring.exam import TextQuestion

PACE_S: Final = 0.03
"""Between two answers: faster than any hand, and slow enough to leave the processors to what is tested."""

TIMEOUT_S: Final = 10.0
STOP_S: Final = 30.0


class Saved(NamedTuple):
    """What the kiosk said it had saved."""

    question: str
    revision: int
    value: str


class Typist:
    """`with Typist(url, questions) as typist:` types until the end; `saved` grows with each word of the kiosk."""

    def __init__(self, url: str, questions: list[str], chance: random.Random) -> None:
        self.saved: list[Saved] = []
        self._url = url.rstrip("/")
        self._questions = questions
        self._chance = chance
        self._http = requests.Session()
        self._http.trust_env = False
        self._token = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._type, name="typist", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Types no more."""
        self._stop.set()
        self._thread.join(STOP_S)
        self._http.close()

    def _type(self) -> None:
        revision = 0
        while not self._stop.is_set():
            revision += 1
            for question in self._questions:
                word = Saved(question, revision, f"answer {revision} {self._chance.random():.6f}")
                # Not said to be saved, so it is sent again: the same revision with the same value has one effect.
                while not self._stop.is_set() and not self._is_saved(word):
                    self._stop.wait(0.1)
                self._stop.wait(PACE_S)

    def _is_saved(self, word: Saved) -> bool:
        try:
            reply = self._http.post(
                f"{self._url}/answers",
                json={"question": word.question, "value": word.value, "revision": word.revision},
                headers={"X-CSRFToken": self._token, "Referer": self._url},
                timeout=TIMEOUT_S,
            )
            if reply.ok and "saved" in reply.json():
                self.saved.append(word)
                return True
            self._token = self._http.get(f"{self._url}/state.json", timeout=TIMEOUT_S).json()["token"]
        except (requests.RequestException, ValueError, KeyError):
            pass
        return False


def begin_exam(site: Site, custody: CustodyLink, chance: random.Random) -> Typist:
    """A candidate signs in at the desk and begins; who types in it."""
    wait_until(lambda: newest(custody).prepared, "the desk's preparation")
    with HttpScreen() as screen:
        Candidate(screen, Who(name="Ada Example")).arrive(site.kiosk_url)
    paper = custody.ask(wire.AskPaper(), wire.Paper, patience_s=20)
    texts = [question.id for question in paper.exam.questions if isinstance(question, TextQuestion)]
    assert texts, "the sample exam has a question to write on"
    return Typist(site.kiosk_url, texts, chance)
