"""From a camera to a court: a session by the real processes, checked where it lies, packed, proved from the pack."""

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


def run(*arguments, status=0):
    command = [sys.executable, "-m", "deskproctor", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_a_whole_session_can_be_proved_from_its_pack_alone(demo_clip, tmp_path):
    site, pack = tmp_path / "site", tmp_path / "pack.zip"
    session = json.loads(run("demo", "--video", demo_clip, "--auto", "--json", "--folder", site))["session"]
    for folder in (site / "desk-1", site / "review-server"):
        assert json.loads(run("fsck", folder, "--json"))["status"] == "clean"
    run("export", session, "--data", site / "review-server", "-o", pack, "--film")
    authority = site / "authority" / "ca.crt"
    verdict = json.loads(run("verify", pack, "--trust", authority, "--json"))
    assert (verdict["status"], verdict["sealed"]) == ("passes", True)
    assert verdict["recordings"]["video"] > 0
    assert verdict["recordings"]["absent"] == 0
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    run("verify", pack, "--trust", authority, status=1)
