"""The processor time of recording against FFmpeg's own segment muxer: the same frames, encoder settings and lengths.

The peer encodes and cuts; it writes ordinary files, makes nothing durable, reports nothing and seals nothing. Ours is
measured twice: capture's recorder alone, which leaves playable files in memory, and with all that custody does to
keep them (reading, hashing, sealing, writing, syncing, the ledger's entry). All run in this process: the clock counts
its threads, and the system's time on its behalf.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import count, islice
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import av
import numpy as np
import pyrage
from av.video.frame import PictureType

from appliance.capture.recorder import Recorder
from appliance.capture.segments import Incoming
from appliance.capture.video import PRESET
from appliance.custody.service import Custody
from appliance.custody.settings import CustodySettings
from appliance.custody.store import Store
from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import expect
from appliance.runtime.frames import Frame
from appliance.runtime.settings import Desk
from bench.custody import EXAM, order
from bench.figures import Figures
from bench.places import folder_on_disk, frames, source
from bench.turns import in_turn
from deskproctor.enrolment import enrol
from deskproctor.memory_folder import forget, name_memory_folder
from proctoring import wire
from proctoring.policy import Policy, Recording
from proctoring.segment import EndedBy

Reply = TypeVar("Reply", bound=wire.Message)
MILLISECOND: Final = Fraction(1, 1000)


def figures(seconds: int = 6, rounds: int = 7) -> Figures:
    """Each round records `seconds` on every side."""
    settings = Recording()
    pictures = list(islice(frames(settings, settings.frames_per_s), seconds * settings.frames_per_s))
    made: list[int] = []
    with folder_on_disk() as folder, desk_in(folder) as desk:
        places = fresh(folder)
        peer = lambda: made.append(peer_record(pictures, next(places), settings))  # noqa: E731
        recorded = in_turn(
            rounds, lambda: made.append(desk.record(pictures, settings)), peer, clock=time.process_time
        )
        sealed = in_turn(
            rounds, lambda: made.append(desk.record_and_seal(pictures, settings)), peer, clock=time.process_time
        )
    assert len(set(made)) == 1, f"all sides cut alike: {made}"
    return {
        "pictures": source(),
        "recorded_s": seconds,
        "cpu_s_per_minute": recorded.ours_s * 60 / seconds,
        "sealed_cpu_s_per_minute": sealed.ours_s * 60 / seconds,
        "ffmpeg_cpu_s_per_minute": recorded.bare_s * 60 / seconds,
        "recording_over_ffmpeg": recorded.over_bare,
        "sealed_over_ffmpeg": sealed.over_bare,
    }


def fresh(folder: Path) -> Iterator[Path]:
    """Empty folders, one after the other."""
    for number in count():
        place = folder / str(number)
        place.mkdir()
        yield place


def times(pictures: list[Frame], settings: Recording) -> Iterator[tuple[int, Frame]]:
    """Each picture with its time in milliseconds."""
    return ((round(number * 1000 / settings.frames_per_s), frame) for number, frame in enumerate(pictures))


# --- our side --------------------------------------------------------------------------------------


class DeskAtWork:
    """Capture's recorder and custody, with an exam under way."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._custody = Custody(
            desk,
            CustodySettings(expected=()),
            Store(desk.folder("custody") / "custody.db"),
            SystemClock(),
            CustodySettings().identity(desk),
        )
        self._begin_exam()

    def _begin_exam(self) -> None:
        server = pyrage.x25519.Identity.generate().to_public()
        prepare = wire.Prepare(
            exams=(EXAM,), policy=Policy(identity=False), walk_in_exam=EXAM.id, recipients=(str(server),)
        )
        assert self._ask(wire.TakeOrder(order=order(prepare)), wire.OrderOutcome).result == "succeeded"
        for step in (wire.SignIn(name="Ada"), wire.Consent(notice="1"), wire.FinishCheck(), wire.Begin()):
            view = self._ask(step, wire.View)
        self._session = str(view.session)

    def record(self, pictures: list[Frame], settings: Recording) -> int:
        """Records with capture's recorder, into memory; returns how many segments that made."""
        incoming = self._record(pictures, settings, uuid.uuid4().hex)
        return len(incoming.done())

    def record_and_seal(self, pictures: list[Frame], settings: Recording) -> int:
        """The same, and custody takes every segment."""
        done = self._record(pictures, settings, self._session).done()
        mine = [one for one in done if one.session == self._session]
        for one in mine:
            request = wire.StoreSegment(session=one.session, segment=one.segment("front"), file=str(one.path))
            self._ask(request, wire.Saved)
        return len(mine)

    def _record(self, pictures: list[Frame], settings: Recording, session: str) -> Incoming:
        for left_over in self._desk.incoming().glob("*.mp4"):
            left_over.unlink()
        incoming = Incoming(self._desk.incoming())
        recorder = Recorder(incoming, session, settings, 0, no_gap)
        for at_ms, frame in times(pictures, settings):
            recorder.add(frame, at_ms)
        recorder.stop(at_ms, EndedBy.STOP)
        return incoming

    def _ask(self, request: wire.Message, answer: type[Reply]) -> Reply:
        return expect(wire.decode(self._custody.handle(wire.encode(request)), wire.Reply), answer)


@contextmanager
def desk_in(folder: Path) -> Iterator[DeskAtWork]:
    """A desk whose evidence lies on the disk and whose incoming folder lies in memory."""
    desk = Desk(desk="desk-1", run_dir=folder / "run", data_dir=folder / "data", incoming_dir=name_memory_folder())
    enrol(folder / "authority", desk.data_dir, desk.desk)
    try:
        yield DeskAtWork(desk)
    finally:
        forget(desk.incoming())


def no_gap(gap: wire.ReportGap) -> NoReturn:
    raise AssertionError(f"the recorder lost something: {gap}")


# --- the peer --------------------------------------------------------------------------------------


def peer_record(pictures: list[Frame], folder: Path, settings: Recording) -> int:
    """Encodes and cuts with FFmpeg's segment muxer; returns how many segments that made."""
    with av.open(str(folder / "%06d.mp4"), "w", format="segment", options=muxer_options(settings)) as file:
        stream = file.add_stream("libx264", rate=settings.frames_per_s, options=encoder_options(settings))
        stream.width, stream.height, stream.pix_fmt = settings.width, settings.height, "yuv420p"
        stream.bit_rate, stream.thread_count = settings.bit_rate, 1
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        for at_ms, frame in times(pictures, settings):
            file.mux(stream.encode(picture(frame, at_ms, settings)))
        file.mux(stream.encode(None))
    made = len(list(folder.iterdir()))
    shutil.rmtree(folder)
    return made


def picture(frame: Frame, at_ms: int, settings: Recording) -> av.VideoFrame:
    rows = np.frombuffer(frame.planes, np.uint8).reshape(settings.height * 3 // 2, settings.width)
    made = av.VideoFrame.from_ndarray(rows, format="yuv420p")
    made.pts, made.time_base = at_ms, MILLISECOND
    if at_ms % settings.segment_ms == 0:
        made.pict_type = PictureType.I  # a segment begins with a picture that stands by itself
    return made


def encoder_options(settings: Recording) -> dict[str, str]:
    limit = str(settings.bit_rate)
    return {"preset": PRESET, "tune": "zerolatency", "maxrate": limit, "bufsize": limit, "forced-idr": "1"}


def muxer_options(settings: Recording) -> dict[str, str]:
    return {
        "segment_time": str(settings.segment_ms / 1000),
        "segment_format": "mp4",
        "reset_timestamps": "1",
    }
