"""Pictures become segments: short files that play by themselves, cut every two seconds or so.

Times are since the session's zero and are the pictures' own: a camera that pauses leaves a hole between two segments
and a gap that says so, never a stretched picture.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Final

from appliance.capture.salvage import salvage
from appliance.capture.segments import Incoming, Part
from appliance.capture.video import VideoWriter
from appliance.runtime.frames import Frame
from proctoring import fact
from proctoring.policy import Recording
from proctoring.segment import EndedBy
from proctoring.wire import ReportGap

log = logging.getLogger(__name__)

STALL_MS: Final = 1000
"""A pause longer than this is a gap. Automatic exposure in the dark may make a picture last a good part of it."""
RETRY_MS: Final = 1000
"""After a failed write, so long until the next try."""

NO_FRAMES: Final = "the camera gave no pictures"


class Recorder:
    """Records one session from `from_ms` on. One thread only."""

    def __init__(
        self,
        incoming: Incoming,
        session: str,
        settings: Recording,
        from_ms: int,
        report: Callable[[ReportGap], None],
    ) -> None:
        self._incoming = incoming
        self._session = session
        self._settings = settings
        self._report = report
        self._frame_ms = round(1000 / settings.frames_per_s)
        self._covered_ms = from_ms
        self._trouble: str | None = None
        self._retry_ms = from_ms
        self._file: _File | None = None

    def add(self, frame: Frame, at_ms: int) -> None:
        """Records a picture of the policy's size, taken `at_ms` after the session's zero."""
        if at_ms < self._retry_ms or (self._file and at_ms <= self._file.last_ms):
            return
        self.look(at_ms)
        if self._file and at_ms - self._file.part.started_ms >= self._settings.segment_ms:
            self._close(self._file, at_ms, EndedBy.LENGTH)
        try:
            self._write(frame, at_ms)
        except OSError as error:
            self._fail(self._file, at_ms, error)

    def look(self, now_ms: int) -> None:
        """Ends the segment if the camera has given nothing for too long. Call also while it gives nothing."""
        if self._file and now_ms - self._file.last_ms > STALL_MS:
            self._close(self._file, self._covered_ms, EndedBy.CAMERA)

    def stop(self, now_ms: int, why: EndedBy) -> None:
        """Finishes. What is missing up to `now_ms` is reported, unless the camera was known to have ended."""
        if self._file:
            self._close(self._file, self._covered_ms, why)
        if why is not EndedBy.CAMERA:
            self._report_gap(now_ms)

    def _write(self, frame: Frame, at_ms: int) -> None:
        self._file = self._file or _File(self._incoming.begin(self._session, at_ms), self._settings)
        self._file.add(frame, at_ms)
        self._report_gap(at_ms)
        self._covered_ms, self._trouble = at_ms + self._frame_ms, None

    def _report_gap(self, to_ms: int) -> None:
        if self._trouble or to_ms - self._covered_ms > STALL_MS:
            reason = self._trouble or NO_FRAMES
            self._report(
                ReportGap(
                    session=self._session,
                    part=fact.Part.CAPTURE,
                    from_ms=self._covered_ms,
                    to_ms=to_ms,
                    reason=reason,
                )
            )
            self._covered_ms = to_ms

    def _close(self, file: _File, ended_ms: int, why: EndedBy) -> None:
        try:
            self._file = None
            file.writer.close()
            self._incoming.finish(file.part, ended_ms, file.frames, why)
        except OSError as error:
            self._fail(file, ended_ms, error)

    def _fail(self, file: _File | None, at_ms: int, error: OSError) -> None:
        """Keeps what was written, and goes on trying later."""
        if self._trouble is None:
            log.error("Cannot write the recording: %s. Free some space on the disk; it goes on by itself.", error)
        self._file, self._retry_ms = None, at_ms + RETRY_MS
        self._trouble = f"the recording could not be written: {error.strerror}"
        if file:
            self._covered_ms = min(self._covered_ms, file.part.started_ms)
            self._keep(file)

    def _keep(self, file: _File) -> None:
        with contextlib.suppress(OSError):
            file.writer.close()
        try:
            done = salvage(self._incoming, file.part, self._frame_ms)
        except OSError:
            log.exception("%s stays as it is until the recorder starts anew", file.part.path)
            return
        if done:
            self._covered_ms = done.ended_ms
        else:
            # Not one picture of it was written; the gap covers it.
            file.part.path.unlink(missing_ok=True)


class _File:
    """The segment that is being written."""

    def __init__(self, part: Part, settings: Recording) -> None:
        self.part = part
        self.frames = 0
        self.last_ms = part.started_ms
        self.writer = VideoWriter(part.path, settings)

    def add(self, frame: Frame, at_ms: int) -> None:
        self.writer.add(frame, at_ms - self.part.started_ms)
        self.frames += 1
        self.last_ms = at_ms
