"""The recorder's processor time against PyAV alone: the same frames, encoder settings and length of segments.

FFmpeg's own segment muxer does the cutting on the bare side; it makes nothing durable and reports nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import count, islice
from pathlib import Path
from typing import Any, Final, NoReturn

import av
import numpy as np
from av.video.frame import PictureType

from appliance.capture.recorder import Recorder
from appliance.capture.segments import Incoming
from appliance.capture.video import FRAGMENTED, PRESET
from appliance.runtime.frames import Frame
from bench.figures import Figures
from bench.places import folder_on_disk, frames, source
from bench.turns import in_turn
from proctoring.policy import Recording
from proctoring.segment import EndedBy
from proctoring.wire import ReportGap

MILLISECOND: Final = Fraction(1, 1000)


def figures(seconds: int = 6, rounds: int = 5) -> Figures:
    """Each round records `seconds` on both sides."""
    settings = Recording()
    pictures = list(islice(frames(settings, settings.frames_per_s), seconds * settings.frames_per_s))
    with folder_on_disk() as folder:
        places = fresh(folder)
        ours, bare = [], []
        turns = in_turn(
            rounds,
            lambda: ours.append(record(pictures, next(places), settings)),
            lambda: bare.append(bare_record(pictures, next(places), settings)),
            clock=time.process_time,
        )
    assert ours == bare, f"both sides cut alike: {ours}, {bare}"
    return {
        "pictures": source(),
        "recorded_s": seconds,
        "cpu_s_per_minute": turns.ours_s * 60 / seconds,
        "bare_cpu_s_per_minute": turns.bare_s * 60 / seconds,
        "recorder_over_bare": turns.over_bare,
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


def record(pictures: list[Frame], folder: Path, settings: Recording) -> int:
    """Records with capture's recorder; returns how many segments that made."""
    incoming = Incoming(folder)
    recorder = Recorder(incoming, "bench", settings, 0, no_gap)
    for at_ms, frame in times(pictures, settings):
        recorder.add(frame, at_ms)
    recorder.stop(at_ms, EndedBy.STOP)
    return len(incoming.done())


def no_gap(gap: ReportGap) -> NoReturn:
    raise AssertionError(f"the recorder lost something: {gap}")


# --- the bare side ---------------------------------------------------------------------------------


def bare_record(pictures: list[Frame], folder: Path, settings: Recording) -> int:
    """Encodes and cuts with PyAV; returns how many segments that made."""
    with av.open(str(folder / "%06d.mp4"), "w", format="segment", options=muxer_options(settings)) as file:
        stream = file.add_stream("libx264", rate=settings.frames_per_s, options=encoder_options(settings))
        stream.width, stream.height, stream.pix_fmt = settings.width, settings.height, "yuv420p"
        stream.bit_rate, stream.thread_count = settings.bit_rate, 1
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        for at_ms, frame in times(pictures, settings):
            file.mux(stream.encode(picture(frame, at_ms, settings)))
        file.mux(stream.encode(None))
    return len(list(folder.iterdir()))


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


def muxer_options(settings: Recording) -> dict[str, Any]:
    return {
        "segment_time": str(settings.segment_ms / 1000),
        "segment_format": "mp4",
        "segment_format_options": ":".join(f"{name}={value}" for name, value in FRAGMENTED.items()),
        "reset_timestamps": "1",
    }
