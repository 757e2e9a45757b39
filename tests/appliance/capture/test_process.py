"""The real process over real sockets, with a custody of the test's own at the other end."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.capture.standby import lock_of
from appliance.runtime.clock import SystemClock
from appliance.runtime.frames import FrameListener
from appliance.runtime.memory import is_memory
from appliance.runtime.settings import Desk
from appliance.runtime.sockets import Answerer, Teller
from appliance.runtime.sounds import Sound, SoundListener
from proctoring import wire
from proctoring.fact import Part
from proctoring.policy import Policy, Recording
from proctoring.segment import EndedBy
from proctoring.session import State
from proctoring.wire import Drained, Goodbye, Hello, Message, Saved, StoreSegment, View

LONG = Recording(width=320, height=180, segment_ms=600_000)


def wait_until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, "it did not happen in time"
        time.sleep(0.02)


class TestCustody(threading.Thread):
    """Answers, publishes the View five times a second, keeps what it was asked and the files it was given."""

    __test__ = False

    def __init__(self, desk: Desk, recording: Recording) -> None:
        super().__init__(daemon=True)
        self.view = View(desk="desk-1", prepared=True, walk_in=True, policy=Policy(recording=recording))
        self.asked: list[Message] = []
        self.files: dict[str, bytes] = {}
        self.running = True
        self._desk = desk

    def run(self) -> None:
        with Answerer(self._desk.socket("custody")) as door, Teller(self._desk.socket("view")) as teller:
            while self.running:
                door.answer(self._answer, 200)
                teller.tell(wire.encode(self.view))

    def _answer(self, data: bytes) -> bytes:
        request = wire.decode(data, wire.Request)
        self.asked.append(request)
        if isinstance(request, StoreSegment):
            self.files[request.segment.sha256] = Path(request.file).read_bytes()
            Path(request.file).unlink()
            return wire.encode(Saved(seq=1))
        if isinstance(request, wire.Hello | wire.AskView):
            return wire.encode(self.view)
        saved = isinstance(request, wire.ReportGap | wire.ReportCameraEnd | wire.ReportEncoder)
        return wire.encode(Saved(seq=1) if saved else wire.Done())

    def show(self, **changes: object) -> None:
        self.view = msgspec.structs.replace(self.view, **changes)

    def begin(self) -> None:
        self.show(session="a", state=State.RUNNING, zero_mono_ms=SystemClock().mono_ms())

    def asked_for(self, kind: type[Message]) -> list:
        return [request for request in self.asked if isinstance(request, kind)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "run").mkdir()
    return Desk(desk="desk-1", run_dir=tmp_path / "run", data_dir=tmp_path / "data")


@pytest.fixture
def custody(desk: Desk) -> Iterator[TestCustody]:
    custody = TestCustody(desk, LONG)
    custody.start()
    yield custody
    custody.running = False
    custody.join(5)


@pytest.fixture
def start(desk: Desk, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(capture: str = 'source = "simulated"', *more: str) -> subprocess.Popen[str]:
        settings = tmp_path / "desk.toml"
        settings.write_text(
            f'desk = "desk-1"\nrun_dir = "{desk.run_dir}"\ndata_dir = "{desk.data_dir}"\n'
            f"incoming_on_disk = true\n[capture]\n{capture}\n"
        )
        command = [sys.executable, "-m", "appliance.capture", "--settings", str(settings), *more]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def pictures_in(folder: Path, names: str = "*.part") -> int:
    """Whole pictures in the part that is being written."""
    return sum(path.read_bytes().count(b"moof") for path in folder.glob(names)) if folder.exists() else 0


def test_a_recorder_killed_in_the_middle_of_a_segment_loses_a_picture_or_two(
    desk: Desk, custody: TestCustody, start, tmp_path: Path, read
) -> None:
    process = start()
    custody.begin()
    incoming = desk.incoming()
    wait_until(lambda: pictures_in(incoming) >= 40)
    process.kill()
    process.wait()
    written = pictures_in(incoming)
    start()
    wait_until(lambda: custody.asked_for(StoreSegment))
    segment = custody.asked_for(StoreSegment)[0].segment
    assert (segment.number, segment.ended_by) == (1, EndedBy.CRASH)
    assert segment.frames >= written - 1
    alone = tmp_path / "alone.mp4"
    alone.write_bytes(custody.files[segment.sha256])
    assert len(read(alone)) == segment.frames
    custody.show(state=State.SUBMITTED)
    wait_until(lambda: custody.asked_for(Drained))
    after = custody.asked_for(StoreSegment)[1].segment
    assert (after.number, after.ended_by) == (2, EndedBy.STOP)
    assert after.started_ms > segment.ended_ms


def with_sound(custody: TestCustody) -> None:
    recording = msgspec.structs.replace(LONG, microphone=True, segment_ms=2000)
    custody.show(policy=Policy(recording=recording))


def test_where_the_policy_wants_it_sound_is_recorded_and_offered_to_who_listens(
    desk: Desk, custody: TestCustody, start, tmp_path: Path, listen, read
) -> None:
    with_sound(custody)
    start('source = "simulated"\nmicrophone = "simulated"')
    heard: list[Sound] = []
    with SoundListener(desk) as listener:
        custody.begin()
        wait_until(lambda: heard.extend(listener.heard()) or len(custody.asked_for(StoreSegment)) >= 2)
    custody.show(state=State.SUBMITTED)
    wait_until(lambda: custody.asked_for(Drained))
    assert len(heard) >= 50
    assert all(after.mono_ms - before.mono_ms == 40 for before, after in itertools.pairwise(heard))
    segment = custody.asked_for(StoreSegment)[1].segment
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(custody.files[segment.sha256])
    assert len(read(kept)) == segment.frames
    loud = {is_loud for _, is_loud in listen(kept)}
    assert loud == {True, False}
    assert listen(kept)[-1][0] >= segment.ended_ms - segment.started_ms - 150


def test_a_desk_without_a_microphone_records_all_the_same_and_says_so(
    desk: Desk, custody: TestCustody, start
) -> None:
    with_sound(custody)
    start()
    custody.begin()
    wait_until(lambda: custody.asked_for(StoreSegment))
    custody.show(state=State.SUBMITTED)
    wait_until(lambda: custody.asked_for(Drained))
    assert [gap.reason for gap in custody.asked_for(wire.ReportGap)] == ["microphone: this desk has none"]


def films(desk: Desk, process: subprocess.Popen[str]) -> bool:
    """Whether it is this one's turn."""
    lock = lock_of(desk, Part.CAPTURE)
    return lock.exists() and lock.read_text() == str(process.pid)


def test_of_two_recorders_one_films_and_the_other_takes_over_when_it_is_killed(
    desk: Desk, custody: TestCustody, start
) -> None:
    first = start()
    wait_until(lambda: films(desk, first))
    second = start()
    custody.begin()
    wait_until(lambda: pictures_in(desk.incoming()) >= 20)
    assert custody.asked_for(Hello) == [Hello(part=Part.CAPTURE, pid=first.pid)]
    first.kill()
    first.wait()
    (desk.run_dir / "capture.exit").write_text("killed by SIGKILL")
    wait_until(lambda: custody.asked_for(StoreSegment))
    assert films(desk, second)
    greeting = Hello(part=Part.CAPTURE, pid=second.pid, after="killed by SIGKILL")
    assert custody.asked_for(Hello)[1:] == [greeting]
    custody.show(state=State.SUBMITTED)
    wait_until(lambda: custody.asked_for(Drained))
    kept = [request.segment for request in custody.asked_for(StoreSegment)]
    assert [(segment.number, segment.ended_by) for segment in kept] == [(1, EndedBy.CRASH), (2, EndedBy.STOP)]
    assert kept[0].ended_ms <= kept[1].started_ms


def test_a_recorder_that_takes_over_films_before_custody_is_back(desk: Desk, custody: TestCustody, start) -> None:
    first = start()
    wait_until(lambda: films(desk, first))
    start()
    custody.begin()
    incoming = desk.incoming()
    wait_until(lambda: pictures_in(incoming) >= 20)
    custody.running = False
    custody.join(5)
    first.kill()
    wait_until(lambda: len(list(incoming.glob("*.part"))) == 2)


def test_a_recorder_that_waits_for_its_turn_ends_when_told_to(desk: Desk, custody: TestCustody, start) -> None:
    first = start()
    wait_until(lambda: custody.asked_for(Hello))
    assert films(desk, first)
    second = start()
    (desk.run_dir / "capture.exit").write_text("of one that did not film")
    wait_until(lambda: not (desk.run_dir / "capture.exit").exists())
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0
    assert films(desk, first)
    assert len(custody.asked_for(Hello)) == 1


def test_pictures_are_offered_before_the_exam(desk: Desk, custody: TestCustody, start) -> None:
    start()
    with FrameListener(desk) as listener:
        frames = iter(lambda: listener.newest(30_000), None)
        # Until it has heard what custody says, pictures have the usual size.
        first = next(frame for frame in frames if (frame.head.width, frame.head.height) == (LONG.width, LONG.height))
        second = next(frames)
    assert second.head.number > first.head.number


def test_told_to_stop_in_an_exam_it_hands_over_the_last_segment_and_takes_its_leave(
    desk: Desk, custody: TestCustody, start
) -> None:
    process = start()
    custody.begin()
    wait_until(lambda: pictures_in(desk.incoming()) >= 5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert custody.asked_for(StoreSegment)[-1].segment.ended_by is EndedBy.STOP
    assert custody.asked[-1] == Goodbye(part=Part.CAPTURE)
    assert [path.suffix for path in (desk.incoming()).iterdir()] == [".last"]


def test_it_greets_custody_with_its_name(custody: TestCustody, start) -> None:
    process = start()
    wait_until(lambda: custody.asked_for(Hello))
    assert custody.asked_for(Hello) == [Hello(part=Part.CAPTURE, pid=process.pid)]


@pytest.mark.parametrize(
    ("capture", "sentence"),
    [
        ('source = "video"\nvideo = "/nowhere/none.mp4"', "There is no video /nowhere/none.mp4."),
        ('source = "video"\nvideo = "/etc/passwd"', "The video /etc/passwd cannot be used"),
        ('source = "video"', "Name the file there."),
        ('source = "usb"\ndevice = "/dev/video99"', "There is no camera at '/dev/video99'. Plug it in"),
        ('source = "picamera2"\ndevice = "front"', "Give the camera's number"),
        ('source = "webcam"', "Invalid enum value 'webcam'"),
        ('colour = "red"', "unknown field `colour`"),
    ],
)
def test_what_cannot_work_ends_with_a_sentence_before_anything_starts(
    desk: Desk, start, capture: str, sentence: str
) -> None:
    process = start(capture)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert sentence in said
    assert "Traceback" not in said
    assert not list(desk.run_dir.glob("*.sock"))


def test_it_films_nothing_onto_a_disk_unless_that_is_allowed(desk: Desk, tmp_path: Path) -> None:
    settings = tmp_path / "desk.toml"
    settings.write_text(
        f'desk = "desk-1"\nrun_dir = "{desk.run_dir}"\ndata_dir = "{desk.data_dir}"\n'
        '[capture]\nsource = "simulated"\n'
    )
    if is_memory(tmp_path):
        pytest.skip("pytest's folder lies in memory here: nothing to refuse")
    command = [sys.executable, "-m", "appliance.capture", "--settings", str(settings)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "Set incoming_dir to a folder on a tmpfs" in ended.stderr
    assert "Traceback" not in ended.stderr


TWO = """source = "simulated"
[second_camera]
source = "simulated"
camera = "side"
"""


def test_two_cameras_are_filmed_side_by_side_each_by_its_own_process(desk: Desk, custody: TestCustody, start) -> None:
    custody.show(policy=Policy(recording=msgspec.structs.replace(LONG, microphone=True)), segment_numbers={"side": 7})
    custody.show(cameras=2)
    first, second = start(TWO), start(TWO, "--camera", "second")
    custody.begin()
    wait_until(lambda: pictures_in(desk.incoming()) >= 10 and len(list(desk.incoming().glob("*.part"))) == 2)
    assert films(desk, first)
    assert (desk.run_dir / "capture_second.lock").read_text() == str(second.pid)
    wait_until(lambda: len(custody.asked_for(Hello)) == 2)
    custody.show(state=State.SUBMITTED)
    wait_until(lambda: len(custody.asked_for(Drained)) == 2)
    assert {told.part for told in custody.asked_for(Drained)} == {Part.CAPTURE, Part.CAPTURE_SECOND}
    kept = [told.segment for told in custody.asked_for(StoreSegment)]
    assert sorted((segment.camera, segment.number) for segment in kept) == [("front", 1), ("side", 8)]
    muted = [gap for gap in custody.asked_for(wire.ReportGap) if gap.reason.startswith("microphone")]
    assert {gap.part for gap in muted} <= {Part.CAPTURE}


def test_the_second_camera_goes_on_where_the_first_one_dies_and_its_own_other_takes_over(
    desk: Desk, custody: TestCustody, start
) -> None:
    custody.show(cameras=2)
    dies, films_on = start(TWO, "--camera", "second"), start(TWO)
    lock = desk.run_dir / "capture_second.lock"
    wait_until(lambda: lock.exists() and lock.read_text() == str(dies.pid))
    waits = start(TWO, "--camera", "second")
    custody.begin()
    wait_until(lambda: pictures_in(desk.incoming(), "second~*.part") >= 10 and films(desk, films_on))
    dies.kill()
    wait_until(lambda: lock.read_text() == str(waits.pid))
    assert films(desk, films_on)
    wait_until(lambda: [told for told in custody.asked_for(StoreSegment) if told.segment.camera == "side"])
    assert custody.asked_for(StoreSegment)[0].segment.ended_by is EndedBy.CRASH


def test_a_second_camera_that_is_not_plugged_in_is_looked_for_and_told_of_while_the_first_one_films(
    desk: Desk, custody: TestCustody, start
) -> None:
    custody.show(cameras=2)
    table = 'source = "simulated"\n[second_camera]\nsource = "usb"\ndevice = "/dev/nothing-here"\ncamera = "side"'
    films_on, looks = start(table), start(table, "--camera", "second")
    wait_until(lambda: len(custody.asked_for(Hello)) == 2)
    custody.begin()
    wait_until(lambda: films(desk, films_on) and custody.asked_for(wire.ReportCameraEnd))
    (told,) = custody.asked_for(wire.ReportCameraEnd)
    assert told.part is Part.CAPTURE_SECOND
    assert "/dev/nothing-here" in told.reason
    assert looks.poll() is None
    custody.show(state=State.SUBMITTED)
    wait_until(lambda: len(custody.asked_for(Drained)) == 2)
    (gap,) = custody.asked_for(wire.ReportGap)
    assert (gap.part, gap.reason) == (Part.CAPTURE_SECOND, told.reason)
    assert gap.from_ms < 1000 < gap.to_ms


@pytest.mark.parametrize(
    ("capture", "sentence"),
    [
        ('source = "simulated"', "has no table [second_camera]"),
        (TWO.replace('"side"', '"front"'), "both cameras have the name 'front'"),
        (TWO + 'microphone = "alsa"', "[second_camera] records no sound"),
        (TWO.replace('"simulated"', '"usb"'), "both cameras are the device 0"),
        (TWO.replace('"simulated"', '"usb"') + 'device = "/dev/video0"', "both cameras are the device '/dev/video0'"),
        (TWO.replace('"side"', '""'), "names a camera ''"),
    ],
)
def test_a_second_camera_that_cannot_work_says_why(start, capture: str, sentence: str) -> None:
    process = start(capture, "--camera", "second")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert sentence in said
    assert "Traceback" not in said
