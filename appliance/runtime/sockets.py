"""The desk's local sockets: ask and answer, tell and listen. The only file that imports ZeroMQ.

A listener keeps the newest message alone, so that a slow reader never holds up a writer and never sees old news; or,
where messages follow each other, a bounded row of them.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import zmq


class _Socket:
    def __init__(self, kind: int) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
        self._socket.setsockopt(zmq.LINGER, 0)

    def close(self) -> None:
        """Gives the socket back; unsent messages are dropped."""
        self._socket.close()

    def _hold(self, limit: int, held: int) -> None:
        self._socket.setsockopt(*((zmq.CONFLATE, 1) if held == 1 else (limit, held)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Asker(_Socket):
    """Asks one question at a time. One thread only."""

    def __init__(self, address: str) -> None:
        super().__init__(zmq.REQ)
        # A far side that died never answers: a new question may follow at once, and a late answer is dropped.
        self._socket.setsockopt(zmq.REQ_RELAXED, 1)
        self._socket.setsockopt(zmq.REQ_CORRELATE, 1)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
        self._socket.connect(address)

    def ask(self, question: bytes, timeout_ms: int) -> bytes | None:
        """The answer, or None where none came in time."""
        self._socket.send(question)
        until_s = time.monotonic() + timeout_ms / 1000
        while self._socket.poll(max(0, round((until_s - time.monotonic()) * 1000))):
            # Readable may mean a late answer to an earlier question, which ZeroMQ drops on reading.
            with contextlib.suppress(zmq.Again):
                return self._socket.recv(zmq.NOBLOCK)
        return None


class Answerer(_Socket):
    """Answers questions one after the other, in the order in which they come."""

    def __init__(self, address: str) -> None:
        super().__init__(zmq.REP)
        self._socket.bind(address)

    def answer(self, handle: Callable[[bytes], bytes], timeout_ms: int) -> bool:
        """Answers one question if one comes in time, and says whether one did."""
        if not self._socket.poll(timeout_ms):
            return False
        self._socket.send(handle(self._socket.recv()))
        return True


class Teller(_Socket):
    """Tells everyone who listens; nobody listening is fine. `held` messages wait for each."""

    def __init__(self, address: str, held: int = 1) -> None:
        super().__init__(zmq.PUB)
        self._hold(zmq.SNDHWM, held)
        self._socket.bind(address)
        self._lock = threading.Lock()

    def tell(self, news: bytes) -> None:
        """Offers the newest message. What a listener has not read yet is replaced; where more are held, what finds no
        room is lost."""
        with self._lock:
            self._socket.send(news)


class Listener(_Socket):
    """Hears the newest message only, or up to `held` in their order. One thread only."""

    def __init__(self, address: str, held: int = 1) -> None:
        super().__init__(zmq.SUB)
        self._hold(zmq.RCVHWM, held)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        self._socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
        self._socket.connect(address)

    def hear(self, timeout_ms: int) -> bytes | None:
        """The newest message that was not heard yet, or None where none came in time."""
        return self._socket.recv() if self._socket.poll(timeout_ms) else None
