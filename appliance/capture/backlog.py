"""A recorder in a thread of its own: the camera waits neither for the encoder nor for the disk.

Pictures that are not written yet are held in a row of bounded length. Where it is full the next picture is lost, and
the recorder is told so, because what is lost has to stand in the ledger.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore
from typing import Any, Final

from appliance.capture.ports import Tape
from appliance.runtime import frames
from appliance.runtime.frames import Frame
from appliance.runtime.sounds import Sound
from proctoring.policy import Recording
from proctoring.segment import EndedBy

HELD_BYTES: Final = 96 * 2**20
"""Four and a half seconds of 720p at 15 a second: memory cards are known to pause for a second or more in a write."""
LEAST_HELD: Final = 8


def beside(recorder: Tape, settings: Recording) -> Backlog:
    """The recorder in a thread of its own, with room for as much as may be held of pictures of that size."""
    picture = frames.size(settings.width, settings.height)
    return Backlog(recorder, max(LEAST_HELD, HELD_BYTES // picture))


class Backlog:
    """See Tape. Every call returns at once but `stop`, which waits until all is written.

    What the recorder died of is raised by the next call.
    """

    def __init__(self, recorder: Tape, pictures: int) -> None:
        self._recorder = recorder
        self._room = Semaphore(pictures)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._error: BaseException | None = None

    def add(self, frame: Frame, at_ms: int) -> None:
        """See Tape."""
        if self._room.acquire(blocking=False):
            self._do(self._recorder.add, frame, at_ms).add_done_callback(lambda _: self._room.release())
        else:
            self.miss(at_ms)

    def hear(self, sound: Sound, at_ms: int) -> None:
        """See Tape. A second of sound takes 32 kB: it needs no bound beside the pictures'."""
        self._do(self._recorder.hear, sound, at_ms)

    def mute(self, reason: str) -> None:
        """See Tape."""
        self._do(self._recorder.mute, reason)

    def miss(self, at_ms: int) -> None:
        """See Tape."""
        self._do(self._recorder.miss, at_ms)

    def fault(self, reason: str) -> None:
        """See Tape."""
        self._do(self._recorder.fault, reason)

    def look(self, now_ms: int) -> None:
        """See Tape."""
        self._do(self._recorder.look, now_ms)

    def stop(self, now_ms: int, why: EndedBy) -> None:
        """See Tape."""
        self._do(self._recorder.stop, now_ms, why)
        self._worker.shutdown()
        self._check()

    def _do(self, step: Any, *given: Any) -> Future[None]:
        self._check()
        done: Future[None] = self._worker.submit(step, *given)
        done.add_done_callback(self._note)
        return done

    def _note(self, done: Future[None]) -> None:
        self._error = self._error or done.exception()

    def _check(self) -> None:
        if self._error:
            raise self._error
