"""Custody at a desk with two cameras: each counts, fails and hands over for itself."""

import msgspec
import pytest

from appliance.runtime.settings import Camera
from proctoring import fact as f
from proctoring import wire
from proctoring.policy import Policy, Recording
from proctoring.session import State

SECOND = f.Part.CAPTURE_SECOND


@pytest.fixture
def two(desk):
    """The desk with a second camera, "side"."""
    desk.desk = msgspec.structs.replace(desk.desk, second_camera=Camera(camera="side"))
    desk.die_and_start_again()
    return desk


def of_the_side(request):
    return msgspec.structs.replace(request, segment=msgspec.structs.replace(request.segment, camera="side"))


def hand_over(desk, *parts):
    desk.ask(wire.Submit())
    for part in parts:
        desk.ask(wire.Drained(session=desk.view.session, part=part), wire.Done)
    desk.custody.tick()


def test_each_camera_has_its_own_count(two):
    two.run_exam()
    two.ask(two.segment(number=1), wire.Saved)
    two.ask(two.segment(b"more", number=2), wire.Saved)
    two.ask(of_the_side(two.segment(b"from the side", number=1)), wire.Saved)
    assert two.view.segment_numbers == {"desk": 2, "side": 1}
    two.die_and_start_again()
    assert two.view.segment_numbers == {"desk": 2, "side": 1}
    assert len(two.facts(f.SegmentStored)) == 3
    assert two.view.cameras == 2


def test_room_is_reserved_for_both_by_the_settings_alone(two):
    policy = Policy(recording=Recording(bit_rate=50_000, spare_minutes=0))
    two.run_exam(policy)
    assert (two.desk.data_dir / "reserved").stat().st_size == policy.recording.bytes_for(600_000, cameras=2)


def test_the_seal_waits_for_both_cameras(two):
    two.run_exam()
    hand_over(two, f.Part.CAPTURE, f.Part.EDGE_AI)
    assert two.view.state is State.SUBMITTED
    two.ask(wire.Drained(session=two.view.session, part=SECOND), wire.Done)
    two.custody.tick()
    assert two.view.state is State.SEALED
    assert two.facts(f.Gap) == []


def test_a_second_camera_that_is_away_holds_the_seal_up_for_a_while_and_is_a_gap(two):
    two.run_exam()
    two.pass_s(10, silent={SECOND})
    assert [fact.part for fact in two.facts(f.PartAbsent)] == [SECOND]
    hand_over(two, f.Part.CAPTURE, f.Part.EDGE_AI)
    two.pass_s(20, silent={SECOND})
    assert two.view.state is State.SEALED
    gaps = two.facts(f.Gap)
    assert {gap.part for gap in gaps} == {SECOND}
    assert "It did not hand over what it held in time." in [gap.reason for gap in gaps]


def test_the_end_of_the_second_camera_is_not_that_of_the_first(two):
    two.run_exam()
    ended = wire.ReportCameraEnd(session=two.view.session, reason="unplugged", part=SECOND)
    for _ in range(2):
        two.ask(ended, wire.Saved)
    assert not two.view.camera_ended
    two.ask(msgspec.structs.replace(ended, part=f.Part.CAPTURE), wire.Saved)
    assert two.view.camera_ended
    assert [fact.part for fact in two.facts(f.CameraEnded)] == [SECOND, f.Part.CAPTURE]


def test_each_camera_has_its_own_encoder(two):
    two.run_exam()
    for part, encoder in ((f.Part.CAPTURE, "h264_v4l2m2m"), (SECOND, "libx264")) * 2:
        two.ask(wire.ReportEncoder(session=two.view.session, encoder=encoder, reason="so", part=part), wire.Saved)
    assert [(fact.part, fact.encoder) for fact in two.facts(f.EncoderChosen)] == [
        (f.Part.CAPTURE, "h264_v4l2m2m"),
        (SECOND, "libx264"),
    ]


def test_a_power_cut_takes_from_each_camera_what_was_not_sealed_of_it(two):
    two.run_exam()
    two.ask(two.segment(), wire.Saved)
    two.pass_s(5)
    two.clock.reboot(away_ms=60_000)
    two.die_and_start_again()
    lost = [gap for gap in two.facts(f.Gap) if gap.part is not f.Part.CUSTODY]
    assert [(gap.part, gap.from_ms, gap.to_ms) for gap in lost] == [
        (f.Part.CAPTURE, 2000, 65_000),
        (SECOND, 0, 65_000),
    ]


def test_a_ledger_says_of_the_first_camera_what_it_always_said():
    for fact in (f.CameraEnded(reason="ended"), f.EncoderChosen(encoder="libx264", reason="so")):
        assert b"part" not in msgspec.json.encode(fact)


def test_with_one_camera_nobody_waits_for_a_second(desk):
    desk.run_exam()
    desk.pass_s(10, silent={SECOND})
    desk.finish()
    assert (desk.view.state, desk.view.cameras) == (State.SEALED, 1)
    assert desk.facts(f.Gap) == desk.facts(f.PartAbsent) == []
