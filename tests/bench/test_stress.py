"""The desk under pressure, at its shortest: it is measured, and no picture is lost. How fast it is, no test asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bench import stress
from deskproctor.candidate_browser import find_chromium

FIGURES = {
    "answer_saved_ms",
    "screen_saved_ms",
    "bare_commit_ms",
    "answers",
    "frames_recorded",
    "frames_dropped",
    "recording_began_ms",
    "gaps",
    "analysed_fps",
}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two seconds of grey that gets lighter, 10 pictures a second."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(20):
            rows = np.full((270, 320), 100 + number, np.uint8)
            picture = av.VideoFrame.from_ndarray(rows, format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return path


@pytest.mark.journey
@pytest.mark.timeout(600)  # two whole sites beside busy processors
def test_beside_busy_processors_an_exam_is_recorded_without_a_lost_picture(clip: Path) -> None:
    command = [sys.executable, "-m", "bench.stress", "--seconds", "5", "--video", str(clip)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert set(told) == FIGURES | {"camera", "processors", "busy", "seconds", "p95_over_rest", "at_rest"}
    assert set(told["at_rest"]) == FIGURES
    for phase in (told, told["at_rest"]):
        assert set(phase["answer_saved_ms"]) == set(phase["bare_commit_ms"]) == {"p50", "p95", "max"}
        assert phase["answers"] > 1
        assert set(phase["screen_saved_ms"] or ()) == ({"p50", "p95", "max"} if find_chromium() else set())
        assert phase["frames_recorded"] > 20
        assert phase["frames_dropped"] == 0
        assert phase["gaps"] == []


def test_pictures_that_are_due_follow_the_clip_lap_after_lap(clip: Path) -> None:
    assert stress.pictures_due(clip, 10, 0, 4000) == 40
    assert stress.pictures_due(clip, 10, 500, 2500) == 20
    assert stress.pictures_due(clip, 15, 0, 4000) == 40, "a recorder makes no pictures up"
    assert stress.pictures_due(clip, 5, 0, 4000) == 20


def test_the_spread_of_times_is_median_p95_and_longest() -> None:
    assert stress.spread([float(n) for n in range(1, 102)]) == {"p50": 51.0, "p95": 96.0, "max": 101.0}


@pytest.mark.parametrize("programs", [True, False])
def test_every_processor_is_kept_busy_whatever_is_installed(programs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        stress.shutil, "which", lambda name: f"/bin/{name}" if programs and name == "stress" else None
    )
    processors = os.cpu_count() or 1
    found = stress.stressors()
    if programs:
        assert found.commands == [["/bin/stress", "--cpu", str(processors)]]
    else:
        assert len(found.commands) == processors
    assert str(processors) in found.name


def test_stressors_that_end_early_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stress, "stressors", lambda: stress.Stressors("nothing", [["true"]]))
    with pytest.raises(AssertionError, match="nothing was measured"), stress.pressed():
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
