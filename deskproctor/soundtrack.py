"""What is spoken in a video file, as the desk's analysis would hear it through a microphone."""

from __future__ import annotations

from pathlib import Path

from appliance.capture.video import SoundReader, SoundUnusable
from appliance.edge_ai.hearing import Hearing, NoEars
from appliance.edge_ai.ports import Voices
from appliance.edge_ai.voice import SileroVoice
from appliance.runtime.sounds import BLOCK, RATE, Sound

BLOCK_MS = BLOCK * 1000 // RATE


def heard_in(video: Path, video_start_ms: int = 0) -> Voices:
    """The voices of a video by its own times; of one without a sound track nothing is known.

    `video_start_ms` is where the pictures begin on the file's own clock. Raises ModelBroken.
    """
    try:
        reader = SoundReader(str(video))
    except SoundUnusable:
        return NoEars()
    return Soundtrack(reader, Hearing(SileroVoice()), reader.start_ms - video_start_ms)


class Soundtrack:
    """See Voices. Times are to go up, as a video's do."""

    def __init__(self, reader: SoundReader, hearing: Hearing, start_ms: int = 0) -> None:
        self.models = hearing.models
        self._reader: SoundReader | None = reader
        self._hearing = hearing
        self._next_ms = start_ms

    def voice(self, mono_ms: int) -> float | None:
        """See Voices. What cannot be read any more was not heard."""
        while self._reader and self._next_ms + BLOCK_MS <= mono_ms:
            pcm = self._read(self._reader)
            if pcm is not None:
                self._hearing.hear(Sound(self._next_ms, pcm))
            self._next_ms += BLOCK_MS
        return self._hearing.voice(mono_ms)

    def _read(self, reader: SoundReader) -> bytes | None:
        try:
            pcm = reader.next()
        except SoundUnusable:
            pcm = None
        if pcm is None:
            reader.close()
            self._reader = None
        return pcm
