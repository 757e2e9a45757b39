"""Two cameras film one exam: both recordings arrive, play, and stand in the pack that proves them."""

import io
import json
import random
import subprocess
import sys
import zipfile
from fractions import Fraction

import av
import numpy as np
import pytest
import requests

from bench.faults.lab import TABLES, Lab
from bench.faults.waiting import wait_until
from deskproctor import cameras
from deskproctor.site import Ports, Site
from proctoring import fact as f

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]

RED, BLUE = (200, 30, 30), (30, 30, 200)


def clip(path, colour):
    """Four seconds of one colour."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 640, 360, "yuv420p", Fraction(1, 15)
        picture = np.full((360, 640, 3), colour, dtype=np.uint8)
        for _ in range(60):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path


def colour_of(data):
    """The middle of a film's first picture."""
    with av.open(io.BytesIO(data)) as film:
        picture = next(film.decode(video=0)).to_ndarray(format="rgb24")
    return tuple(int(value) for value in picture[picture.shape[0] // 2, picture.shape[1] // 2])


def run(*arguments):
    command = [sys.executable, "-m", "deskproctor", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stored(bench):
    """The names of the cameras of which the ledger has segments by now."""
    entries = bench.entries(str(bench.view().session))
    return {entry.fact.segment.camera for entry in entries if isinstance(entry.fact, f.SegmentStored)}


def films(site, session):
    """What the review server plays of each camera."""
    with requests.Session() as http:
        http.get(site.sign_in_url("server"), timeout=10)
        address = f"{site.server_url}/sessions/{session}/recording.mp4"
        answers = {name: http.get(address, params={"camera": name}, timeout=30) for name in ("front", "side")}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {name: answer.content for name, answer in answers.items()}


def test_what_two_cameras_film_arrives_plays_and_is_proved(tmp_path):
    camera = {"source": "video", "video": str(clip(tmp_path / "front.mp4", RED)), "loop": True}
    side = cameras.second(clip(tmp_path / "side.mp4", BLUE))
    folder, pack = tmp_path / "site", tmp_path / "pack.zip"
    with Site(folder, camera, Ports(), print, TABLES, second_camera=side) as site:
        bench = Lab(site, random.Random(1), print)
        wait_until(lambda: bench.view().prepared, "the desk's preparation")
        with bench.exam():
            assert bench.view().cameras == 2
            wait_until(lambda: stored(bench) == {"front", "side"}, "segments of both cameras")
        (session,) = bench.sessions
        bench.wait_for_receipts(60)
        played = films(site, session)
        facts = [entry.fact for entry in bench.entries(session)]
    handed_over = {fact.part for fact in facts if isinstance(fact, f.HandedOver)}
    assert {f.Part.CAPTURE, f.Part.CAPTURE_SECOND} <= handed_over
    segments = [fact.segment for fact in facts if isinstance(fact, f.SegmentStored)]
    for name in ("front", "side"):
        numbers = [segment.number for segment in segments if segment.camera == name]
        assert numbers == list(range(1, len(numbers) + 1)), name
    assert not [fact for fact in facts if isinstance(fact, f.CameraEnded)]
    red, blue = colour_of(played["front"]), colour_of(played["side"])
    assert (red[0] > 2 * red[2], blue[2] > 2 * blue[0]) == (True, True), (red, blue)
    for part in ("desk-1", "review-server"):
        assert json.loads(run("fsck", folder / part, "--json"))["status"] == "clean"
    run("export", session, "--data", folder / "review-server", "-o", pack, "--film")
    with zipfile.ZipFile(pack) as packed:
        shown = [colour_of(packed.read(name)) for name in ("recording.mp4", "recording-2.mp4")]
    assert (shown[0][0] > 2 * shown[0][2], shown[1][2] > 2 * shown[1][0]) == (True, True), shown
    verdict = json.loads(run("verify", pack, "--trust", folder / "authority" / "ca.crt", "--json"))
    assert (verdict["status"], verdict["sealed"]) == ("passes", True)
    assert (verdict["recordings"]["video"], verdict["recordings"]["absent"]) == (len(segments), 0)


@pytest.mark.media
def test_the_demo_plays_two_videos_and_flags_nothing_that_the_second_shows_alone(media):
    """People come and go in the second one. test_demo.py shows that the first one's phone is found."""
    first, second = media / "clips" / "a2_desk_phone_brief.mp4", media / "clips" / "a6_person_in_out_backview.mp4"
    summary = json.loads(run("demo", "--video", first, "--second-video", second, "--auto", "--json"))
    segments = summary["segments"]
    assert (summary["state"], summary["ledger_verified"], segments["hashes_equal"]) == ("complete", True, True)
    assert set(segments["cameras"]) == {"front", "side"}
    assert sum(segments["cameras"].values()) == segments["desk"] == segments["server"] == segments["opened"]
    assert {(flag["kind"], flag["label"]) for flag in summary["flags"]} <= {("prohibited_object", "cell phone")}


@pytest.mark.parametrize("content", [None, b"", b"not a video at all" * 100], ids=["missing", "empty", "undecodable"])
def test_a_second_video_that_cannot_be_played_is_a_clear_sentence_and_nothing_starts(tmp_path, content):
    path = tmp_path / "side.mp4"
    if content is not None:
        path.write_bytes(content)
    front = clip(tmp_path / "front.mp4", RED)
    command = [
        sys.executable,
        "-m",
        "deskproctor",
        "demo",
        "--video",
        front,
        "--second-video",
        path,
        "--auto",
        "--json",
    ]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    assert "side.mp4" in done.stderr
