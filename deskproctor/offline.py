"""The desk's analysis on a video file: the same analyser, rules and rate, as fast as the machine can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from appliance.capture.pace import Pace
from appliance.capture.video import Still, VideoReader, VideoUnusable, fitted
from appliance.edge_ai.analyser import Analyser
from appliance.edge_ai.picture import Picture, from_i420
from appliance.edge_ai.ports import Voices
from appliance.edge_ai.session_watch import SessionWatch, Sighting
from appliance.runtime.frames import Frame
from proctoring.errors import BadPolicy
from proctoring.flag import Flag
from proctoring.observation import Box
from proctoring.policy import Policy, Recording, load_policy

SESSION: Final = "file"

CUT_OFF_S: Final = 1.0
CUT_OFF_SHARE: Final = 0.02
"""A video that ends this much before the end that its own head names is cut off; sound may last a little longer."""

Interval = tuple[int, int]
"""From when to when, in milliseconds of the video."""

Change = Callable[[Picture], Picture]
"""What is done to a picture before it is analysed, for evaluation under poor conditions."""


class Watched(msgspec.Struct, frozen=True):
    """What came of a video."""

    duration_ms: int
    width: int
    height: int
    """Of the video, in pixels."""
    frames_read: int
    frames_analysed: int
    sightings: tuple[Sighting, ...]
    """The flags, ended, with their pictures, in the order in which they started."""

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The flags alone."""
        return tuple(sighting.flag for sighting in self.sightings)


class Pictures:
    """A video's pictures at the rate at which a desk would analyse them, in the size in which it would see them."""

    def __init__(self, path: Path, recording: Recording, frames_per_s: float) -> None:
        """Raises `VideoUnusable`."""
        self._path = path
        self._recording = recording
        self._pace = Pace(frames_per_s)
        self._reader = VideoReader(path, lenient=True)
        self.length_ms = self._reader.length_ms
        self.start_ms = self._reader.start_ms
        self.end_ms = 0
        self.unseen: Interval | None = None
        """The stretch before the newest picture that could not be decoded, where there is one."""
        self.frames_read = 0
        self.width = self.height = 0

    def close(self) -> None:
        """Gives the file back."""
        self._reader.close()

    def __iter__(self) -> Iterator[tuple[int, Picture]]:
        """When each was taken, from the video's beginning, and the picture. Raises `VideoUnusable`."""
        while (still := self._reader.next()) is not None:
            self._note_unseen(still)
            self.frames_read += 1
            self.end_ms = max(self.end_ms, _end_ms(still))
            if self._pace.takes(still.at_ms):
                self.width, self.height = still.size
                yield still.at_ms, desk_picture(still.frame(self.frames_read, still.at_ms), self._recording)
                self.unseen = None
        self._check()

    def _note_unseen(self, still: Still) -> None:
        # The decoder is some pictures ahead: what it stumbled over may lie beyond this one.
        beyond_ms = [at_ms for at_ms in self._reader.broken_ms if at_ms > still.at_ms]
        if len(beyond_ms) < len(self._reader.broken_ms):
            self.unseen = (self.unseen[0] if self.unseen else self.end_ms, still.at_ms)
        self._reader.broken_ms = beyond_ms

    def _check(self) -> None:
        if self.frames_read < 2:
            raise VideoUnusable(
                f"The video {self._path} holds {self.frames_read or 'no'} picture, as a photo or the cover of a "
                "sound file does. Give a video that moves."
            )
        missing_ms = self.length_ms - self.end_ms
        if missing_ms > max(1000 * CUT_OFF_S, CUT_OFF_SHARE * self.length_ms):
            raise VideoUnusable(
                f"The video {self._path} is cut off: it should last {self.length_ms / 1000:.1f} s and ends at "
                f"{self.end_ms / 1000:.1f} s. Copy it again from where it came from."
            )


def desk_picture(frame: Frame, recording: Recording) -> Picture:
    """A frame as the desk's recorder would offer it."""
    frame = fitted(frame, recording.width, recording.height)
    return from_i420(frame.planes, frame.head.width, frame.head.height)


def watch(
    pictures: Pictures,
    analyser: Analyser,
    watcher: SessionWatch,
    progress: Callable[[int], None] | None = None,
    change: Change | None = None,
    voices: Voices | None = None,
) -> Watched:
    """Analyses a whole video. `progress` hears how far it is, in milliseconds of the video."""
    sightings: list[Sighting] = []
    analysed = 0
    with closing(pictures):
        for at_ms, picture in pictures:
            analysed += 1
            sightings += watcher.miss(*pictures.unseen) if pictures.unseen else []
            shown = change(picture) if change else picture
            voice = voices.voice(at_ms) if voices else None
            seen = analyser.observe(shown, at_ms, watcher.plan(at_ms), voice)
            sightings += watcher.feed(seen, pictures.frames_read, shown)
            if progress:
                progress(at_ms)
    sightings += watcher.rest()
    ended = sorted((one for one in sightings if one.flag.ended_ms is not None), key=lambda one: one.flag.started_ms)
    return Watched(
        duration_ms=max(pictures.length_ms, pictures.end_ms),
        width=pictures.width,
        height=pictures.height,
        frames_read=pictures.frames_read,
        frames_analysed=analysed,
        sightings=tuple(ended),
    )


def read_policy(path: Path | None) -> Policy:
    """The policy in a TOML file; the shipped one where none is named. Raises `BadPolicy`."""
    if path is None:
        return Policy()
    try:
        return load_policy(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadPolicy(f"The policy {path} cannot be read: {why}. Name a TOML file.") from error


def in_video(box: Box, width: int, height: int, recording: Recording) -> Box:
    """A box of the desk's picture in pixels of a video of `width` x `height`: the black bars are taken off again."""
    scale = min(recording.width / width, recording.height / height)
    across, down = width * scale / recording.width, height * scale / recording.height
    left, top, right, bottom = (
        round(min(max((share - (1 - part) / 2) / part, 0.0), 1.0) * side, 1)
        for share, part, side in zip(box, (across, down) * 2, (width, height) * 2, strict=True)
    )
    return left, top, right, bottom


def _end_ms(still: Still) -> int:
    """When a picture gives way to the next; the last one of a video may stand for long."""
    picture = still.picture
    length_s = (picture.duration or 0) * float(picture.time_base or 0)
    return still.at_ms + round(1000 * length_s)
