"""What is heard in video files, by a finder that takes what is loud for a voice, and by the real one."""

from fractions import Fraction

import av
import numpy as np
import pytest

from appliance.edge_ai.hearing import NoEars
from deskproctor.analyze import analysed
from deskproctor.soundtrack import heard_in
from proctoring.policy import Policy

RATE = 48_000


def film(path, samples, sound_from_s=0.0):
    """A grey film as long as its sound, which may begin later."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        sound = file.add_stream("aac", rate=RATE) if samples is not None else None
        seconds = 4 if samples is None else len(samples) / RATE
        for number in range(round(10 * (seconds + sound_from_s))):
            rows = np.random.default_rng(number).integers(90, 130, (270, 320), np.uint8)
            picture = av.VideoFrame.from_ndarray(rows, format="yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
        if sound is not None:
            for number in range(len(samples) // 1024):
                block = samples[1024 * number : 1024 * (number + 1)].astype(np.float32).reshape(1, -1)
                piece = av.AudioFrame.from_ndarray(np.repeat(block, 2, axis=0), format="fltp", layout="stereo")
                piece.sample_rate, piece.time_base = RATE, Fraction(1, RATE)
                piece.pts = round(sound_from_s * RATE) + 1024 * number
                file.mux(sound.encode(piece))
            file.mux(sound.encode(None))
    return path


def noise(seconds):
    return np.random.default_rng(1).standard_normal(round(seconds * RATE)) * 0.05


def at_8_fps(voices, seconds):
    return [voices.voice(round(125 * n)) for n in range(8 * seconds)]


def test_a_video_without_sound_is_watched_as_if_nobody_listened(tmp_path):
    voices = heard_in(film(tmp_path / "silent.mp4", None))
    assert isinstance(voices, NoEars)
    assert set(at_8_fps(voices, 4)) == {None}


def test_noise_is_heard_and_is_no_voice(tmp_path):
    voices = heard_in(film(tmp_path / "noise.mp4", noise(5)))
    assert set(at_8_fps(voices, 5)[6:]) == {0.0}


def test_a_sound_that_has_ended_is_not_heard_any_more(tmp_path):
    voices = heard_in(film(tmp_path / "short.mp4", noise(2)))
    heard = at_8_fps(voices, 6)
    assert heard[12] == 0.0
    assert heard[-1] is None


@pytest.mark.media
def test_speech_in_a_file_is_heard_when_it_is_spoken(media, tmp_path):
    with av.open(str(media / "audio" / "spk1_snt1.wav")) as file:
        louder = av.AudioResampler("fltp", "mono", RATE)
        pieces = [even.to_ndarray()[0] for piece in file.decode(audio=0) for even in louder.resample(piece)]
    speech = np.concatenate(pieces)
    path = film(tmp_path / "speech.mp4", np.concatenate([noise(3), speech, noise(3)]), sound_from_s=2.0)
    voices = heard_in(path)
    heard = at_8_fps(voices, 10)
    assert max(share for share in heard[24:38] if share is not None) == 0.0
    assert min(heard[8 * 6 + 4 : 8 * 7]) >= 0.5


def test_analyze_names_the_network_that_listened(tmp_path):
    _, models, _ = analysed(film(tmp_path / "noise.mp4", noise(3)), Policy(), None)
    assert "silero_vad" in models
    _, models, _ = analysed(film(tmp_path / "silent.mp4", None), Policy(), None)
    assert "silero_vad" not in models
