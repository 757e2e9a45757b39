"""Pictures become segments: short files that play by themselves, cut every two seconds or so.

Times are since the session's zero and are the pictures' own: a camera that pauses leaves a hole between two segments
and a gap that says so, never a stretched picture.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from appliance.capture.encoders import Encoders
from appliance.capture.hearing import Hearing
from appliance.capture.ports import EncoderFault, Writer, Writers
from appliance.capture.salvage import salvage
from appliance.capture.segments import Incoming, Part
from appliance.runtime.frames import Frame
from appliance.runtime.sounds import Sound
from proctoring import fact
from proctoring.policy import Recording
from proctoring.segment import EndedBy
from proctoring.wire import ReportGap

log = logging.getLogger(__name__)

STALL_MS: Final = 1000
"""A pause longer than this is a gap. Automatic exposure in the dark may make a picture last a good part of it."""
RETRY_MS: Final = 1000
"""After a failed write, so long until the next try."""

ENCODER: Final = "the encoder failed and was made anew: {}"
NO_FRAMES: Final = "the camera gave no pictures"
LOST: Final = "{} lost: the desk could not keep up with its camera"


class Recorder:
    """Records one session from `from_ms` on. One thread only."""

    def __init__(
        self,
        incoming: Incoming,
        session: str,
        settings: Recording,
        from_ms: int,
        report: Callable[[ReportGap], None],
        writers: Writers | None = None,
    ) -> None:
        self._incoming = incoming
        self._session = session
        self._settings = settings
        self._report = report
        self._writers = writers or Encoders()
        self._frame_ms = round(1000 / settings.frames_per_s)
        self._covered_ms = from_ms
        self._trouble: str | None = None
        self._retry_ms = from_ms
        self._file: _File | None = None
        self._lost: _Lost | None = None
        self._hearing = Hearing(session, from_ms, report) if settings.microphone else None

    def add(self, frame: Frame, at_ms: int) -> None:
        """Records a picture of the policy's size, taken `at_ms` after the session's zero."""
        if at_ms < self._retry_ms or (self._file and at_ms <= self._file.last_ms):
            return
        self.look(at_ms)
        if self._file and at_ms - self._file.part.started_ms >= self._settings.segment_ms:
            self._close(self._file, at_ms, EndedBy.LENGTH)
        try:
            self._write(frame, at_ms)
        except (OSError, EncoderFault) as error:
            self._fail(self._file, at_ms, error)

    def hear(self, sound: Sound, at_ms: int) -> None:
        """Records sound beside the pictures; where none are recorded, there is nowhere for it to go."""
        file = self._file
        if self._hearing is None:
            return
        if file is None or at_ms < file.part.started_ms:
            self._hearing.nowhere_to_go()
            return
        try:
            file.writer.hear(sound, at_ms - file.part.started_ms)
        except EncoderFault as error:
            self._hearing.fault(ENCODER.format(error))
        except OSError as error:
            self._fail(file, at_ms, error)
        else:
            self._hearing.recorded(at_ms, at_ms + sound.length_ms)

    def mute(self, reason: str) -> None:
        """The microphone fails; the pictures go on."""
        if self._hearing:
            self._hearing.fault(reason)

    def miss(self, at_ms: int) -> None:
        """A picture was taken at `at_ms` and is lost. All those of one segment are reported as one gap."""
        lost = self._lost or _Lost(at_ms)
        self._lost = _Lost(lost.from_ms, at_ms + self._frame_ms, lost.pictures + 1)

    def fault(self, reason: str) -> None:
        """Ends the segment: what follows may be another camera, or one with other times."""
        if self._file:
            self._close(self._file, self._covered_ms, EndedBy.CAMERA)
        self._trouble = self._trouble or reason

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
        self._report_lost()
        if self._hearing:
            self._hearing.stop(self._covered_ms if why is EndedBy.CAMERA else now_ms)

    def _write(self, frame: Frame, at_ms: int) -> None:
        self._file = self._file or self._begin(at_ms)
        self._file.add(frame, at_ms)
        self._report_gap(at_ms)
        self._covered_ms, self._trouble = at_ms + self._frame_ms, None

    def _begin(self, at_ms: int) -> _File:
        part = self._incoming.begin(self._session, at_ms)
        return _File(part, self._writers(part.path, self._settings))

    def _report_gap(self, to_ms: int) -> None:
        if self._trouble or to_ms - self._covered_ms > STALL_MS:
            reason = self._trouble or (self._lost.reason if self._lost else NO_FRAMES)
            self._tell(min(self._covered_ms, to_ms), to_ms, reason)
            self._covered_ms, self._lost = to_ms, None

    def _report_lost(self) -> None:
        if self._lost:
            self._tell(self._lost.from_ms, self._lost.to_ms, self._lost.reason)
        self._lost = None

    def _tell(self, from_ms: int, to_ms: int, reason: str) -> None:
        gap = ReportGap(session=self._session, part=fact.Part.CAPTURE, from_ms=from_ms, to_ms=to_ms, reason=reason)
        self._report(gap)

    def _close(self, file: _File, ended_ms: int, why: EndedBy) -> None:
        try:
            self._file = None
            file.writer.close()
            self._incoming.finish(file.part, ended_ms, file.frames, why)
            # After a silence it is not known yet whether what was lost is a part of a longer gap.
            if why is EndedBy.LENGTH:
                self._report_lost()
        except (OSError, EncoderFault) as error:
            self._fail(file, ended_ms, error)

    def _fail(self, file: _File | None, at_ms: int, error: OSError | EncoderFault) -> None:
        """Keeps what was written, and goes on trying: a new encoder at once, all else later."""
        at_once = self._trouble is None and isinstance(error, EncoderFault)
        if isinstance(error, EncoderFault):
            self._writers.fail(str(error))
        if self._trouble is None:
            log.error("%s: %s. It goes on by itself.", _advice(error), error)
        self._file, self._retry_ms = None, at_ms + (0 if at_once else RETRY_MS)
        self._trouble = _reason(error)
        if file:
            self._covered_ms = min(self._covered_ms, file.part.started_ms)
            self._keep(file)

    def _keep(self, file: _File) -> None:
        with contextlib.suppress(OSError, EncoderFault):
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


def _advice(error: OSError | EncoderFault) -> str:
    if isinstance(error, EncoderFault):
        return "The encoder failed"
    return "Cannot write the recording. Free some space on the disk"


def _reason(error: OSError | EncoderFault) -> str:
    if isinstance(error, EncoderFault):
        return ENCODER.format(error)
    return f"the recording could not be written: {error.strerror}"


class _Lost(NamedTuple):
    """Pictures that were taken and not recorded."""

    from_ms: int
    to_ms: int = 0
    pictures: int = 0

    @property
    def reason(self) -> str:
        return LOST.format("1 picture was" if self.pictures == 1 else f"{self.pictures} pictures were")


class _File:
    """The segment that is being written."""

    def __init__(self, part: Part, writer: Writer) -> None:
        self.part = part
        self.frames = 0
        self.last_ms = part.started_ms
        self.writer = writer

    def add(self, frame: Frame, at_ms: int) -> None:
        self.writer.add(frame, at_ms - self.part.started_ms)
        self.frames += 1
        self.last_ms = at_ms
