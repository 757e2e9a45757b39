"""A video file as a camera: what it shows depends on the time since the session's zero alone.

Before the exam it shows its first picture. A recorder that dies and comes back goes on where the file is by then, as
a camera would.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from appliance.capture.video import Still, VideoReader, VideoUnusable
from appliance.runtime.clock import Clock
from appliance.runtime.frames import Frame

STILL_MS: Final = 100
"""How often the first picture is shown before the exam."""
LATE_MS: Final = 500
"""A picture this late is left out, as a camera would have lost it."""
SEEK_MS: Final = 3000
"""From this far behind, seeking is quicker than decoding all that lies between."""


def check_video(path: Path) -> None:
    """Raises VideoUnusable, with what to do, unless `path` is a video whose first picture can be decoded."""
    reader = VideoReader(path)
    try:
        _first(reader, path)
    finally:
        reader.close()


def _first(reader: VideoReader, path: Path) -> Still:
    first = reader.next()
    if first is None:
        raise VideoUnusable(f"The video {path} holds no picture. Give another video file.")
    return first


class VideoFile:
    """See Source. With `loop` it starts again at its end."""

    def __init__(self, path: Path, clock: Clock, *, loop: bool = False) -> None:
        self._path = path
        self._clock = clock
        self._loop = loop
        self._number = 0
        self._reader: VideoReader | None = None
        self._first: Still | None = None
        self._play: _Play | None = None

    def open(self) -> None:
        """Reads the first picture. Raises VideoUnusable."""
        self._reader = VideoReader(self._path)
        self._first = _first(self._reader, self._path)

    def begin(self, zero_mono_ms: int | None) -> None:
        """Plays from that moment on; None shows the first picture again."""
        assert self._reader is not None, "open() comes first"
        if zero_mono_ms is None:
            self._play = None
        elif self._play is None or self._play.zero_mono_ms != zero_mono_ms:
            self._play = _Play(self._reader, zero_mono_ms, loop=self._loop)

    def next(self, patience_s: float) -> Frame | None:
        """The next picture, at its time in the file."""
        if self._play is None:
            assert self._first is not None, "open() comes first"
            self._clock.wait(min(STILL_MS / 1000, patience_s))
            return self._frame(self._first, self._clock.mono_ms())
        due_ms = self._play.due_mono_ms(self._clock.mono_ms())
        wait_s = patience_s if due_ms is None else max(0, due_ms - self._clock.mono_ms()) / 1000
        self._clock.wait(min(wait_s, patience_s))
        if due_ms is None or wait_s > patience_s:
            return None
        still, left_out = self._play.take()
        self._number += left_out
        return self._frame(still, due_ms)

    @property
    def ended(self) -> str | None:
        """Set once the last picture has been shown for its time."""
        over = self._play is not None and self._play.over(self._clock.mono_ms())
        return self._play.why_ended if self._play and over else None

    def close(self) -> None:
        """Gives the file back."""
        if self._reader:
            self._reader.close()

    def _frame(self, still: Still, mono_ms: int) -> Frame:
        self._number += 1
        return still.frame(self._number, mono_ms)


class _Play:
    """A file played from a moment on, lap after lap where it loops."""

    def __init__(self, reader: VideoReader, zero_mono_ms: int, *, loop: bool) -> None:
        self.zero_mono_ms = zero_mono_ms
        self.why_ended = "video ended"
        self._reader = reader
        self._loop = loop and reader.length_ms > 0
        self._lap_ms = 0
        self._read_ms = 0
        self._held: Still | None = None
        self._left_out = 0
        self._until_mono_ms: int | None = None
        reader.seek(0)

    def due_mono_ms(self, now_ms: int) -> int | None:
        """When the next picture that is not too late is due; None after the last."""
        self._catch_up(now_ms - self.zero_mono_ms)
        while self._until_mono_ms is None:
            self._held = self._held or self._pull(now_ms)
            if self._held:
                due_ms = self.zero_mono_ms + self._lap_ms + self._held.at_ms
                if due_ms >= now_ms - LATE_MS:
                    return due_ms
                self._left_out += 1
            self._held = None
        return None

    def take(self) -> tuple[Still, int]:
        """The picture that is due, and how many were too late since the one before."""
        assert self._held is not None, "due_mono_ms() comes first"
        taken = self._held, self._left_out
        self._held, self._left_out = None, 0
        return taken

    def over(self, now_ms: int) -> bool:
        """Whether the last picture's time has passed."""
        return self._until_mono_ms is not None and now_ms >= self._until_mono_ms

    def _catch_up(self, position_ms: int) -> None:
        if self._until_mono_ms is not None or position_ms - self._lap_ms - self._read_ms < SEEK_MS:
            return
        if self._loop:
            self._lap_ms = position_ms // self._reader.length_ms * self._reader.length_ms
        self._held, self._read_ms = None, position_ms - self._lap_ms
        self._reader.seek(min(self._read_ms, self._reader.length_ms))

    def _pull(self, now_ms: int) -> Still | None:
        """The next picture; at the end None, with either the next lap or the end of all prepared."""
        try:
            still = self._reader.next()
        except VideoUnusable as error:
            self.why_ended, self._until_mono_ms = str(error), now_ms
            return None
        if still:
            self._read_ms = still.at_ms
        else:
            self._finish_lap()
        return still

    def _finish_lap(self) -> None:
        length_ms = max(self._reader.length_ms, self._read_ms)
        if self._loop:
            self._lap_ms, self._read_ms = self._lap_ms + length_ms, 0
            self._reader.seek(0)
        else:
            self._until_mono_ms = self.zero_mono_ms + length_ms
