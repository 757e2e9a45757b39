"""Sound beside the pictures, from a microphone to the segments."""

from __future__ import annotations

import itertools

import av
import msgspec
import pytest

from appliance.capture.encoders import Encoders
from appliance.capture.filming import Filming
from appliance.capture.in_step import HOLD_MS, InStep
from appliance.capture.recorder import Recorder
from appliance.capture.salvage import salvage
from appliance.capture.simulated import FaultyCamera, FaultyWriters, SimulatedMicrophone
from appliance.capture.tapes import Tapes
from appliance.capture.video import VideoWriter
from appliance.runtime.sounds import BLOCK, Sound
from proctoring.fact import Part
from proctoring.segment import EndedBy
from proctoring.wire import ReportGap

SILENCE = Sound(0, bytes(2 * BLOCK))


class Room:
    """A desk's camera and microphone, filmed step by step."""

    def __init__(self, incoming, clock, settings, ear) -> None:
        self.clock, self.incoming, self.ear = clock, incoming, ear
        self.gaps: list[ReportGap] = []
        self.writers = FaultyWriters(Encoders())
        self.camera = FaultyCamera(clock, settings)
        self.camera.open()
        self._settings = settings
        self._filming = Filming(self.camera, self, self._tape, self.gaps.append, clock, 10, ear)

    def _tape(self, session, settings, from_ms):
        return InStep(Recorder(self.incoming, session, settings, from_ms, self.gaps.append, self.writers))

    def offer(self, frame) -> None:
        pass

    def begin(self) -> None:
        task = msgspec.structs.replace(
            self._filming.task,
            session="a",
            records=True,
            zero_mono_ms=self.clock.mono_ms(),
            settings=self._settings,
        )
        self._filming.follow(task)

    def run_ms(self, ms: int) -> None:
        until_ms = self.clock.mono_ms() + ms
        while self.clock.mono_ms() < until_ms:
            self._filming.turn()

    def stop(self) -> list:
        self._filming.stop()
        return self.incoming.done()

    @property
    def pauses(self) -> list[tuple[int, int, str]]:
        assert all(gap.part is Part.CAPTURE for gap in self.gaps)
        return [(gap.from_ms, gap.to_ms, gap.reason) for gap in self.gaps]


@pytest.fixture
def settings(settings):
    return msgspec.structs.replace(settings, microphone=True)


@pytest.fixture
def room(incoming, clock, settings, ear) -> Room:
    room = Room(incoming, clock, settings, ear)
    room.begin()
    return room


def onsets(done, listen) -> list[int]:
    """When, since the session's zero, it became loud."""
    found, was_loud = [], True
    for segment in done:
        for at_ms, is_loud in listen(segment.path):
            if is_loud and not was_loud:
                found.append(segment.started_ms + at_ms)
            was_loud = is_loud
    return found


def test_sound_and_pictures_are_in_step_in_every_segment(room: Room, listen, read) -> None:
    room.run_ms(7000)
    done = room.stop()
    assert [segment.ended_by for segment in done] == [EndedBy.LENGTH] * 3 + [EndedBy.STOP]
    assert all(abs(at_ms % 1000) <= 45 or at_ms % 1000 >= 955 for at_ms in onsets(done, listen))
    assert len(onsets(done, listen)) == 6
    for segment in done:
        times = [at_ms for at_ms, _ in read(segment.path)]
        assert times[0] == 0
        assert len(times) == segment.frames
        assert max(after - before for before, after in itertools.pairwise(times[1:])) <= 70
    assert room.pauses == []


def test_each_segment_holds_the_sound_of_its_own_time_and_no_other(room: Room, listen) -> None:
    room.run_ms(5000)
    first, *_ = room.stop()
    times = [at_ms for at_ms, _ in listen(first.path)]
    assert times[0] <= 100
    assert first.ended_ms - first.started_ms - 100 <= times[-1] <= first.ended_ms - first.started_ms + 40


def test_it_is_opus_of_one_channel_and_takes_little_room(room: Room) -> None:
    room.run_ms(4500)
    with av.open(str(room.stop()[0].path)) as file:
        (video,), (sound,) = file.streams.video, file.streams.audio
        assert (video.codec.canonical_name, sound.codec.canonical_name) == ("h264", "opus")
        assert sound.channels == 1
        size = sum(packet.size for packet in file.demux(sound))
    assert size * 8 / 2 <= 40_000


def test_without_the_policys_word_nobody_listens(incoming, clock, settings, ear) -> None:
    room = Room(incoming, clock, msgspec.structs.replace(settings, microphone=False), ear)
    room.begin()
    room.run_ms(2500)
    with av.open(str(room.stop()[0].path)) as file:
        assert not file.streams.audio
    assert ear.microphone.due_ms == 0


def test_a_microphone_that_is_unplugged_is_a_gap_that_names_it_and_the_pictures_go_on(room: Room) -> None:
    room.run_ms(2000)
    room.ear.microphone.unplug()
    room.run_ms(3000)
    room.ear.microphone.plug_in()
    room.run_ms(2000)
    done = room.stop()
    ((from_ms, to_ms, reason),) = room.pauses
    assert reason == "microphone: it was unplugged"
    assert 1900 <= from_ms <= 2100
    assert 4900 <= to_ms <= 5200
    assert all(before.ended_ms == after.started_ms for before, after in itertools.pairwise(done))
    assert {EndedBy.LENGTH, EndedBy.STOP} == {segment.ended_by for segment in done}


def test_a_desk_without_a_microphone_says_so_for_the_whole_session(room: Room) -> None:
    room.ear.microphone.unplug("this desk has none")
    room.run_ms(3000)
    done = room.stop()
    ((from_ms, to_ms, reason),) = room.pauses
    assert reason == "microphone: this desk has none"
    assert from_ms <= 100
    assert to_ms >= 2900
    assert sum(segment.frames for segment in done) >= 40


def test_while_the_camera_is_away_the_sound_has_nowhere_to_go_and_that_is_said(room: Room) -> None:
    room.run_ms(1000)
    room.camera.is_silent = True
    room.run_ms(3000)
    room.camera.is_silent = False
    room.run_ms(1000)
    room.stop()
    reasons = {reason for _, _, reason in room.pauses}
    assert reasons == {
        "the camera gave no pictures",
        "microphone: there were no pictures to record its sound with",
    }


def test_a_sound_encoder_that_fails_stops_no_picture(room: Room) -> None:
    room.run_ms(1000)
    room.writers.failing_sound = 5
    room.run_ms(2000)
    done = room.stop()
    ((from_ms, to_ms, reason),) = room.pauses
    assert reason.startswith("microphone: the encoder failed")
    assert 150 <= to_ms - from_ms <= 250
    assert EndedBy.CRASH not in {segment.ended_by for segment in done}


def test_what_a_crash_leaves_of_a_segment_with_sound_plays_too(incoming, settings, make_frame, listen, read) -> None:
    part = incoming.begin("a", 0)
    writer = VideoWriter(part.path, settings)
    for number in range(15):
        writer.add(make_frame(number, 0), number * 67)
        writer.hear(SILENCE, number * 67)
    done = salvage(incoming, part, 67)
    assert done is not None
    assert done.frames >= 12
    assert [at_ms for at_ms, _ in read(done.path)] == [number * 67 for number in range(done.frames)]
    assert listen(done.path)


def test_a_recording_whose_microphone_is_silent_loses_little_more_to_a_crash(incoming, settings, make_frame) -> None:
    part = incoming.begin("a", 0)
    writer = VideoWriter(part.path, settings)
    for number in range(15):
        writer.add(make_frame(number, 0), number * 67)
    done = salvage(incoming, part, 67)
    assert done is not None
    assert done.frames >= 11


def test_a_hole_in_the_sound_is_filled_with_silence_so_that_what_follows_is_in_step(
    incoming, settings, make_frame, listen
) -> None:
    part = incoming.begin("a", 0)
    writer = VideoWriter(part.path, settings)
    loud = Sound(0, SimulatedMicrophone.drawn(0))
    for number in range(30):
        writer.add(make_frame(number, 0), number * 67)
        if number in (10, 20):
            writer.hear(loud, number * 67)
    writer.close()
    heard = listen(part.path)
    times = [at_ms for at_ms, _ in heard]
    assert times[0] <= 30
    assert max(after - before for before, after in itertools.pairwise(times)) <= 40
    assert [at_ms // 670 for at_ms, is_loud in heard if is_loud] in ([1, 1, 2, 2], [1, 1, 1, 2, 2, 2])


class Told:
    """A tape that writes down what reaches it."""

    def __init__(self) -> None:
        self.steps: list[tuple] = []

    def __getattr__(self, name: str):
        return lambda *given: self.steps.append((name, given[-1]))


def test_pictures_and_sound_reach_the_tape_in_the_order_of_their_times(make_frame) -> None:
    told = Told()
    tape = InStep(told)
    tape.add(make_frame(1, 0), 0)
    tape.add(make_frame(2, 0), 67)
    for at_ms in (0, 40, 80, 120):
        tape.hear(SILENCE, at_ms)
    tape.add(make_frame(3, 0), 133)
    tape.stop(200, EndedBy.STOP)
    times = [step[1] for step in told.steps[:-1]]
    assert times == sorted(times)
    assert told.steps[-1] == ("stop", EndedBy.STOP)


def test_pictures_do_not_wait_for_a_microphone_that_says_nothing(make_frame) -> None:
    told = Told()
    tape = InStep(told)
    for number in range(20):
        tape.add(make_frame(number, 0), number * 67)
    newest_ms = told.steps[-1][1]
    assert 19 * 67 - HOLD_MS - 67 <= newest_ms < 19 * 67
    tape.look(19 * 67 + HOLD_MS + 1)
    assert [step[1] for step in told.steps if step[0] == "add"][-1] == 19 * 67


def test_a_session_with_a_microphone_gets_a_tape_that_keeps_step(incoming, settings) -> None:
    tapes = Tapes(incoming, lambda gap: None)
    assert isinstance(tapes("a", settings, 0), InStep)
    assert isinstance(tapes("a", msgspec.structs.replace(settings, microphone=False), 0), Recorder)


def test_a_simulated_microphone_sounds_in_the_first_half_of_each_second(clock) -> None:
    microphone = SimulatedMicrophone(clock)
    microphone.begin(clock.mono_ms())
    microphone.open()
    loud = [any(sound.pcm) for _ in range(25) if (sound := microphone.next(0.2))]
    assert loud == [True] * 13 + [False] * 12
