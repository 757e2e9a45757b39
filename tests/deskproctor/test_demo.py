from pathlib import Path

import pytest

from deskproctor.cameras import NoPicture, choose
from deskproctor.demo import LIVE_MS, is_over, told
from proctoring.wire import View


def view(**more):
    return View(desk="desk-1", prepared=True, walk_in=True, **more)


@pytest.mark.parametrize(
    ("state", "mono_ms", "live", "over"),
    [
        (view(), 10**9, True, False),
        (view(zero_mono_ms=0), LIVE_MS, True, False),
        (view(zero_mono_ms=0), LIVE_MS + 1, True, True),
        (view(zero_mono_ms=0), LIVE_MS + 1, False, False),
        (view(zero_mono_ms=0, camera_ended=True), 5, False, True),
    ],
)
def test_the_played_candidate_hands_in_when_the_clip_ends_or_a_camera_ran_long_enough(state, mono_ms, live, over):
    assert is_over(state, mono_ms, live) is over


def test_an_alert_is_told_in_one_line_with_its_time_or_without_one():
    alert = {"start_s": 5.25, "technical": False, "words": "More than one face"}
    assert told(alert) == "      5.2 s  alert: More than one face"
    assert "before the exam  technical" in told({**alert, "start_s": None, "technical": True})


def test_without_camera_and_clip_the_sentence_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("deskproctor.cameras.first_camera", lambda: None)
    monkeypatch.setattr("deskproctor.cameras.CLIP", "no-such-clip.mp4")
    with pytest.raises(NoPicture, match="--video"):
        choose(None, loop=True)


def test_a_camera_comes_before_the_made_clip(monkeypatch):
    monkeypatch.setattr("deskproctor.cameras.first_camera", lambda: Path("/dev/video7"))
    assert choose(None, loop=False) == ({"source": "usb", "device": "/dev/video7"}, "camera /dev/video7")
