"""The real detectors where there is hardly any time for them."""

import time

import numpy as np
import pytest

from appliance.edge_ai.analyser import Detectors
from appliance.edge_ai.assembly import Networks, analysis
from appliance.edge_ai.budget import Budget
from appliance.edge_ai.check_in import CheckIn
from appliance.edge_ai.schedule import ORDER
from appliance.edge_ai.service import EdgeAI
from appliance.edge_ai.session_watch import SessionWatch
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.simulated import SimulatedPhotographer
from appliance.runtime.clock import SystemClock
from appliance.runtime.frames import Frame
from appliance.runtime.simulated import SimulatedCustody
from deskproctor.offline import Pictures
from proctoring.flag import FlagKind
from proctoring.policy import Policy, Recording
from proctoring.session import State
from proctoring.wire import Drained, FrameHead, ReportReduction, View

LOWEST = len(ORDER)


@pytest.fixture(scope="module")
def networks():
    return Networks(EdgeAISettings())


def flags_at(level, clip, networks):
    watch = SessionWatch("clip", 0, Policy(), {})
    analyser, flags = analysis(EdgeAISettings(), networks).analyser, {}
    pictures = Pictures(clip, Recording(), 1000 / watch.frame_pause_ms(level))
    for at_ms, picture in pictures:
        seen = analyser.observe(picture, at_ms, watch.plan(at_ms, level))
        flags |= {one.flag.id: one.flag for one in watch.feed(seen, pictures.frames_read, picture)}
    pictures.close()
    return list((flags | {one.flag.id: one.flag for one in watch.rest()}).values())


@pytest.mark.media
@pytest.mark.parametrize(
    ("clip", "kind", "from_ms", "to_ms"),
    [
        ("a2_desk_phone_brief", FlagKind.PROHIBITED_OBJECT, 4400, 5200),
        ("a4_identity_swap_M_to_O", FlagKind.DIFFERENT_PERSON, 12_800, 23_830),
        ("a5_second_face_appears", FlagKind.SEVERAL_FACES, 5167, 9833),
    ],
)
def test_what_matters_is_still_flagged_and_nothing_else(media, networks, clip, kind, from_ms, to_ms):
    (flag,) = flags_at(LOWEST, media / f"clips/{clip}.mp4", networks)
    assert flag.kind is kind
    covered_ms = min(flag.ended_ms, to_ms) - max(flag.started_ms, from_ms)
    assert covered_ms >= 0.5 * (to_ms - from_ms)
    assert flag.raised_ms - from_ms <= 3000


class Noise:
    """A camera that shows another picture each time it is asked."""

    def __init__(self, clock):
        self.clock, self.number, self.random = clock, 0, np.random.default_rng(1)

    def newest(self, timeout_ms):
        del timeout_ms
        self.number += 1
        planes = self.random.integers(0, 255, 640 * 360 * 3 // 2, np.uint8).tobytes()
        head = FrameHead(number=self.number, mono_ms=self.clock.mono_ms(), width=640, height=360)
        return Frame(head, planes)


def test_real_detectors_that_take_more_than_their_share_give_way_and_say_what_it_came_to(networks):
    clock, custody = SystemClock(), SimulatedCustody()
    analyser, *_ = analysis(EdgeAISettings(), networks)
    detectors, check_in = Detectors(analyser, {}, networks.runtime), CheckIn(SimulatedPhotographer(), clock)
    desk = EdgeAI(custody, Noise(clock), detectors, check_in, clock, Budget(0.001, cores=2))

    def show(state):
        zero_ms = clock.mono_ms() if state is State.RUNNING else 0
        custody.show(View(desk="d", prepared=True, walk_in=True, session="s", state=state, zero_mono_ms=zero_ms))

    def levels():
        return [report.reduced.level for report in custody.asked_for(ReportReduction)]

    show(State.RUNNING)
    until_s = time.monotonic() + 90
    while levels()[-1:] != [2] and time.monotonic() < until_s:
        desk.step()
    show(State.SUBMITTED)
    desk.step()
    assert levels() == [0, 1, 2]
    assert "of the processor" in custody.asked_for(ReportReduction)[-1].reduced.reason
    summary = custody.asked_for(Drained)[-1].summary
    assert 0 < summary.latency_ms_median <= summary.latency_ms_p95
    assert 0 < summary.looks_skipped["items"] < summary.frames_analysed
