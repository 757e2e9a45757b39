import logging

import numpy as np
import pytest
from msgspec.structs import replace

from appliance.edge_ai.analyser import Analyser, Detectors
from appliance.edge_ai.budget import Budget
from appliance.edge_ai.check_in import CheckIn
from appliance.edge_ai.picture import from_rgb
from appliance.edge_ai.service import HELD, EdgeAI
from appliance.edge_ai.simulated import (
    CANDIDATE,
    SimulatedFaces,
    SimulatedFrames,
    SimulatedItems,
    SimulatedPhotographer,
)
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.custody_link import CustodyAway
from appliance.runtime.frames import Frame
from appliance.runtime.simulated import SimulatedCustody
from proctoring.check_in import PhotoFault, PhotoStep
from proctoring.errors import Refused
from proctoring.flag import FlagKind
from proctoring.observation import Face
from proctoring.policy import Policy, Recording
from proctoring.session import State
from proctoring.wire import (
    AskPhoto,
    CheckInPhoto,
    Drained,
    EndFlag,
    FrameHead,
    GivePhoto,
    MissPhoto,
    RaiseFlag,
    View,
)

SECOND = Face(score=0.9, box=(0.7, 0.2, 0.9, 0.5))
ZERO_MS = 1_000_000


def room():
    rgb = np.zeros((72, 128, 3), np.uint8)
    rgb[:, 40:] = 180
    picture = from_rgb(rgb)
    return b"".join(plane.tobytes() for plane in (picture.luma, picture.blue, picture.red))


ROOM = room()


class Told:
    """A recognition that notes whom it was told to expect."""

    def __init__(self):
        self.begun = []

    def begin(self, photo, compares):
        self.begun.append((photo is not None, compares))

    def measure(self, picture, faces, at_ms):
        return faces


class Desk:
    """The analysis of a desk between a simulated custody and simulated frames."""

    def __init__(self, faces=None, photographer=None, ears=None):
        self.clock = SimulatedClock(mono_ms=ZERO_MS)
        self.custody = SimulatedCustody()
        self.frames = SimulatedFrames()
        self.number = 0
        self.recognition = Told()
        analyser = Analyser(faces or SimulatedFaces(), SimulatedItems(), self.recognition)
        self.photographer = photographer or SimulatedPhotographer()
        self.service = EdgeAI(
            self.custody,
            self.frames,
            Detectors(analyser, {"faces": "beef"}, "simulated"),
            CheckIn(self.photographer, self.clock),
            self.clock,
            Budget(0.5, cores=4),
            ears,
        )

    def show(self, state, session="s-1", **more):
        zero = None if state in (State.CHECKING_IN, State.READY, None) else ZERO_MS
        self.custody.show(
            View(
                desk="desk-1",
                prepared=True,
                walk_in=True,
                session=session,
                state=state,
                zero_mono_ms=zero,
                **more,
            )
        )

    def film(self, count, every_ms=125, planes=ROOM, size=(128, 72)):
        for _ in range(count):
            self.number += 1
            head = FrameHead(number=self.number, mono_ms=self.clock.mono_ms(), width=size[0], height=size[1])
            self.frames.put(Frame(head, planes))
            before_ms = self.clock.mono_ms()
            self.service.step()
            self.clock.pass_ms(max(0, every_ms - (self.clock.mono_ms() - before_ms)))

    def told(self, kind):
        return self.custody.asked_for(kind)


def two_faces():
    return SimulatedFaces((CANDIDATE, SECOND))


def test_a_flag_goes_to_custody_with_a_thumbnail_as_soon_as_it_is_raised():
    desk = Desk(two_faces())
    desk.show(State.RUNNING)
    desk.film(12)
    (message,) = desk.told(RaiseFlag)
    assert message.flag.kind is FlagKind.SEVERAL_FACES
    assert message.flag.started_ms == 0
    assert [picture.jpeg[:2] for picture in message.thumbnails] == [b"\xff\xd8"] * 2


def test_the_end_of_a_flag_goes_with_its_final_pictures():
    desk = Desk(SimulatedFaces(*[(CANDIDATE, SECOND)] * 12, (CANDIDATE,)))
    desk.show(State.RUNNING)
    desk.film(40)
    (ended,) = desk.told(EndFlag)
    assert ended.thumbnails[-1].at_ms == ended.flag.ended_ms


WANTED = PhotoStep(attempt=1, wanted=True)


def test_the_photo_that_custody_wants_is_taken_and_given_once():
    desk = Desk(photographer=SimulatedPhotographer(PhotoFault.NO_FACE))
    desk.show(State.CHECKING_IN, photo=WANTED)
    desk.film(5)
    (given,) = desk.told(GivePhoto)
    assert (given.session, given.attempt) == ("s-1", 1)
    assert given.photo.jpeg.startswith(b"\xff\xd8")
    assert desk.told(RaiseFlag) == []


def test_without_a_good_frame_custody_is_told_what_is_wrong():
    desk = Desk(photographer=SimulatedPhotographer(*[PhotoFault.TOO_DARK] * 100))
    desk.show(State.CHECKING_IN, photo=WANTED)
    desk.film(40)
    (missed,) = desk.told(MissPhoto)
    assert missed.fault is PhotoFault.TOO_DARK


def test_a_photo_that_custody_could_not_take_yet_is_given_when_it_is_back():
    desk = Desk()
    desk.custody.answers = {GivePhoto: away}
    desk.show(State.CHECKING_IN, photo=WANTED)
    desk.film(2)
    desk.custody.asked.clear()
    desk.custody.answers.clear()
    desk.film(1)
    assert len(desk.told(GivePhoto)) == 1


def test_whoever_is_on_the_photo_is_expected_also_after_a_restart_in_the_middle_of_the_exam():
    desk = Desk()
    desk.custody.answers = {AskPhoto: CheckInPhoto(jpeg=b"a photo")}
    desk.show(State.RUNNING)
    desk.film(3)
    assert desk.recognition.begun == [(True, True)]
    assert desk.told(AskPhoto) == [AskPhoto(session="s-1")]


def test_without_a_photo_nobody_in_particular_is_expected():
    desk = Desk()
    desk.show(State.RUNNING)
    desk.film(3)
    assert desk.recognition.begun == [(False, True)]


def test_where_the_policy_compares_no_faces_no_photo_is_asked_for():
    desk = Desk()
    desk.show(State.RUNNING, policy=Policy(identity=False))
    desk.film(3)
    assert desk.recognition.begun == [(False, False)]
    assert desk.told(AskPhoto) == []


def test_an_exam_is_watched_as_soon_as_custody_has_said_who_sits_there():
    desk = Desk(two_faces())
    desk.custody.answers = {AskPhoto: away}
    desk.show(State.RUNNING)
    desk.film(12)
    assert desk.told(RaiseFlag) == []
    desk.custody.answers.clear()
    desk.show(State.RUNNING)
    desk.film(12)
    assert len(desk.told(RaiseFlag)) == 1


@pytest.mark.parametrize("state", [None, State.CHECKING_IN, State.READY, State.PAUSED, State.SUBMITTED])
def test_nothing_is_analysed_unless_the_exam_is_running(state):
    desk = Desk(two_faces())
    desk.show(state)
    desk.film(20)
    assert desk.told(RaiseFlag) == []


def test_a_pause_ends_the_open_flags_and_a_resume_watches_on():
    desk = Desk(two_faces())
    desk.show(State.RUNNING)
    desk.film(12)
    desk.show(State.PAUSED)
    desk.film(80)
    (ended,) = desk.told(EndFlag)
    assert ended.flag.ended_ms == pytest.approx(11 * 125, abs=130)
    desk.show(State.RUNNING)
    desk.film(12)
    assert len(desk.told(RaiseFlag)) == 2


@pytest.mark.parametrize("end", [State.SUBMITTED, State.TERMINATED])
def test_the_end_ends_open_flags_and_hands_over_the_summary_once(end):
    desk = Desk(two_faces())
    desk.show(State.RUNNING)
    desk.film(17)
    desk.show(end)
    desk.film(3)
    desk.show(end)
    desk.film(3)
    assert len(desk.told(EndFlag)) == 1
    (drained,) = desk.told(Drained)
    assert isinstance(desk.custody.asked[-1], Drained)
    assert drained.summary.frames_analysed == 17
    assert drained.summary.analysed_fps == pytest.approx(8, abs=0.1)
    assert drained.summary.models == {"faces": "beef"}
    assert drained.summary.runtime == "simulated"


def test_an_analysis_that_was_restarted_after_the_end_still_says_that_it_has_nothing_left():
    desk = Desk()
    desk.show(State.SUBMITTED)
    desk.film(2)
    assert desk.told(Drained) == [Drained(session="s-1", part="edge_ai", summary=None)]


def test_each_session_is_drained_and_counts_for_itself():
    desk = Desk(two_faces())
    for session in ("s-1", "s-2"):
        desk.show(State.RUNNING, session)
        desk.film(9)
        desk.show(State.SUBMITTED, session)
        desk.film(1)
    assert [drained.summary.frames_analysed for drained in desk.told(Drained)] == [9, 9]


def test_frames_that_the_camera_offered_in_between_are_counted_as_skipped():
    desk = Desk()
    desk.show(State.RUNNING)
    desk.film(3)
    desk.number += 4
    desk.film(2)
    desk.show(State.SUBMITTED)
    desk.film(1)
    assert desk.told(Drained)[0].summary.frames_skipped == 4


def away(request):
    raise CustodyAway("not there")


def test_what_custody_must_know_is_held_in_order_while_it_is_away():
    desk = Desk(two_faces())
    desk.show(State.RUNNING)
    desk.custody.answers = {RaiseFlag: away, EndFlag: away, Drained: away}
    desk.film(12)
    desk.show(State.SUBMITTED)
    desk.film(2)
    desk.custody.asked.clear()
    desk.custody.answers.clear()
    desk.film(1)
    assert [type(message) for message in desk.custody.asked] == [RaiseFlag, EndFlag, Drained]


def test_what_is_held_has_a_bound_and_a_loss_is_said(caplog):
    desk = Desk()
    desk.custody.answers[Drained] = away
    with caplog.at_level(logging.ERROR):
        for number in range(HELD + 2):
            desk.show(State.SUBMITTED, f"s-{number}")
            desk.service.step()
    assert "is lost" in caplog.text
    desk.custody.asked.clear()
    desk.custody.answers.clear()
    desk.service.step()
    assert len(desk.told(Drained)) == HELD


def test_what_custody_refuses_is_not_sent_again():
    def refuse(request):
        raise Refused("no_session", "There is no session.")

    desk = Desk()
    desk.custody.answers[Drained] = refuse
    desk.show(State.SUBMITTED)
    desk.film(5)
    assert len(desk.told(Drained)) == 1


def test_a_frame_from_before_the_exam_is_not_analysed():
    desk = Desk()
    desk.show(State.RUNNING)
    desk.clock.pass_ms(-500)
    desk.film(2)
    desk.show(State.SUBMITTED)
    desk.film(1)
    assert desk.told(Drained)[0].summary.frames_analysed == 0


def test_the_rate_stays_within_the_setting_however_fast_the_camera_is():
    desk = Desk()
    desk.show(State.RUNNING)
    desk.film(40, every_ms=0)
    assert desk.clock.mono_ms() - ZERO_MS >= 39 * 125 - 125


def test_bytes_that_are_no_frame_are_left_out_and_the_analysis_goes_on(caplog):
    desk = Desk()
    desk.show(State.RUNNING)
    desk.film(1, planes=b"too short")
    desk.film(3)
    desk.show(State.SUBMITTED)
    desk.film(1)
    assert desk.told(Drained)[0].summary.frames_analysed == 3
    assert "left out" in caplog.text


class Speech:
    """Ears that hear somebody speak from a moment on."""

    def __init__(self, from_ms):
        self.models = {"silero_vad": "cafe"}
        self._from_ms = from_ms

    def voice(self, mono_ms):
        return 1.0 if mono_ms >= self._from_ms else 0.0


class Mouth(SimulatedFaces):
    """The candidate's mouth opens and closes all the time."""

    def follow(self, picture, at_ms, gaze=True):
        return (replace(CANDIDATE, mouth_open=0.3 if at_ms // 125 % 2 else 0.02),)


def test_where_there_is_a_microphone_talking_is_flagged_once_a_voice_is_heard():
    desk = Desk(Mouth(), ears=Speech(ZERO_MS + 6000))
    desk.show(State.RUNNING, policy=Policy(recording=Recording(microphone=True)))
    desk.film(80)
    (flag,) = [message.flag for message in desk.told(RaiseFlag) if message.flag.kind is FlagKind.TALKING]
    assert flag.started_ms >= 6000
    assert "silero_vad" in flag.why.models


def test_the_summary_names_the_network_that_listened_only_where_the_policy_lets_it():
    for microphone in (True, False):
        desk = Desk(ears=Speech(ZERO_MS))
        desk.show(State.RUNNING, policy=Policy(recording=Recording(microphone=microphone)))
        desk.film(5)
        desk.show(State.SUBMITTED, policy=Policy(recording=Recording(microphone=microphone)))
        desk.film(1)
        (drained,) = desk.told(Drained)
        assert ("silero_vad" in drained.summary.models) == microphone
