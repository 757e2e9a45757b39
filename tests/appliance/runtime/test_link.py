"""Real sockets between threads: asking, telling, and a far side that dies."""

import contextlib
import signal
import threading
import time

import pytest

from appliance.runtime.clock import SystemClock
from appliance.runtime.custody_link import CustodyAway, CustodyLink
from appliance.runtime.frames import Frame, FrameListener, FrameTeller, pack, size, unpack
from appliance.runtime.life import Life, StopSignal, last_exit, notify
from appliance.runtime.settings import Desk
from appliance.runtime.simulated import SimulatedCustody
from appliance.runtime.sockets import Answerer, Teller
from proctoring import wire
from proctoring.errors import Refused, WireError
from proctoring.fact import Part
from proctoring.wire import AskView, Denied, Done, FrameHead, Saved, View

VIEW = View(desk="desk-1", prepared=True, walk_in=True)


@pytest.fixture
def desk(tmp_path):
    return Desk(desk="desk-1", run_dir=tmp_path, data_dir=tmp_path)


@contextlib.contextmanager
def answering(desk, handle):
    """A custody in a thread."""
    stop = threading.Event()

    def run():
        with Answerer(desk.socket("custody")) as answerer:
            while not stop.is_set():
                answerer.answer(handle, timeout_ms=20)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def link(desk):
    link = CustodyLink(desk)
    yield link
    link.close()


def test_a_question_is_answered(desk, link):
    with answering(desk, lambda _: wire.encode(VIEW)):
        assert link.ask(AskView(), View) == VIEW


def test_a_denial_is_raised_with_its_reason_and_a_wrong_answer_is_an_error(desk, link):
    replies = iter((Denied(code="no", reason="Not now."), Done()))
    with answering(desk, lambda _: wire.encode(next(replies))):
        with pytest.raises(Refused, match="Not now"):
            link.ask(AskView(), View)
        with pytest.raises(WireError, match="Expected View"):
            link.ask(AskView(), View)


def test_a_custody_that_is_away_is_said_and_one_that_comes_back_is_found_again(desk, link):
    with pytest.raises(CustodyAway, match="does not answer"):
        link.ask(AskView(), View, patience_s=0.1)
    # The question above still waits in the socket: its late answer must not be taken for the next one's.
    late = iter((Done(), Saved(seq=1), Saved(seq=1), Saved(seq=1)))
    with answering(desk, lambda _: wire.encode(next(late))):
        assert link.ask(AskView(), Saved).seq == 1
    with answering(desk, lambda _: wire.encode(Saved(seq=2))):
        assert link.ask(AskView(), Saved).seq == 2


def test_a_listener_hears_the_newest_alone(desk):
    link = CustodyLink(desk)
    with Teller(desk.socket("view")) as teller:
        for number in range(1, 2000):
            teller.tell(wire.encode(View(desk="desk-1", prepared=True, walk_in=True, head_seq=number)))
            if number == 1 or link.view(timeout_ms=0) is None:
                time.sleep(0.001)
        heard = link.view(timeout_ms=0)
    assert heard is None or heard.head_seq == 1999
    link.close()


def test_frames_travel_whole_and_damaged_ones_are_refused(desk):
    head = FrameHead(number=3, mono_ms=5, width=4, height=2)
    frame = Frame(head, bytes(range(size(4, 2))))
    got = unpack(pack(frame))
    assert (got.head, bytes(got.planes)) == (head, frame.planes)
    for damaged in (b"", pack(frame)[:-1], b"\xff" * 40):
        with pytest.raises(WireError):
            unpack(damaged)
    with FrameTeller(desk) as teller, FrameListener(desk) as listener:
        for _ in range(200):
            teller.offer(frame)
            heard = listener.newest(timeout_ms=50)
            if heard:
                break
        assert heard is not None and heard.head == head


def test_a_life_greets_with_the_note_of_its_last_end_and_takes_its_leave(desk, monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    (desk.run_dir / "capture.exit").write_text("killed by SIGKILL\n")
    custody = SimulatedCustody()
    stop = StopSignal()
    try:
        with Life(desk, Part.CAPTURE, custody, stop, SystemClock()) as life:
            life.progress()
            life.progress()
            signal.raise_signal(signal.SIGTERM)
            assert not life.goes_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    kinds = [type(request).__name__ for request in custody.asked]
    assert kinds == ["Hello", "Alive", "Goodbye"]
    assert custody.asked[0].after == "killed by SIGKILL"
    assert last_exit(desk.run_dir, Part.CAPTURE) is None


def test_systemd_is_told_when_it_listens(tmp_path, monkeypatch):
    import socket

    path = str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify("READY=1")
        assert systemd.recv(100) == b"READY=1"
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("READY=1")
