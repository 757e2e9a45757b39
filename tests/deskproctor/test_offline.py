from __future__ import annotations

import wave
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from appliance.capture.video import VideoUnusable, VideoWriter
from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.session_watch import SessionWatch
from appliance.edge_ai.simulated import CANDIDATE, SimulatedFaces, SimulatedItems
from appliance.runtime.frames import Frame
from deskproctor.offline import Pictures, in_video, read_policy, watch
from proctoring.errors import BadPolicy
from proctoring.flag import Flag, FlagKind
from proctoring.policy import Policy, Recording, Rules
from proctoring.wire import FrameHead

SMALL = Recording(width=320, height=180, frames_per_s=20)


def frame(number: int, recording: Recording = SMALL) -> Frame:
    width, height = recording.width, recording.height
    planes = np.full(width * height * 3 // 2, 128, np.uint8)
    planes[: width * height] = np.tile(np.linspace(20, 220, width, dtype=np.uint8), height)
    planes[:200] = number % 200
    return Frame(FrameHead(number=number, mono_ms=0, width=width, height=height), planes.tobytes())


def video(path: Path, times_ms: list[int], recording: Recording = SMALL) -> Path:
    writer = VideoWriter(path, recording)
    for number, at_ms in enumerate(times_ms):
        writer.add(frame(number, recording), at_ms)
    writer.close()
    return path


def times(path: Path, frames_per_s: float = 8.0) -> list[int]:
    return [at_ms for at_ms, _ in Pictures(path, SMALL, frames_per_s)]


def test_it_takes_as_many_pictures_a_second_as_a_desk_would(tmp_path) -> None:
    path = video(tmp_path / "even.mp4", list(range(0, 5000, 50)))
    assert 38 <= len(times(path)) <= 42


def test_a_video_of_uneven_rate_keeps_its_own_times(tmp_path) -> None:
    taken = [0, 40, 80, 900, 1700, 1740, 4000, 4050]
    path = video(tmp_path / "uneven.mp4", taken)
    assert times(path) == [0, 900, 1700, 4000]


def test_pictures_have_the_size_that_the_desk_records(tmp_path) -> None:
    square = Recording(width=128, height=128, frames_per_s=20)
    path = video(tmp_path / "square.mp4", list(range(0, 500, 50)), square)
    pictures = Pictures(path, SMALL, 8.0)
    assert {(picture.width, picture.height) for _, picture in pictures} == {(320, 180)}
    assert (pictures.width, pictures.height) == (128, 128)


def test_a_box_goes_back_to_the_pixels_of_the_video() -> None:
    assert in_video((0.25, 0.5, 0.75, 1.0), 640, 360, Recording()) == (160.0, 180.0, 480.0, 360.0)
    # 4:3 in 16:9: the bars at the sides are an eighth of the width each.
    assert in_video((0.125, 0.0, 0.875, 0.5), 640, 480, Recording()) == (0.0, 0.0, 640.0, 240.0)
    assert in_video((0.0, 0.0, 1.0, 1.0), 640, 480, Recording()) == (0.0, 0.0, 640.0, 480.0)


def test_a_file_with_sound_alone_is_refused(tmp_path) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(VideoUnusable, match="no video in it"):
        Pictures(path, SMALL, 8.0)


def test_a_single_picture_is_no_video(tmp_path) -> None:
    path = video(tmp_path / "cover.mp4", [0])
    with pytest.raises(VideoUnusable, match="holds 1 picture"):
        times(path)


@pytest.mark.parametrize("content", [b"", b"no video at all"])
def test_what_is_no_video_is_refused(tmp_path, content) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoUnusable, match="cannot be used"):
        Pictures(path, SMALL, 8.0)


def test_a_video_that_ends_before_its_time_is_refused(demo_clip, tmp_path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(demo_clip.read_bytes()[: demo_clip.stat().st_size // 2])
    with pytest.raises(VideoUnusable):
        times(path)


def analyser(*looks: tuple) -> Analyser:
    return Analyser(SimulatedFaces(*looks), SimulatedItems())


def test_a_flag_that_is_open_at_the_end_ends_with_the_video(tmp_path) -> None:
    path = video(tmp_path / "two.mp4", list(range(0, 4000, 50)))
    second = msgspec.structs.replace(CANDIDATE, box=(0.7, 0.2, 0.9, 0.55))
    watcher = SessionWatch("file", 0, Policy(), {})
    heard: list[int] = []
    watched = watch(Pictures(path, SMALL, 8.0), analyser((CANDIDATE, second)), watcher, heard.append)
    (flag,) = [flag for flag in watched.flags if flag.kind is FlagKind.SEVERAL_FACES]
    assert flag.started_ms == 0 and flag.ended_ms == heard[-1] >= 3800
    assert watched.frames_read == 80 and watched.frames_analysed == len(heard)
    assert watched.duration_ms == pytest.approx(4000, abs=60)


def damage(path: Path, from_ms: int, to_ms: int) -> Path:
    """Overwrites the bytes of all pictures of that time, as a bad sector would."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        places = [(p.pos, p.size, p.pts * p.time_base * 1000) for p in file.demux(stream) if p.pts is not None]
    data = bytearray(path.read_bytes())
    for pos, size, at_ms in places:
        if from_ms <= at_ms < to_ms:
            data[pos : pos + size] = b"\xff" * size
    path.write_bytes(data)
    return path


def watched_with_damage(path: Path, from_ms: int, to_ms: int, policy: Policy) -> tuple[Flag, ...]:
    whole = video(path, list(range(0, 12_000, 50)))
    pictures = Pictures(damage(whole, from_ms, to_ms), SMALL, 8.0)
    second = msgspec.structs.replace(CANDIDATE, box=(0.7, 0.2, 0.9, 0.55))
    return watch(pictures, analyser((CANDIDATE, second)), SessionWatch("file", 0, policy, {})).flags


def test_a_stretch_that_cannot_be_decoded_is_a_technical_flag_and_ends_what_was_open(tmp_path) -> None:
    flags = watched_with_damage(tmp_path / "damaged.mp4", 3000, 8000, Policy())
    (absent,) = [flag for flag in flags if flag.kind is FlagKind.ANALYSIS_ABSENT]
    assert absent.technical
    assert absent.started_ms == pytest.approx(3000, abs=60)
    assert absent.ended_ms == pytest.approx(8000, abs=150)
    faces = [(flag.started_ms, flag.ended_ms) for flag in flags if flag.kind is FlagKind.SEVERAL_FACES]
    assert faces[0][1] == pytest.approx(2900, abs=150)
    assert all(ended <= 3000 or started >= 8000 for started, ended in faces)


def reordered(path: Path) -> Path:
    """A video of 12 s whose pictures refer to later ones: its decoder is always some pictures ahead."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=20, options={"preset": "veryfast", "g": "20", "bf": "3"})
        stream.width, stream.height, stream.pix_fmt = SMALL.width, SMALL.height, "yuv420p"
        for number in range(240):
            planes = np.frombuffer(frame(number).planes, np.uint8).reshape(SMALL.height * 3 // 2, SMALL.width)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        file.mux(stream.encode(None))
    return path


def test_a_decoder_that_is_ahead_of_its_pictures_does_not_hide_the_stretch(tmp_path) -> None:
    pictures = Pictures(damage(reordered(tmp_path / "b.mp4"), 3000, 8000), SMALL, 8.0)
    flags = watch(pictures, analyser(), SessionWatch("file", 0, Policy(), {})).flags
    (absent,) = [flag for flag in flags if flag.kind is FlagKind.ANALYSIS_ABSENT]
    assert absent.started_ms == pytest.approx(3000, abs=200)
    assert absent.ended_ms == pytest.approx(8000, abs=300)


def test_a_short_stretch_that_cannot_be_decoded_is_none(tmp_path) -> None:
    flags = watched_with_damage(tmp_path / "scratched.mp4", 3000, 4000, Policy())
    assert [flag for flag in flags if flag.kind is FlagKind.ANALYSIS_ABSENT] == []


def test_the_policy_says_how_long_a_stretch_must_be(tmp_path) -> None:
    rule = msgspec.structs.replace(Rules().analysis_absent, dwell_ms=500)
    flags = watched_with_damage(tmp_path / "short.mp4", 3000, 4000, Policy(rules=Rules(analysis_absent=rule)))
    assert [flag.kind for flag in flags].count(FlagKind.ANALYSIS_ABSENT) == 1


def test_an_uneven_rate_is_no_missing_analysis(tmp_path) -> None:
    path = video(tmp_path / "slow.mp4", [0, 40, 80, 6000, 6040, 12_000])
    flags = watch(Pictures(path, SMALL, 8.0), analyser(), SessionWatch("file", 0, Policy(), {})).flags
    assert FlagKind.ANALYSIS_ABSENT not in {flag.kind for flag in flags}


def test_pictures_are_changed_before_they_are_analysed(tmp_path) -> None:
    path = video(tmp_path / "dark.mp4", list(range(0, 6000, 50)))

    def black(picture):
        return type(picture)(np.full_like(picture.luma, 16), picture.blue, picture.red)

    watcher = SessionWatch("file", 0, Policy(), {})
    watched = watch(Pictures(path, SMALL, 8.0), analyser(), watcher, change=black)
    assert {flag.kind for flag in watched.flags} >= {FlagKind.CAMERA_COVERED}


def test_an_unknown_key_in_a_policy_is_named(tmp_path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("[rules.looking_away]\nthreshold = 0.5\nleave = 0.4\ndwell_ms = 400\nspeed = 3\n")
    with pytest.raises(BadPolicy, match="speed"):
        read_policy(path)
    with pytest.raises(BadPolicy, match="No such file"):
        read_policy(tmp_path / "nowhere.toml")
    assert read_policy(None) == Policy()
