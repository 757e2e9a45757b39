"""What pictures and sound become, put together for one session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from appliance.capture.encoders import Encoders
from appliance.capture.in_step import InStep
from appliance.capture.ports import Tape
from appliance.capture.recorder import Recorder
from appliance.capture.segments import Incoming
from appliance.capture.video import SOFTWARE
from proctoring.policy import Recording
from proctoring.wire import ReportEncoder, ReportGap

Through = Callable[[Tape, Recording], Tape]
"""What lies between the camera and the recorder of a session."""


def straight(recorder: Tape, settings: Recording) -> Tape:
    """Nothing lies between: the camera waits for the recorder."""
    del settings
    return recorder


class Tapes:
    """Makes the tape of each session."""

    def __init__(
        self,
        incoming: Incoming,
        report: Callable[[ReportGap | ReportEncoder], None],
        through: Through = straight,
        encoder: tuple[str, str] = (SOFTWARE, ""),
        hears: bool = True,
    ) -> None:
        """`encoder` is its name, and why it is that one. Where it `hears` nothing, no policy gives it sound."""
        self._incoming = incoming
        self._report = report
        self._through = through
        self._encoder = encoder
        self._hears = hears

    def __call__(self, session: str, settings: Recording, from_ms: int) -> Tape:
        """A tape that records from `from_ms` on."""
        settings = msgspec.structs.replace(settings, microphone=settings.microphone and self._hears)
        encoders = Encoders(*self._encoder, partial(self._tell, session))
        recorder = Recorder(self._incoming, session, settings, from_ms, self._report, encoders)
        return self._through(InStep(recorder) if settings.microphone else recorder, settings)

    def _tell(self, session: str, encoder: str, why: str) -> None:
        self._report(ReportEncoder(session=session, encoder=encoder, reason=why))
