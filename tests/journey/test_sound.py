"""From a microphone to the reviewer's player: recorded by the desk's recorder, sealed, and laid out by the server."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.capture.filming import Filming, Task
from appliance.capture.listening import Listening
from appliance.capture.segments import Done, Incoming
from appliance.capture.simulated import SimulatedCamera, SimulatedMicrophone
from appliance.capture.tapes import Tapes
from appliance.custody.sealing import seal
from appliance.runtime.clock import SystemClock
from appliance.runtime.frames import Frame
from appliance.runtime.sounds import Sound
from proctoring.policy import Recording
from proctoring.wire import Message
from review_server.film import Piece
from review_server.playback import write
from review_server.sealing import Keyring

SETTINGS = Recording(width=320, height=180, bit_rate=200_000, segment_ms=1000, microphone=True)
FILMED_MS = 4000
JOIN_MS = 100


class Nobody:
    """Looks at no picture and listens to no sound."""

    def offer(self, what: Frame | Sound) -> None:
        del what


def recorded(folder: Path) -> list[Done]:
    """Four seconds of a real microphone's thread beside a camera; the tone begins with each second."""
    folder.mkdir()
    clock, incoming, told = SystemClock(), Incoming(folder), list[Message]()
    ear = Listening(SimulatedMicrophone(clock), Nobody(), clock)
    camera = SimulatedCamera(clock, SETTINGS)
    filming = Filming(camera, Nobody(), Tapes(incoming, told.append), told.append, clock, 10, ear)
    zero_ms = clock.mono_ms()
    filming.follow(Task("a", zero_ms, records=True, settings=SETTINGS))
    while clock.mono_ms() < zero_ms + FILMED_MS:
        filming.turn()
    filming.stop()
    return incoming.done()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    keyring = Keyring(tmp_path)
    keyring.begin(1_800_000_000_000)
    return keyring


def sealed(done: Done, folder: Path, keyring: Keyring) -> Piece:
    data = seal(done.path.read_bytes(), keyring.recipients())
    path = folder / hashlib.sha256(data).hexdigest()
    path.write_bytes(data)
    return Piece(path.name, done.started_ms, path, done.ended_ms)


def loudness(film: Path) -> dict[int, float]:
    """The mean amplitude of each twentieth of a second, by its milliseconds."""
    with av.open(str(film)) as file:
        even = av.AudioResampler("flt", "mono", 48_000)
        pieces = [(piece.time, even.resample(piece)[0].to_ndarray()[0]) for piece in file.decode(audio=0)]
    samples = np.zeros(48 * (FILMED_MS + 2000), np.float32)
    for at_s, piece in pieces:
        start = round(at_s * 48_000)
        samples[start : start + len(piece)] = piece
    return {50 * n: float(np.abs(samples[2400 * n : 2400 * (n + 1)]).mean()) for n in range(FILMED_MS // 50 - 4)}


def test_a_recording_with_sound_plays_at_the_reviewers_with_the_sound_in_step(
    tmp_path: Path, keyring: Keyring
) -> None:
    done = recorded(tmp_path / "incoming")
    assert len(done) >= 3
    film = tmp_path / "film.mp4"
    left_out = write([sealed(one, tmp_path, keyring) for one in done], film, keyring)
    assert left_out == ()
    with av.open(str(film)) as file:
        assert sum(1 for _ in file.decode(video=0)) == sum(one.frames for one in done)
    heard = loudness(film)
    # A tenth of a second about each change and after each join (Opus begins softly with each segment), and the first
    # second's beginning, are left aside.
    joins = [one.started_ms for one in done]
    for at_ms, mean in heard.items():
        joined = any(at_ms - JOIN_MS < join < at_ms + 50 for join in joins)
        if at_ms >= 1000 and 100 <= at_ms % 500 < 400 and not joined:
            assert (mean > 0.03) == (at_ms % 1000 < 500), (at_ms, mean)
