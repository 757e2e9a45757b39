"""The kiosk over a desk in memory and over the real custody: the same tests, the same words."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pyrage
import pytest

from appliance.custody.service import Custody
from appliance.custody.settings import CustodySettings
from appliance.custody.store import Store
from appliance.kiosk_ui.app import make_app
from appliance.kiosk_ui.service import serve
from appliance.kiosk_ui.simulated import SimulatedCamera, SimulatedDesk
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.custody_link import CustodyAway, expect
from appliance.runtime.settings import Camera, Desk
from appliance.runtime.sockets import Answerer
from deskproctor.enrolment import enrol
from proctoring import wire
from proctoring.check_in import Photo, PhotoQuality
from proctoring.errors import Refused
from proctoring.exam import Booking, load_exam
from proctoring.fact import Part
from proctoring.policy import Mode, Policy, Recording
from proctoring.session import Move
from web.serve import Face

ROOT = Path(__file__).parents[3]

EXAM = load_exam(
    """
id = "sample"
title = "Workshop safety"
minutes = 12
[[questions]]
kind = "single"
id = "q1"
text = "Somebody has cut their hand at a machine. What do you do first?"
choices = [
  {id = "stop", text = "Switch the machine off"},
  {id = "call", text = "Call the head of the workshop"},
  {id = "leave", text = "Fetch a plaster from the office on the second floor"},
]
[[questions]]
kind = "several"
id = "q2"
text = "Which of these protect your eyes?"
choices = [
  {id = "goggles", text = "Goggles"}, {id = "shield", text = "A face shield"}, {id = "gloves", text = "Gloves"}
]
[[questions]]
kind = "number"
id = "q3"
text = "A drill turns 50 times a second. How many times a minute is that?"
unit = "turns per minute"
[[questions]]
kind = "text"
id = "q4"
text = "Describe how you leave a lathe at the end of the day."
max_length = 2000
"""
)
BOOKING = Booking(code="K7M2QX", candidate="Ada Lovelace", exam="sample", extra_minutes=3)


SERVER = str(pyrage.x25519.Identity.generate().to_public())
"""Whom the recording is sealed to."""

PHOTO = Photo(
    jpeg=b"\xff\xd8\xff photo",
    quality=PhotoQuality(score=0.9, eyes_px=60.0, light=120.0, contrast=40.0, detail=0.5),
    models={},
)


def prepare(mode=Mode.POST_REVIEW, identity=True, microphone=False):
    return wire.Prepare(
        exams=(EXAM,),
        policy=Policy(mode=mode, identity=identity, recording=Recording(microphone=microphone)),
        bookings=(BOOKING,),
        walk_in_exam="sample",
        recipients=(SERVER,),
    )


class SimulatedRoom:
    """A desk in memory and what people and time do to it."""

    def __init__(self, folder):
        self.clock = SimulatedClock()
        self.desk = SimulatedDesk(clock=self.clock)
        self.desk.seals = False
        self.away = False

    def ask(self, request, answer, patience_s=5.0):
        self.desk.away = self.away
        return self.desk.ask(request, answer)

    def view(self, timeout_ms=0):
        return self.desk.view()

    def prepare(self, *chosen, **named):
        self.desk.prepare(prepare(*chosen, **named))

    def add_camera(self):
        self.desk.cameras = 2

    def start_detectors(self):
        self.desk.detectors = True

    def photograph(self, fault=None):
        self.desk.photograph(fault)

    def admit(self):
        self.desk.move(Move.ADMIT)

    def pause(self, reason):
        self.desk.move(Move.PAUSE, reason)

    def resume(self):
        self.desk.move(Move.RESUME)

    def end(self, reason):
        self.desk.move(Move.TERMINATE, reason)

    def say(self, text):
        self.desk.say(text)

    def seal(self):
        self.desk.move(Move.SEAL)

    def pass_ms(self, ms):
        self.clock.pass_ms(ms)


class RealRoom:
    """The same with the real custody on a real database."""

    def __init__(self, folder):
        self.clock = SimulatedClock()
        self.desk = Desk(desk="desk-1", run_dir=folder / "run", data_dir=folder / "data")
        self.store = Store(self.desk.folder("custody") / "custody.db")
        enrol(folder / "authority", self.desk.data_dir, self.desk.desk)
        self.start()
        self.away = False
        self._orders = 0

    def start(self):
        identity = CustodySettings().identity(self.desk)
        self.custody = Custody(self.desk, CustodySettings(), self.store, self.clock, identity)

    def add_camera(self):
        self.desk = msgspec.structs.replace(self.desk, second_camera=Camera(camera="side"))
        self.start()

    def ask(self, request, answer, patience_s=5.0):
        if self.away:
            raise CustodyAway("The recorder of this desk does not answer.")
        return expect(wire.decode(self.custody.handle(wire.encode(request)), wire.Reply), answer)

    def view(self, timeout_ms=0):
        return self.custody.view()

    def order(self, command):
        self._orders += 1
        now = self.clock.utc_ms()
        view = self.custody.view()
        order = wire.Order(
            id=f"o{self._orders}",
            desk="desk-1",
            session=None if isinstance(command, wire.Prepare) else view.session,
            by="ann",
            issued_utc_ms=now,
            expires_utc_ms=now + 60_000,
            command=command,
        )
        outcome = self.ask(wire.TakeOrder(order=order), wire.OrderOutcome)
        assert outcome.result == "succeeded", outcome

    def prepare(self, *chosen, **named):
        self.order(prepare(*chosen, **named))

    def start_detectors(self):
        self.ask(wire.Hello(part=Part.EDGE_AI, pid=1), wire.View)

    def photograph(self, fault=None):
        view = self.view()
        answer = {"session": view.session, "attempt": view.photo.attempt}
        told = wire.MissPhoto(**answer, fault=fault) if fault else wire.GivePhoto(**answer, photo=PHOTO)
        self.ask(told, wire.Done)

    def admit(self):
        self.order(wire.Admit())

    def pause(self, reason):
        self.order(wire.Pause(reason=reason))

    def resume(self):
        self.order(wire.Resume())

    def end(self, reason):
        self.order(wire.End(reason=reason))

    def say(self, text):
        self.order(wire.Say(text=text))

    def seal(self):
        for part in (Part.CAPTURE, Part.CAPTURE_SECOND, Part.EDGE_AI):
            self.ask(wire.Drained(session=self.view().session, part=part), wire.Done)
        self.custody.tick()

    def pass_ms(self, ms):
        self.clock.pass_ms(ms)
        self.custody.tick()


@pytest.fixture(params=[SimulatedRoom, RealRoom], ids=["simulated", "real custody"])
def room(request, tmp_path):
    """A desk to which exams have come."""
    room = request.param(tmp_path)
    room.prepare()
    return room


@pytest.fixture
def camera():
    return SimulatedCamera()


@pytest.fixture
def screen(room, camera):
    """A browser without scripts."""
    return Screen(make_app(lambda: room, camera).test_client())


class Screen:
    """What somebody does at the screen, one request each."""

    def __init__(self, client):
        self.client = client

    def token(self):
        return self.client.get("/state.json").json["token"]

    def do(self, path, **fields):
        return self.client.post(path, data={"csrf_token": self.token(), **fields}, follow_redirects=True)

    def see(self, path="/"):
        return self.client.get(path, follow_redirects=True)

    def page(self):
        return self.client.get("/state.json").json["page"]

    def save(self, question, value, revision=1):
        body = {"question": question, "value": value, "revision": revision}
        return self.client.post("/answers", json=body, headers={"X-CSRFToken": self.token()})

    def reach(self, page):
        """Walks to a page as a booked candidate in post-review mode."""
        steps = {
            "notice": lambda: self.do("/sign-in", code="K7M2QX"),
            "camera": lambda: self.do("/notice", agree="yes"),
            "ready": lambda: self.do("/camera"),
            "exam": lambda: self.do("/ready"),
            "handed_in": lambda: self.do("/exam"),
        }
        for reached, step in steps.items():
            step()
            if reached == page:
                return self
        raise AssertionError(page)


@pytest.fixture
def prepared():
    """What the review server sends."""
    return prepare()


@pytest.fixture
def desk(prepared):
    """A desk in memory on the real clock, that may be asked from any thread."""
    desk = SimulatedDesk(prepared)
    desk.seals = False
    return desk


@pytest.fixture
def served(desk, camera):
    """The address of the kiosk as the desk's browser reaches it."""
    face = Face(make_app(lambda: desk, camera), "127.0.0.1", 0)
    serve(face)
    yield f"http://127.0.0.1:{face.port}"
    face.close()


@pytest.fixture
def process(desk, tmp_path):
    """The kiosk as a process of its own, with a desk in memory behind the real sockets."""
    process = Process(desk, tmp_path)
    yield process
    process.close()


class Process:
    """Starts, kills and starts again what the supervisor would."""

    def __init__(self, desk, folder):
        self.desk, self.parts = desk, []
        self.settings = folder / "desk.toml"
        (folder / "run").mkdir()
        self.runtime = Desk(desk="desk-1", run_dir=folder / "run", data_dir=folder)
        self._write(0)
        self._over, self._news = threading.Event(), threading.Condition()
        self._custody = threading.Thread(target=self._answer)
        self._custody.start()
        self.child = None

    def _write(self, port):
        lines = ['desk = "desk-1"', f'run_dir = "{self.runtime.run_dir}"', f'data_dir = "{self.runtime.data_dir}"']
        self.settings.write_text("\n".join([*lines, "[kiosk_ui]", f"port = {port}"]))

    def _answer(self):
        with Answerer(self.runtime.socket("custody")) as requests:
            while not self._over.is_set():
                requests.answer(self._reply, timeout_ms=50)

    def _reply(self, data):
        request = wire.decode(data, wire.Request)
        if isinstance(request, wire.Hello | wire.Alive | wire.Goodbye):
            with self._news:
                self.parts.append(type(request))
                self._news.notify()
            return wire.encode(self.desk.view() if isinstance(request, wire.Hello) else wire.Done())
        try:
            return wire.encode(self.desk.ask(request, wire.Message))
        except Refused as refusal:
            return wire.encode(wire.Denied(code=refusal.code, reason=refusal.reason))

    def heard(self, kind):
        """Whether custody is told that within a while."""
        with self._news:
            return self._news.wait_for(lambda: kind in self.parts, timeout=15)

    def start(self):
        """Starts the process and waits for its line; a second start takes the same port."""
        command = [sys.executable, "-m", "appliance.kiosk_ui", "--settings", str(self.settings)]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        line = self.child.stdout.readline()
        assert line, self.child.stderr.read().decode()
        self.ready = json.loads(line)
        self.url = self.ready["url"]
        self._write(int(self.url.rpartition(":")[2]))
        return self

    def end(self, number):
        """Sends a signal; the exit status and what was logged."""
        self.child.send_signal(number)
        _, logged = self.child.communicate(timeout=15)
        return self.child.returncode, logged.decode()

    def close(self):
        if self.child is not None and self.child.poll() is None:
            self.end(signal.SIGKILL)
        self._over.set()
        self._custody.join()


@pytest.fixture(scope="module")
def browser(chromium):
    """One real browser for the tests of a file; Playwright can be started only once at a time."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-quic"])


@pytest.fixture
def tab(browser):
    """A fresh window of a kiosk's size."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(15_000)
    yield page
    page.close()
