"""Server-sent events to every open page of the console.

Each page has a queue of its own. One that does not keep up is told to load everything again instead of holding
the others back or growing without end; one that was away gets what it missed while that is still kept.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import msgspec

from proctoring.errors import DeskproctorError

QUEUE_LIMIT: Final = 256
"""Events that may wait for one page: several seconds of the busiest room."""
KEPT: Final = 1000
"""Events kept for pages that were away."""
PAGES_LIMIT: Final = 16
"""Each open page holds a thread of the server, which has `web.serve.THREADS` of them."""
HEARTBEAT_S: Final = 5.0
"""Silence longer than a few of these means that the connection is gone; the page goes by three."""

HEARTBEAT: Final = b"event: beat\ndata: {}\n\n"
RELOAD: Final = b"event: reload\ndata: {}\n\n"


class TooManyPages(DeskproctorError, BlockingIOError):
    """As many pages are open as the console can serve."""


class Event(msgspec.Struct, frozen=True):
    """Something to tell the pages: `data` becomes JSON."""

    name: str
    data: msgspec.Struct


class Page:
    """One open page's queue. None in it is the end."""

    def __init__(self, limit: int) -> None:
        self._queue: queue.Queue[bytes | None] = queue.Queue(limit + 2)
        self._limit = limit
        self.dropped = False

    def offer(self, frame: bytes) -> None:
        """Queues a frame. A page whose queue is full is dropped: it gets told to load again, and no more."""
        if self.dropped:
            return
        if self._queue.qsize() >= self._limit:
            self._drop()
        else:
            self._queue.put_nowait(frame)

    def end(self) -> None:
        """No more will come."""
        self.dropped = True
        self._queue.put_nowait(None)

    def frames(self, heartbeat_s: float = HEARTBEAT_S) -> Iterator[bytes]:
        """Frames as they come, a heartbeat while none do, until dropped or ended."""
        yield HEARTBEAT
        while True:
            try:
                frame = self._queue.get(timeout=heartbeat_s)
            except queue.Empty:
                frame = HEARTBEAT
            if frame is None:
                return
            yield frame

    def _drop(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        self._queue.put_nowait(RELOAD)
        self.end()


class Stream:
    """Takes each event once and gives it to every page."""

    def __init__(self, kept: int = KEPT, queue_limit: int = QUEUE_LIMIT, pages_limit: int = PAGES_LIMIT) -> None:
        # A page that held on over a restart of the console must not take our numbers for those it knows.
        self._run = secrets.token_hex(4)
        self._number = 0
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=kept)
        self._queue_limit = queue_limit
        self._pages_limit = pages_limit
        self._pages: set[Page] = set()
        self._closed = False
        self._lock = threading.Lock()

    @property
    def last_id(self) -> str:
        """The id of the newest event."""
        return f"{self._run}-{self._number}"

    @property
    def pages(self) -> int:
        """How many pages are open."""
        return len(self._pages)

    def publish(self, event: Event) -> None:
        """Gives an event to every page. Never waits."""
        with self._lock:
            self._number += 1
            frame = _frame(self.last_id, event)
            self._kept.append((self._number, frame))
            for page in self._pages:
                page.offer(frame)
            self._pages = {page for page in self._pages if not page.dropped}

    def open(self, last_id: str) -> Page:
        """A page's queue, beginning with what came after `last_id`, or with the word to load again.

        Without a `last_id` it begins with what comes now.
        """
        with self._lock:
            if self._closed or len(self._pages) >= self._pages_limit:
                raise TooManyPages("Too many pages of this console are open. Close one that is not needed.")
            missed = self._after(last_id)
            page = Page(self._queue_limit)
            for frame in [RELOAD] if missed is None else missed:
                page.offer(frame)
            if not page.dropped:
                self._pages.add(page)
            return page

    def leave(self, page: Page) -> None:
        """The page was closed."""
        with self._lock:
            self._pages.discard(page)

    def close(self) -> None:
        """Ends every page's events."""
        with self._lock:
            self._closed = True
            for page in self._pages:
                page.end()
            self._pages.clear()

    def _after(self, last_id: str) -> list[bytes] | None:
        if not last_id:
            return []
        run, _, number = last_id.partition("-")
        oldest = self._number - len(self._kept)
        if run != self._run or not number.isdecimal() or not oldest <= int(number) <= self._number:
            return None
        return [frame for kept, frame in self._kept if kept > int(number)]


def _frame(event_id: str, event: Event) -> bytes:
    # JSON has no line breaks of its own, so it is one line of data.
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        event_id.encode(),
        event.name.encode(),
        msgspec.json.encode(event.data),
    )
