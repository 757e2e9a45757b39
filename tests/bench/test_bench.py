"""Benchmarks at their smallest: that they run and say what they promise. How fast things are is nobody's test."""

import json
import math
import subprocess
import sys

import pytest

from bench import custody, face_path, flips, ledger, outbox, places, playback, recording, vision
from bench.figures import NAMES
from bench.turns import Turns, in_turn

AGAINST_MEDIAPIPE = {"face_path_ms", "mediapipe_ms", "face_path_over_mediapipe", "face_path_over_two_faces"}

FLIPPED = ("pack", "pack_of_flags", "desk_ledger", "server_ledger", "desk_segments", "server_segments")

SMALLEST = {
    "ledger": (
        lambda: ledger.figures(minutes=1, rounds=2),
        {"entries", "append_per_s", "verify_per_s", "append_over_bare", "verify_over_bare"},
    ),
    "outbox": (
        lambda: outbox.figures(sessions=3, lines=20, rounds=2),
        {"sessions", "lines", "asked_ms", "looked_through_ms", "asked_over_looked_through"},
    ),
    "custody": (
        lambda: custody.figures(answers=3, rounds=2),
        {"answers_per_s", "p50_ms", "p95_ms", "bare_inserts_per_s", "answer_over_bare"},
    ),
    "vision": (
        lambda: vision.figures(rounds=2, seconds=1, face_rounds=1),
        {
            "pictures",
            "runtime",
            "frames",
            "ms_per_frame",
            "invoke_ms_per_frame",
            "pipeline_over_invoke",
            "usual_threads",
            "usual_threads_over_invoke",
            "peak_rss_mb",
            "mediapipe",
        }
        | (AGAINST_MEDIAPIPE if face_path.PEER_PYTHON.exists() else set()),
    ),
    "flips": (
        lambda: flips.figures(flips=12),
        {"flips", "found", "honest", "honest_passed"} | {f"flips_in_{kind}" for kind in FLIPPED},
    ),
    "playback": (
        lambda: playback.figures(minutes=1, rounds=2),
        {
            "pictures",
            "segments",
            "recording_mb",
            "tables_mb",
            "noting_ms_per_segment",
            "laying_out_ms",
            "begin_ms",
            "begin_file_ms",
            "begin_over_bare",
            "jump_ms",
            "jump_file_ms",
            "jump_over_bare",
        },
    ),
    "recording": (
        lambda: recording.figures(seconds=3, rounds=1),
        {
            "pictures",
            "recorded_s",
            "cpu_s_per_minute",
            "sealed_cpu_s_per_minute",
            "ffmpeg_cpu_s_per_minute",
            "recording_over_ffmpeg",
            "sealed_over_ffmpeg",
        },
    ),
}


def test_every_benchmark_is_tried_here():
    assert set(SMALLEST) == set(NAMES)


@pytest.mark.parametrize("name", SMALLEST)
def test_a_benchmark_gives_its_figures(name):
    figures_of, keys = SMALLEST[name]
    figures = figures_of()
    assert set(figures) == keys
    for key, value in figures.items():
        assert value if isinstance(value, str) else (math.isfinite(value) and value > 0), key


def test_benchmarks_leave_nothing_behind():
    with places.folder_on_disk() as folder:
        (folder / "something").write_text("written")
    assert not folder.exists()


def test_without_mediapipe_the_face_path_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(face_path, "PEER_PYTHON", tmp_path / "none")
    assert face_path.figures(rounds=1) == {"mediapipe": face_path.MISSING}


def test_pictures_come_from_the_simulated_camera_where_there_is_no_clip(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "CLIP", tmp_path / "none.mp4")
    assert places.source() == "simulated camera"
    assert recording.figures(seconds=1, rounds=1)["pictures"] == "simulated camera"


def test_a_ratio_is_the_usual_one_of_the_rounds():
    ticks = iter([0, 4, 10, 12, 20, 23, 30, 31, 40, 140, 150, 160])
    turns = in_turn(3, lambda: None, lambda: None, clock=lambda: next(ticks))
    assert turns == Turns(ours=[4, 3, 100], bare=[2, 1, 10])
    assert (turns.ours_s, turns.bare_s, turns.over_bare) == (4, 2, 3)


def test_the_bare_ledger_refuses_what_was_changed():
    text, hash_ = ledger.bare_append([{"fact": "call_pressed"}])[0]
    with pytest.raises(AssertionError):
        ledger.bare_verify([(text.replace("call", "ball"), hash_)])


def test_the_command_prints_one_json_object_of_the_named_benchmarks():
    ran = subprocess.run([sys.executable, "-m", "bench", "ledger"], capture_output=True, text=True, check=True)
    assert set(json.loads(ran.stdout)) == {"ledger"}


def test_the_command_refuses_a_name_that_it_does_not_know():
    ran = subprocess.run([sys.executable, "-m", "bench", "nonsense"], capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert all(name in ran.stderr for name in NAMES)
    assert ran.stdout == ""
