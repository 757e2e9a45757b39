"""Looped clips, at their shortest."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import click
import numpy as np
import pytest

from appliance.capture.video import VideoReader
from bench import hours


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Four seconds that get lighter, 10 pictures a second; nobody is in them."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(40):
            rows = np.full((270, 320), 128, np.uint8)
            rows[:180] = 40 + 5 * number
            picture = av.VideoFrame.from_ndarray(rows, format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))
    return path


def shades(path: Path) -> list[tuple[int, int]]:
    """Time in milliseconds and number in the clip of each picture."""
    reader = VideoReader(path)
    return [
        (still.at_ms, round((float(np.asarray(still.picture.to_ndarray())[:180].mean()) - 40) / 5))
        for still in iter(reader.next, None)
    ]


def test_the_stretches_are_joined_and_looped_at_the_clip_s_own_pace(clip: Path, tmp_path: Path) -> None:
    lap = hours.Lap(clip, ((0.5, 1.0), (2.0, 2.5)))
    film = tmp_path / "film.mp4"
    hours.loop(hours.encoded(lap, tmp_path / "lap.mp4"), film, 2.5 / 3600)
    seen = shades(film)
    assert [at_ms for at_ms, _ in seen] == list(range(0, 3000, 100))
    assert [number for _, number in seen] == [*range(5, 10), *range(20, 25)] * 3


def test_a_clip_without_stretches_is_looped_whole(clip: Path, tmp_path: Path) -> None:
    lap = hours.Lapped().convert(str(clip), None, None)
    assert len(shades(hours.encoded(lap, tmp_path / "lap.mp4"))) == 40


@pytest.mark.parametrize("name", ["{}@1", "{}@a-b", "{}@1-2-3", "missing.mp4"])
def test_what_is_no_clip_or_no_stretch_is_refused_with_what_is_wrong(name: str, clip: Path) -> None:
    with pytest.raises(click.BadParameter, match=r"stretches such as|there is no clip"):
        hours.Lapped().convert(name.format(clip), None, None)


@pytest.mark.journey
def test_flags_are_counted_by_the_hour_suspicions_and_technical_ones_apart(clip: Path) -> None:
    command = [sys.executable, "-m", "bench.hours", "--hours", "0.005", f"{clip}@2-2.5"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    (told,) = json.loads(ran.stdout).values()
    assert told["hours"] == pytest.approx(0.005, abs=0.0002)
    assert told["flags"], "a desk without anybody is flagged"
    for technical, key in ((False, "false_flags_per_hour"), (True, "technical_flags_per_hour")):
        counted = [flag for flag in told["flags"] if flag["technical"] is technical]
        assert told[key] == pytest.approx(len(counted) / told["hours"], rel=0.1)
    assert told["times_real_time"] > 0
