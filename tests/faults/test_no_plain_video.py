"""A thief takes the desk's disk after an exam and reads every byte of it, free space and journal included.

What the thief may find are facts: the ledger with answers and with the small pictures that flags carry. Recordings
must not be among what can be found, whole or in part.
"""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.runtime.custody_link import CustodyLink
from deskproctor.demo import lines_of, newest
from deskproctor.site import DESK, Ports, Site
from proctoring import fact as f
from proctoring import ledger, wire
from proctoring.session import State
from review_server.sealing import Keyring
from review_server.segments import path_of

pytestmark = pytest.mark.journey

MARKS = {
    "an MP4 file's beginning": b"ftypiso",
    "a fragment's head": b"\0\0\0\x10mfhd",
    "a track's description": b"stsd\0\0\0\0",
    "H.264 settings in MP4": b"avcC\x01",
    "x264's signature": b"x264 - core",
    "x264's SEI": bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef"),
}
SNIPPET = 32
"""Bytes: so many in a row are found by chance never."""
EVERY = 1024
"""One snippet out of so many bytes of each segment, and one from each picture's beginning."""


@pytest.fixture
def disk(tmp_path):
    """A function that makes an ext4 image of so many megabytes, mounted; unmounted in the end."""
    if os.geteuid() != 0:
        pytest.skip("mounting a loop device needs root")
    for tool in ("mkfs.ext4", "losetup", "mount"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on this machine")
    with contextlib.ExitStack() as stack:
        yield lambda name, megabytes: stack.enter_context(mounted(tmp_path, name, megabytes))


@contextlib.contextmanager
def mounted(folder, name, megabytes):
    image, place = folder / f"{name}.ext4", folder / name
    place.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    attempt = subprocess.run(
        ["mount", "-o", "loop", str(image), str(place)], check=False, capture_output=True, text=True
    )
    if attempt.returncode:
        pytest.skip(f"no loop device can be mounted here: {attempt.stderr.strip()}")
    disk = Disk(image, place)
    try:
        yield disk
    finally:
        disk.unmount()


class Disk:
    """An image and where it is mounted."""

    def __init__(self, image, place):
        self.image, self.place = image, place

    def unmount(self):
        if self.place.is_mount():
            subprocess.run(["umount", str(self.place)], check=True)

    def raw(self):
        """Every byte that was ever written to the device; what never was is a hole in the image."""
        self.unmount()
        with self.image.open("rb") as file:
            return b"\0".join(extents(file))


def extents(file):
    end, position = os.fstat(file.fileno()).st_size, 0
    while position < end:
        try:
            position = os.lseek(file.fileno(), position, os.SEEK_DATA)
        except OSError:
            return
        hole = os.lseek(file.fileno(), position, os.SEEK_HOLE)
        yield os.pread(file.fileno(), hole - position, position)
        position = hole


def snippets(video):
    """Pieces of a segment that tell it from everything else: evenly out of all of it, and of each picture."""
    places = set(range(64, len(video) - SNIPPET, EVERY))
    at = video.find(b"mdat")
    while at >= 0:
        places.add(at + 8)
        at = video.find(b"mdat", at + 4)
    found = {video[place : place + SNIPPET] for place in places}
    return {piece for piece in found if len(piece) == SNIPPET and len(set(piece)) > SNIPPET // 3}


def parameter_sets(video):
    """The clip's own SPS and PPS, as they stand in MP4 and, behind start codes, in a raw stream."""
    at = video.index(b"avcC") + 4
    length = int.from_bytes(video[at + 6 : at + 8])
    sps = video[at + 8 : at + 8 + length]
    return {sps, b"\0\0\0\x01" + sps[:8], b"\0\0\x01" + sps[:8]}


def found_in(raw, videos):
    """What of the recordings can be found among these bytes."""
    found = [name for name, mark in MARKS.items() if mark in raw]
    for number, video in enumerate(videos):
        found += [f"segment {number}'s parameters" for one in parameter_sets(video) if one in raw]
        found += [f"bytes of segment {number}" for piece in snippets(video) if piece in raw]
    return found


@pytest.fixture
def clip(tmp_path):
    """Eight seconds of noise and stripes that move: no two pictures are alike, and none is like anything else."""
    path, dice = tmp_path / "clip.mp4", np.random.default_rng(4)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=15, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number in range(120):
            picture = dice.integers(0, 60, (360, 640, 3), dtype=np.uint8)
            picture[:, number * 5 % 640 : number * 5 % 640 + 40] = 230
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    return path


def until(done, what, limit_s=90):
    end = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < end, f"waited {limit_s} s for {what} in vain"
        time.sleep(0.05)


def sit_an_exam(site):
    """A session from signing in to the server's receipts; returns its entries."""
    custody = CustodyLink(site.desk)
    until(lambda: newest(custody).prepared, "the desk's preparation")
    custody.ask(wire.SignIn(name="Ada"), wire.View)
    custody.ask(wire.Consent(notice="1"), wire.View)
    custody.ask(wire.FinishCheck(), wire.View)
    until(lambda: ready(custody), "the check-in")
    custody.ask(wire.Begin(), wire.View)
    until(lambda: newest(custody).camera_ended, "the clip's end")
    session = newest(custody).session
    custody.ask(wire.Submit(), wire.View)
    until(lambda: newest(custody).state is State.SEALED, "the seal")
    until(lambda: custody.ask(wire.AskRecord(), wire.Record).receipted, "the server's receipts")
    entries, _ = ledger.verify(DESK, session, lines_of(custody, session))
    custody.close()
    return entries


def ready(custody):
    """Noise shows no face: after a few tries the candidate goes on without a photo."""
    view = newest(custody)
    if view.state is State.CHECKING_IN:
        with contextlib.suppress(Exception):
            custody.ask(wire.FinishCheck(without_photo=view.photo.may_be_left_out), wire.View)
    return view.state is State.READY


def test_after_a_session_the_desk_s_disk_holds_no_byte_of_the_video(tmp_path, disk, clip):
    folder = tmp_path / "site"
    thief = disk(f"site/{DESK}", 1024)
    with Site(folder, {"source": "video", "video": str(clip)}, Ports(), on_event=print) as site:
        entries = sit_an_exam(site)
    segments = [entry.fact.segment for entry in entries if isinstance(entry.fact, f.SegmentStored)]
    assert len(segments) >= 4
    sealed = {path.name for path in (thief.place / "segments").iterdir()}
    assert sealed == {f"{segment.sha256}.mp4.age" for segment in segments}
    assert b"SECRET-KEY" not in thief.raw()
    keyring = Keyring(site.server_data)
    stored = [path_of(site.server_data / "segments", segment.sha256).read_bytes() for segment in segments]
    videos = [keyring.open(data) for data in stored]
    assert [ledger.sha256(video) for video in videos] == [segment.plain_sha256 for segment in segments]
    assert sum(len(snippets(video)) for video in videos) > 100
    raw = thief.raw()
    assert all(data[:4096] in raw for data in stored), "the image was read where the sealed files lie"
    assert found_in(raw, videos) == []


def test_the_search_finds_a_segment_that_was_written_plainly_and_deleted(disk, clip):
    """The control: a file that rested on the disk for a moment is found by each of its marks."""
    victim, video = disk("victim", 64), recorded_anew(clip)
    path = victim.place / "segment.mp4"
    with path.open("wb") as file:
        file.write(video)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    found = found_in(victim.raw(), [video])
    assert set(MARKS) <= set(found)
    assert "segment 0's parameters" in found
    assert found.count("bytes of segment 0") == len(snippets(video))


def recorded_anew(clip: Path) -> bytes:
    """The clip's first two seconds as capture writes a segment."""
    from appliance.capture.video import VideoReader, VideoWriter, fitted
    from proctoring.policy import Recording

    settings, path = Recording(), clip.with_name("segment.mp4")
    reader, writer = VideoReader(clip), VideoWriter(path, settings)
    for number in range(30):
        still = reader.next()
        writer.add(fitted(still.frame(number, still.at_ms), settings.width, settings.height), still.at_ms)
    writer.close()
    reader.close()
    return path.read_bytes()
