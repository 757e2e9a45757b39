"""The demo as a user runs it: the command, real processes, real detectors on real pixels, a summary in JSON."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

COMMAND = [sys.executable, "-m", "deskproctor"]


def run(*arguments, prefix=(), **more):
    return subprocess.run(
        [*prefix, *COMMAND, *arguments], capture_output=True, text=True, timeout=280, check=False, **more
    )


def play(video, prefix=()):
    """The summary of a demo that plays itself, and that it ended well."""
    done = run("demo", "--video", str(video), "--auto", "--json", prefix=prefix)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["state"] == "complete"
    assert summary["ledger_verified"] is True
    assert summary["segments"]["hashes_equal"] is True
    segments = summary["segments"]
    assert segments["desk"] == segments["server"] == segments["opened"] > 0
    assert summary["analysed_fps"] > 0
    return summary


def seen(summary, start_s, end_s, *kinds, label=None):
    """Flags of these kinds that overlap the interval."""
    return [
        flag
        for flag in summary["flags"]
        if flag["kind"] in kinds and flag["label"] == label and flag["start_s"] < end_s and flag["end_s"] > start_s
    ]


def kinds(summary):
    return {flag["kind"] for flag in summary["flags"]}


def test_the_generated_clip_gives_its_flags_and_no_others(demo_clip):
    truth = json.loads(demo_clip.with_suffix(".json").read_text())
    summary = play(demo_clip)
    when = {scene["faces"]: (scene["from_s"], scene["to_s"]) for scene in truth["scenes"]}
    assert seen(summary, *when[2], "several_faces")
    assert seen(summary, *when[0], "face_absent")
    assert kinds(summary) <= {"several_faces", "second_person", "face_absent"}
    assert summary["alert_latency_s"]["p50"] is not None


@pytest.mark.media
def test_a_second_face_is_flagged_while_it_is_there(media):
    summary = play(media / "clips" / "a5_second_face_appears.mp4")
    assert seen(summary, 5.2, 9.8, "several_faces", "second_person")
    assert "prohibited_object" not in kinds(summary)


@pytest.mark.media
def test_a_phone_that_shows_for_less_than_a_second_is_flagged_by_its_name(media):
    summary = play(media / "clips" / "a2_desk_phone_brief.mp4")
    assert seen(summary, 4.4, 5.2, "prohibited_object", label="cell phone")


@pytest.mark.media
def test_a_busy_room_behind_an_honest_candidate_is_not_flagged(media):
    summary = play(media / "clips" / "a1_webcam_lab_head_turns.mp4")
    assert not kinds(summary) & {"prohibited_object", "several_faces"}


def test_the_demo_needs_no_network_but_loopback(demo_clip):
    alone = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
    probe = subprocess.run([*alone, "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this machine lets nobody make a network namespace, or has no `ip`")
    play(demo_clip, prefix=alone)


@pytest.mark.parametrize(
    "content,says",
    [(None, "no such|not there|cannot"), (b"", "video"), (b"not a video at all" * 100, "video")],
    ids=["missing", "empty", "undecodable"],
)
def test_a_video_that_cannot_be_played_is_a_clear_sentence_and_not_a_trace(tmp_path, content, says):
    import re

    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    done = run("demo", "--video", str(path), "--auto", "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert re.search(says, done.stderr, re.IGNORECASE) and "clip.mp4" in done.stderr


def test_a_broken_model_file_is_said_before_anything_starts(demo_clip, tmp_path):
    """In a copy of the code, because the models belong to it."""
    root = Path(__file__).parents[2]
    for name in (
        "appliance",
        "deskproctor",
        "hardware",
        "invigilation",
        "messaging",
        "proctoring",
        "review_server",
        "web",
    ):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    model = tmp_path / "appliance" / "edge_ai" / "models" / "nanodet_416_int8.tflite"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run("demo", "--video", str(demo_clip), "--auto", "--json", env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert "nanodet_416_int8.tflite" in done.stderr and "make models" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_run_in_the_same_folder_is_a_session_of_its_own(demo_clip, tmp_path):
    first, second = (
        json.loads(run("demo", "--video", str(demo_clip), "--auto", "--json", "--folder", str(tmp_path)).stdout)
        for _ in range(2)
    )
    assert first["session"] != second["session"]
    assert first["state"] == second["state"] == "complete"


def test_a_port_in_use_is_said_with_what_to_do(demo_clip):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        done = run("demo", "--video", str(demo_clip), "--server-port", str(port))
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr and "Choose another port" in done.stderr


def test_json_without_auto_is_refused():
    done = run("demo", "--json")
    assert done.returncode == 2 and "--auto" in done.stderr


def test_ctrl_c_ends_every_process_and_takes_the_folder_away(demo_clip, tmp_path):
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    demo = subprocess.Popen(
        [*COMMAND, "demo", "--video", str(demo_clip)],
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    lines = []
    while "Ctrl-C" not in (lines[-1] if lines else ""):
        lines.append(demo.stderr.readline())
        assert lines[-1], lines
    assert sum("http://127.0.0.1:" in line for line in lines) == 3
    assert processes(str(tmp_path)), "the site runs out of this folder"
    demo.send_signal(signal.SIGINT)
    _, rest = demo.communicate(timeout=60)
    assert demo.returncode == 0, rest
    assert "All stopped." in rest
    end = time.monotonic() + 10
    while processes(str(tmp_path)) and time.monotonic() < end:
        time.sleep(0.1)
    assert processes(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def processes(needle):
    """Command lines of running processes that name `needle`."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_text().replace("\0", " "))
    return [line for line in lines if needle in line]
