"""Which encoder records stands in the ledger, each change once."""

from proctoring import fact as f
from proctoring import wire


def report(desk, encoder, reason="this board has it"):
    desk.ask(wire.ReportEncoder(session=desk.view.session, encoder=encoder, reason=reason), wire.Saved)


def test_the_encoder_and_its_change_are_facts_with_their_reason(desk):
    desk.run_exam()
    report(desk, "h264_v4l2m2m")
    report(desk, "libx264", "h264_v4l2m2m failed: no buffers")
    assert desk.facts(f.EncoderChosen) == [
        f.EncoderChosen(encoder="h264_v4l2m2m", reason="this board has it"),
        f.EncoderChosen(encoder="libx264", reason="h264_v4l2m2m failed: no buffers"),
    ]


def test_a_recorder_that_was_started_anew_says_nothing_new(desk):
    desk.run_exam()
    report(desk, "libx264")
    desk.die_and_start_again()
    report(desk, "libx264")
    assert [fact.encoder for fact in desk.facts(f.EncoderChosen)] == ["libx264"]
