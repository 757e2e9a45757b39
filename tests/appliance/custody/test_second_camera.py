"""Custody at a desk with two cameras: each counts, fails and hands over for itself."""

import msgspec
import pytest

from appliance.runtime.settings import Camera
from deskproctor.fsck import check
from proctoring import fact as f
from proctoring import wire
from proctoring.policy import Policy, Recording, Retention
from proctoring.session import State

SECOND = f.Part.CAPTURE_SECOND


def plug_in(desk, camera):
    """Starts custody anew with that second camera in the settings, or with none."""
    desk.desk = msgspec.structs.replace(desk.desk, second_camera=camera)
    desk.die_and_start_again()


@pytest.fixture
def two(desk):
    """The desk with a second camera, "side"."""
    plug_in(desk, Camera(camera="side"))
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


def test_a_second_camera_that_was_back_and_is_away_again_is_told_of_again(two):
    two.run_exam()
    ended = wire.ReportCameraEnd(session=two.view.session, reason="unplugged", part=SECOND)
    two.pass_s(5)
    two.ask(ended, wire.Saved)
    two.ask(of_the_side(two.segment(b"filmed before it was away", number=1)), wire.Saved)
    two.ask(ended, wire.Saved)
    assert len(two.facts(f.CameraEnded)) == 1
    back = of_the_side(two.segment(b"back", number=2))
    two.ask(
        msgspec.structs.replace(
            back, segment=msgspec.structs.replace(back.segment, started_ms=8000, ended_ms=10_000)
        ),
        wire.Saved,
    )
    two.die_and_start_again()
    for _ in range(2):
        two.ask(ended, wire.Saved)
    assert len(two.facts(f.CameraEnded)) == 2


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


def test_the_recording_is_as_long_as_the_exam_was_filmed_however_many_cameras_there_are(two):
    two.run_exam()
    two.ask(two.segment(number=1), wire.Saved)
    two.ask(of_the_side(two.segment(b"from the side", number=1)), wire.Saved)
    assert two.ask(wire.AskRecord(), wire.Record).recorded_ms == 2000


def test_a_ledger_of_one_camera_reads_as_it_always_did(desk):
    for fact in (f.CameraEnded(reason="ended"), f.EncoderChosen(encoder="libx264", reason="so")):
        assert b"part" not in msgspec.json.encode(fact)
    desk.run_exam()
    (opened,) = desk.facts(f.SessionOpened)
    assert (opened.second_camera, b"second_camera" in msgspec.json.encode(opened)) == ("", False)


# --- the table comes and goes -----------------------------------------------------------------------


def test_a_session_says_at_its_start_which_second_camera_films_it(two):
    two.run_exam()
    (opened,) = two.facts(f.SessionOpened)
    assert opened.second_camera == "side"


def test_a_second_camera_that_is_taken_away_in_mid_exam_is_a_gap_until_the_sessions_end(two):
    two.run_exam()
    two.ask(two.segment(), wire.Saved)
    two.ask(of_the_side(two.segment(b"from the side", number=1)), wire.Saved)
    two.pass_s(5)
    two.clock.reboot(away_ms=60_000)
    plug_in(two, None)
    assert two.view.cameras == 2, "the candidate was told of two"
    lost = [gap for gap in two.facts(f.Gap) if "lost power" in gap.reason]
    assert [(gap.part, gap.from_ms) for gap in lost] == [(f.Part.CAPTURE, 2000), (SECOND, 2000)]
    two.ask(wire.Hello(part=f.Part.KIOSK_UI, pid=1))
    two.pass_s(10, silent={SECOND})
    assert [fact.part for fact in two.facts(f.PartAbsent)] == [SECOND]
    hand_over(two, f.Part.CAPTURE, f.Part.EDGE_AI)
    two.pass_s(20, silent={SECOND})
    assert two.view.state is State.SEALED
    told = [gap.reason for gap in two.facts(f.Gap) if gap.part is SECOND]
    assert "It stopped reporting and was not back when the exam ended." in told
    two.ask(wire.Leave())
    two.ask(wire.SignIn(name="Ben"))
    assert two.view.cameras == 1


def test_the_loss_of_the_first_camera_is_not_hidden_by_what_a_second_one_that_is_gone_had_recorded(two):
    two.run_exam()
    later = of_the_side(two.segment(b"from the side", number=1))
    later = msgspec.structs.replace(later, segment=msgspec.structs.replace(later.segment, ended_ms=5000))
    two.ask(later, wire.Saved)
    two.pass_s(5)
    two.clock.reboot(away_ms=60_000)
    plug_in(two, None)
    lost = [gap for gap in two.facts(f.Gap) if "lost power" in gap.reason]
    assert [(gap.part, gap.from_ms) for gap in lost] == [(f.Part.CAPTURE, 0), (SECOND, 5000)]


def test_a_second_camera_that_comes_in_mid_exam_films_from_the_next_session_on(desk):
    desk.run_exam()
    plug_in(desk, Camera(camera="side"))
    assert desk.view.cameras == 1, "the candidate was told of one"
    desk.pass_s(10, silent={SECOND})
    desk.finish()
    assert desk.view.state is State.SEALED
    assert desk.facts(f.PartAbsent) == []
    assert {gap.part for gap in desk.facts(f.Gap)} <= {f.Part.CUSTODY}
    desk.ask(wire.Leave())
    assert desk.view.cameras == 2


def test_the_room_for_both_stays_reserved_while_custody_restarts_without_the_table(two):
    policy = Policy(recording=Recording(bit_rate=50_000, spare_minutes=0))
    two.run_exam(policy)
    plug_in(two, None)
    assert (two.desk.data_dir / "reserved").stat().st_size == policy.recording.bytes_for(600_000, cameras=2)


def test_a_second_camera_that_dies_and_comes_back_is_a_gap_of_its_own_with_its_reason(two):
    two.run_exam()
    two.ask(wire.Hello(part=SECOND, pid=1))
    two.pass_s(5)
    two.pass_s(10, silent={SECOND})
    two.ask(wire.Hello(part=SECOND, pid=2, after="killed by SIGKILL"))
    (gap,) = two.facts(f.Gap)
    assert (gap.part, gap.to_ms - gap.from_ms) == (SECOND, 10_000)
    assert "killed by SIGKILL" in gap.reason


def test_with_one_camera_nobody_waits_for_a_second(desk):
    desk.run_exam()
    desk.pass_s(10, silent={SECOND})
    desk.finish()
    assert (desk.view.state, desk.view.cameras) == (State.SEALED, 1)
    assert desk.facts(f.Gap) == desk.facts(f.PartAbsent) == []


# --- how long both are kept -------------------------------------------------------------------------


def receipt(desk, session, *names):
    """The server confirms the ledger, and the segments of these cameras."""
    lines = desk.store.lines(session)
    segments = [one.segment for one in desk.facts(f.SegmentStored, session)]
    given = wire.Receipt(
        desk="desk-1",
        session=session,
        up_to_seq=len(lines),
        up_to_hash=lines[-1].hash,
        segments=tuple(one.sha256 for one in segments if one.camera in names),
    )
    desk.ask(wire.TakeReceipt(receipt=given), wire.Done)


def pass_days(desk, days):
    desk.clock.pass_ms(days * 86_400_000)
    desk.custody.tick()


def test_nothing_of_either_camera_is_forgotten_before_the_server_has_both(two):
    session = two.run_exam(Policy(retention=Retention(desk_days=14))).session
    for number in (1, 2):
        two.ask(two.segment(b"%d" % number, number=number), wire.Saved)
        two.ask(of_the_side(two.segment(b"side %d" % number, number=number)), wire.Saved)
    hand_over(two, f.Part.CAPTURE, SECOND, f.Part.EDGE_AI)
    two.ask(wire.Leave())
    clock = two.clock
    now = wire.TakeTime(boot=clock.boot(), mono_ms=clock.mono_ms(), utc_ms=clock.utc_ms(), uncertainty_ms=5)
    two.ask(now, wire.Done)
    stored = two.desk.data_dir / "segments"
    receipt(two, session, "desk")
    for days in (1, 500):
        pass_days(two, days)
    assert len(list(stored.iterdir())) == 4
    receipt(two, session, "desk", "side")
    for days in (1, 15):
        pass_days(two, days)
    assert list(stored.iterdir()) == []
    report = check(two.desk.data_dir)
    assert (report.status, report.findings) == ("clean", ())


@pytest.mark.parametrize("level", ["rows", "files", "hashes"])
def test_fsck_finds_both_cameras_recordings_and_misses_one_that_is_gone(two, level):
    two.run_exam()
    two.ask(two.segment(number=1), wire.Saved)
    side = of_the_side(two.segment(b"from the side", number=1))
    two.ask(side, wire.Saved)
    hand_over(two, f.Part.CAPTURE, SECOND, f.Part.EDGE_AI)
    assert check(two.desk.data_dir, level).status == "clean"
    sha256 = next(one.segment.sha256 for one in two.facts(f.SegmentStored) if one.segment.camera == "side")
    (two.desk.data_dir / "segments" / f"{sha256}.mp4.age").unlink()
    found = [str(finding) for finding in check(two.desk.data_dir, level).findings]
    assert bool(found) == (level != "rows")
    assert all(sha256[:12] in line or "side" in line for line in found), found
