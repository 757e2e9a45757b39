from __future__ import annotations

import resource
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from appliance.capture.encoders import Encoders, board_encodes
from appliance.capture.recorder import Recorder
from appliance.capture.simulated import FaultyWriters
from appliance.capture.video import HARDWARE, SOFTWARE, VideoReader
from proctoring.fact import Part
from proctoring.segment import EndedBy
from proctoring.wire import ReportGap


class Tape:
    """A recorder, what it reported, and a way to feed it."""

    def __init__(self, incoming, settings, make_frame, from_ms: int = 0, writers=None) -> None:
        self.gaps: list[ReportGap] = []
        self.incoming = incoming
        self.recorder = Recorder(incoming, "a", settings, from_ms, self.gaps.append, writers)
        self._make_frame = make_frame
        self._number = 0

    def feed(self, *times_ms: int) -> None:
        for at_ms in times_ms:
            self._number += 1
            self.recorder.add(self._make_frame(self._number, at_ms), at_ms)

    @property
    def intervals(self) -> list[tuple[int, int, int, EndedBy]]:
        return [(done.started_ms, done.ended_ms, done.frames, done.ended_by) for done in self.incoming.done()]

    @property
    def pauses(self) -> list[tuple[int, int, str]]:
        assert all(gap.part is Part.CAPTURE for gap in self.gaps)
        return [(gap.from_ms, gap.to_ms, gap.reason) for gap in self.gaps]


@pytest.fixture
def tape(incoming, settings, make_frame) -> Tape:
    return Tape(incoming, settings, make_frame)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Nobody may write a file of more than 24 kB: the disk is full in the middle of a segment."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (24_576, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_segments_follow_each_other_without_a_hole(tape: Tape) -> None:
    tape.feed(*range(0, 5001, 100))
    tape.recorder.stop(5050, EndedBy.STOP)
    assert tape.intervals == [
        (0, 2000, 20, EndedBy.LENGTH),
        (2000, 4000, 20, EndedBy.LENGTH),
        (4000, 5067, 11, EndedBy.STOP),
    ]
    assert tape.pauses == []


def test_each_segment_plays_by_itself_from_zero(tape: Tape, read) -> None:
    tape.feed(*range(0, 4001, 100))
    for done in tape.incoming.done():
        assert [at_ms for at_ms, _ in read(done.path)] == list(range(0, 2000, 100))


def test_the_times_inside_are_those_of_the_pictures_however_uneven(tape: Tape, read) -> None:
    times = [0, 66, 133, 500, 533, 1400, 1433]
    tape.feed(*times)
    tape.recorder.stop(1500, EndedBy.STOP)
    assert [at_ms for at_ms, _ in read(tape.incoming.done()[0].path)] == times


def test_only_a_segment_that_is_whole_has_its_final_name(tape: Tape) -> None:
    tape.feed(0, 100)
    assert tape.incoming.done() == []
    assert len(tape.incoming.parts()) == 1


def test_a_camera_that_pauses_ends_the_segment_and_leaves_a_gap(tape: Tape) -> None:
    tape.feed(0, 100, 200)
    tape.recorder.look(1300)
    assert tape.intervals == [(0, 267, 3, EndedBy.CAMERA)]
    tape.feed(3000, 3100)
    assert tape.pauses == [(267, 3000, "the camera gave no pictures")]


def test_a_pause_is_seen_from_the_pictures_alone_too(tape: Tape) -> None:
    tape.feed(0, 100, 1500)
    assert tape.intervals == [(0, 167, 2, EndedBy.CAMERA)]
    assert tape.pauses == [(167, 1500, "the camera gave no pictures")]


def test_a_hiccup_of_less_than_a_second_is_no_gap(tape: Tape) -> None:
    tape.feed(0, 100, 1000)
    tape.recorder.look(1900)
    assert tape.pauses == []
    assert tape.incoming.done() == []


def test_a_camera_that_never_came_is_a_gap_of_the_whole_session(tape: Tape) -> None:
    tape.recorder.look(5000)
    tape.recorder.stop(60_000, EndedBy.STOP)
    assert tape.pauses == [(0, 60_000, "the camera gave no pictures")]


def test_a_source_that_has_ended_is_no_gap(tape: Tape) -> None:
    tape.feed(0, 100)
    tape.recorder.stop(5000, EndedBy.CAMERA)
    assert tape.intervals == [(0, 167, 2, EndedBy.CAMERA)]
    assert tape.pauses == []


def test_a_recorder_that_comes_back_records_nothing_of_the_time_before(incoming, settings, make_frame) -> None:
    tape = Tape(incoming, settings, make_frame, from_ms=7000)
    tape.feed(6900, 7000, 7100)
    tape.recorder.stop(7100, EndedBy.STOP)
    assert tape.intervals == [(7000, 7167, 2, EndedBy.STOP)]
    assert tape.pauses == []


def test_a_picture_whose_time_stands_still_is_left_out(tape: Tape) -> None:
    tape.feed(0, 100, 100, 90, 200)
    tape.recorder.stop(200, EndedBy.STOP)
    assert tape.intervals[0][2] == 3


def test_a_disk_that_fills_up_keeps_what_was_written_and_leaves_a_gap(
    incoming, settings, make_frame, small_files: None, caplog: pytest.LogCaptureFixture
) -> None:
    noise = np.random.default_rng(1).integers(16, 235, (60, 160 * 90 * 3 // 2), np.uint8)
    tape = Tape(incoming, settings, make_frame)
    for number in range(12):
        frame = msgspec.structs.replace(make_frame(number, 0), planes=noise[number].tobytes())
        tape.recorder.add(frame, number * 100)
    (kept,) = incoming.done()
    assert kept.ended_by is EndedBy.CRASH
    assert 1 <= kept.frames < 12
    assert VideoReader(kept.path).next()
    assert "Free some space" in caplog.text
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    tape.feed(*range(4000, 5000, 100))
    tape.recorder.stop(5000, EndedBy.STOP)
    assert tape.intervals[1][:3] == (4000, 4967, 10)
    (gap,) = tape.pauses
    assert gap[:2] == (kept.ended_ms, 4000)
    assert gap[2].startswith("the recording could not be written: ")


def test_a_disk_that_is_full_from_the_beginning_is_tried_once_a_second(
    tape: Tape, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, tries = tape.incoming.begin, []

    def begin(session: str, started_ms: int):
        tries.append(started_ms)
        part = real(session, started_ms)
        part.path.symlink_to("/dev/full")
        return part

    monkeypatch.setattr(tape.incoming, "begin", begin)
    tape.feed(*range(0, 4000, 100))
    assert len(tries) <= 4
    assert tape.incoming.parts() == tape.incoming.done() == []
    assert caplog.text.count("Free some space") == 1
    monkeypatch.undo()
    tape.feed(*range(5000, 6000, 100))
    tape.recorder.stop(6000, EndedBy.STOP)
    assert tape.intervals == [(5000, 5967, 10, EndedBy.STOP)]
    assert [gap[:2] for gap in tape.pauses] == [(0, 5000)]


def test_pictures_lost_in_one_segment_are_one_gap_that_says_how_many(tape: Tape) -> None:
    tape.feed(0, 67)
    tape.recorder.miss(133)
    tape.feed(200)
    tape.recorder.miss(267)
    tape.feed(*range(333, 2400, 67))
    assert tape.pauses == [(133, 334, "2 pictures were lost: the desk could not keep up with its camera")]


def test_a_picture_lost_at_the_very_end_is_told_when_the_recorder_stops(tape: Tape) -> None:
    tape.feed(0, 67)
    tape.recorder.miss(133)
    tape.recorder.stop(140, EndedBy.STOP)
    assert tape.pauses == [(133, 200, "1 picture was lost: the desk could not keep up with its camera")]


def test_a_long_time_of_lost_pictures_is_told_once_and_not_as_the_camera_s_silence(tape: Tape) -> None:
    tape.feed(0, 100)
    for at_ms in range(200, 2000, 100):
        tape.recorder.miss(at_ms)
    tape.feed(2000, 2100)
    tape.recorder.stop(2200, EndedBy.STOP)
    assert tape.pauses == [(167, 2000, "18 pictures were lost: the desk could not keep up with its camera")]


@pytest.fixture
def writers() -> FaultyWriters:
    return FaultyWriters(Encoders())


def test_an_encoder_that_fails_is_made_anew_at_once_and_what_it_had_written_is_kept(
    incoming, settings, make_frame, writers: FaultyWriters
) -> None:
    tape = Tape(incoming, settings, make_frame, writers=writers)
    tape.feed(*range(0, 600, 100))
    writers.failing = 1
    tape.feed(*range(600, 1200, 100))
    tape.recorder.stop(1200, EndedBy.STOP)
    before, after = tape.intervals
    assert (before[0], before[2], before[3]) == (0, 6, EndedBy.CRASH)
    assert after == (700, 1167, 5, EndedBy.STOP)
    reason = "the encoder failed and was made anew: no memory for the next picture"
    assert tape.pauses == [(before[1], 700, reason)]


def test_an_encoder_that_fails_again_and_again_is_made_anew_once_a_second(
    incoming, settings, make_frame, writers: FaultyWriters
) -> None:
    tape = Tape(incoming, settings, make_frame, writers=writers)
    writers.failing = 1000
    tape.feed(*range(0, 5000, 100))
    assert writers.made <= 7
    assert incoming.parts() == incoming.done() == []
    writers.failing = 0
    tape.feed(*range(6000, 7000, 100))
    tape.recorder.stop(7000, EndedBy.STOP)
    assert [gap[:2] for gap in tape.pauses] == [(0, 6000)]


def test_an_encoder_that_refuses_its_settings_is_a_gap_in_its_own_words(
    tape: Tape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.capture.video.PRESET", "no such preset")
    tape.feed(0, 100)
    tape.recorder.stop(3000, EndedBy.STOP)
    (gap,) = tape.pauses
    assert gap[:2] == (0, 3000)
    assert gap[2].startswith("the encoder failed and was made anew: ")


def test_a_board_encoder_that_fails_gives_way_to_libx264_for_the_rest_of_the_session(
    incoming, settings, make_frame
) -> None:
    """There is no such encoder here, so FFmpeg's own refuses the first picture."""
    if board_encodes():
        pytest.skip("this board has an encoder of its own, which does not fail")
    told: list[tuple[str, str]] = []
    encoders = Encoders(HARDWARE, "this board has it", lambda *said: told.append(said))
    tape = Tape(incoming, settings, make_frame, writers=encoders)
    tape.feed(*range(0, 4100, 100))
    tape.recorder.stop(4100, EndedBy.STOP)
    assert told[0] == (HARDWARE, "this board has it")
    ((encoder, why),) = told[1:]
    assert encoder == SOFTWARE
    assert why.startswith(f"{HARDWARE} failed: ")
    (gap,) = tape.pauses
    assert (gap[0], gap[1]) == (0, 100)
    assert sum(done.frames for done in incoming.done()) == 40
