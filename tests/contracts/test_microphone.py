"""The same behaviour asked of every microphone that can run here. ALSA's own is told below why it cannot."""

from __future__ import annotations

import itertools
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.capture import microphone as microphones
from appliance.capture.microphone import AbsentMicrophone, AlsaMicrophone, FileMicrophone
from appliance.capture.ports import Microphone, NoMicrophone
from appliance.capture.simulated import SimulatedMicrophone
from appliance.capture.video import SoundReader
from appliance.runtime.clock import SimulatedClock
from appliance.runtime.sounds import BLOCK, Sound

Make = Callable[[SimulatedClock, Path], Microphone]


def recording(folder: Path, seconds: float = 4.0, rate: int = 44_100) -> Path:
    """A stereo file, silent but for a tone in its second second."""
    path = folder / "sound.wav"
    times = np.arange(round(seconds * rate)) / rate
    tone = 8000 * np.sin(2 * np.pi * 440 * times) * ((times >= 1) & (times < 2))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(tone.astype("<i2"), 2).tobytes())
    return path


MICROPHONES: dict[str, Make] = {
    "simulated": lambda clock, folder: SimulatedMicrophone(clock),
    "file": lambda clock, folder: FileMicrophone(recording(folder), clock, loop=True),
}


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture(params=MICROPHONES)
def microphone(request: pytest.FixtureRequest, clock: SimulatedClock, tmp_path: Path) -> Iterator[Microphone]:
    made = MICROPHONES[request.param](clock, tmp_path)
    made.begin(clock.mono_ms())
    made.open()
    yield made
    made.close()


def blocks(microphone: Microphone, count: int) -> list[Sound]:
    found: list[Sound] = []
    for _ in range(20 * count):
        sound = microphone.next(0.2)
        found += [sound] if sound else []
        if len(found) == count:
            break
    return found


def test_blocks_are_of_one_length_and_follow_each_other(microphone: Microphone) -> None:
    found = blocks(microphone, 150)
    assert {len(sound.pcm) for sound in found} == {2 * BLOCK}
    assert {after.mono_ms - before.mono_ms for before, after in itertools.pairwise(found)} == {40}


def test_a_block_is_heard_once_it_is_over_and_not_before(microphone: Microphone, clock: SimulatedClock) -> None:
    for _ in range(20):
        sound = microphone.next(0.2)
        if sound:
            assert clock.mono_ms() - 500 <= sound.mono_ms + 40 <= clock.mono_ms()


def test_it_waits_no_longer_than_its_caller_has_patience(microphone: Microphone, clock: SimulatedClock) -> None:
    for _ in range(40):
        before_ms = clock.mono_ms()
        microphone.next(0.02)
        assert clock.mono_ms() - before_ms <= 20


def test_closed_and_opened_again_it_goes_on_with_what_is_heard_now(
    microphone: Microphone, clock: SimulatedClock
) -> None:
    blocks(microphone, 3)
    microphone.close()
    microphone.close()
    clock.pass_ms(10_000)
    microphone.open()
    (sound,) = blocks(microphone, 1)
    assert clock.mono_ms() - 2100 <= sound.mono_ms <= clock.mono_ms()


def test_a_file_is_heard_in_step_with_the_sessions_zero(clock: SimulatedClock, tmp_path: Path) -> None:
    microphone = FileMicrophone(recording(tmp_path), clock)
    zero_ms = clock.mono_ms()
    microphone.begin(zero_ms)
    microphone.open()
    loud = [s.mono_ms - zero_ms for s in blocks(microphone, 90) if np.abs(np.frombuffer(s.pcm, "<i2")).max() > 1000]
    assert loud[0] in range(960, 1041)
    assert loud[-1] in range(1920, 2001)


def test_a_file_that_has_ended_or_has_no_sound_is_no_microphone(clock: SimulatedClock, tmp_path: Path) -> None:
    ended = FileMicrophone(recording(tmp_path, seconds=1), clock)
    ended.begin(clock.mono_ms())
    ended.open()
    with pytest.raises(NoMicrophone, match="has ended"):
        blocks(ended, 100)
    (tmp_path / "text.wav").write_text("la la la")
    with pytest.raises(NoMicrophone, match="cannot be used"):
        FileMicrophone(tmp_path / "text.wav", clock).open()


def test_where_there_is_none_it_says_so() -> None:
    with pytest.raises(NoMicrophone, match="this desk has none"):
        AbsentMicrophone().open()


def test_an_alsa_device_that_is_not_there_is_named(clock: SimulatedClock) -> None:
    with pytest.raises(NoMicrophone, match="no-such-card cannot be opened"):
        AlsaMicrophone("no-such-card", clock).open()


class Device:
    """What ALSA gives, block by block, without ALSA; no sound card is proven by this."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.late_ms = 0
        self.closed = False

    def next(self) -> bytes | None:
        self._clock.pass_ms(40 + self.late_ms)
        self.late_ms = 0
        return bytes(2 * BLOCK)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def device(clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device(clock)
    opened = {("hw:1,0", "alsa"): made}
    monkeypatch.setattr(microphones, "SoundReader", lambda name, container=None: opened[name, container])
    return made


def test_a_device_is_counted_by_its_samples_while_blocks_come_a_little_late(
    device: Device, clock: SimulatedClock
) -> None:
    microphone = AlsaMicrophone("hw:1,0", clock)
    microphone.open()
    zero_ms = clock.mono_ms()
    times = []
    for late_ms in (0, 30, 0, 0):
        device.late_ms = late_ms
        times.append(microphone.next(0.2).mono_ms - zero_ms)  # type: ignore[union-attr]
    assert times == [0, 40, 80, 120]


def test_where_much_was_lost_it_is_counted_from_now_and_never_back(device: Device, clock: SimulatedClock) -> None:
    microphone = AlsaMicrophone("hw:1,0", clock)
    microphone.open()
    zero_ms = clock.mono_ms()
    times = []
    for late_ms in (0, 500, 0):
        device.late_ms = late_ms
        times.append(microphone.next(0.2).mono_ms - zero_ms)  # type: ignore[union-attr]
    assert times == [0, 540, 580]


def test_a_device_that_breaks_off_is_no_microphone(
    device: Device, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    microphone = AlsaMicrophone("hw:1,0", clock)
    microphone.open()
    monkeypatch.setattr(device, "next", lambda: None)
    with pytest.raises(NoMicrophone, match="hw:1,0 gives no more sound"):
        microphone.next(0.2)
    microphone.close()
    assert device.closed


def test_the_real_reader_gives_16_khz_whatever_the_file_has(tmp_path: Path) -> None:
    reader = SoundReader(str(recording(tmp_path, seconds=1)))
    found = []
    while (block := reader.next()) is not None:
        found.append(block)
    assert len(found) in (25, 26)
    assert {len(block) for block in found} == {2 * BLOCK}
