"""How much of the last second was voice. No sound is kept for longer than it takes to score it."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final, Protocol

from appliance.edge_ai.ports import VoiceFinder
from appliance.runtime.sounds import RATE, Sound
from proctoring.errors import WireError

log = logging.getLogger(__name__)

WINDOW: Final = 512
"""Samples that are scored at once: 32 ms."""
WINDOW_MS: Final = WINDOW * 1000 / RATE

# On the labelled recordings the highest score without speech is 0.26 (thunder), 0.12 for a bark and for hum, 0.03 for
# noise and keys. Of the windows of read sentences 95 in 100 have 0.5 and more; at a tenth of the loudness still 84.
SPEECH: Final = 0.5

SPAN_MS: Final = 1000
LEAST_SHARE: Final = 0.5
"""Of the span that must have been heard to say anything."""
HOLE_MS: Final = 100
"""Blocks further apart do not follow each other."""
KEPT_MS: Final = 5000
"""Scores are kept for so long: frames are analysed late on a busy machine."""


class Hearing:
    """Scores sound as it comes."""

    def __init__(self, finder: VoiceFinder) -> None:
        self.models = finder.models
        self._finder = finder
        self._rest = b""
        self._next_ms = 0.0
        self._scores: deque[tuple[float, float]] = deque()

    def hear(self, sound: Sound) -> None:
        """The next block."""
        if abs(sound.mono_ms - self._next_ms - len(self._rest) / 2 * 1000 / RATE) > HOLE_MS:
            self._begin_anew(sound.mono_ms)
        self._rest += sound.pcm
        while len(self._rest) >= 2 * WINDOW:
            self._score(self._rest[: 2 * WINDOW])
            self._rest = self._rest[2 * WINDOW :]

    def voice(self, mono_ms: int) -> float | None:
        """Share of the second before `mono_ms` in which somebody spoke; None where too little of it was heard."""
        scores = [score for end_ms, score in self._scores if mono_ms - SPAN_MS < end_ms <= mono_ms]
        if len(scores) * WINDOW_MS < LEAST_SHARE * SPAN_MS:
            return None
        return sum(score >= SPEECH for score in scores) / len(scores)

    def _score(self, window: bytes) -> None:
        self._next_ms += WINDOW_MS
        # A live microphone always has noise: zeros alone are a muted channel, in which nobody can be heard.
        if any(window):
            self._scores.append((self._next_ms, self._finder.score(window)))
        while self._scores and self._scores[0][0] < self._next_ms - KEPT_MS:
            self._scores.popleft()

    def _begin_anew(self, mono_ms: int) -> None:
        self._finder.forget()
        self._scores.clear()
        self._rest, self._next_ms = b"", float(mono_ms)


class Sounds(Protocol):
    """Where sound comes from, as `SoundListener` has it."""

    def heard(self) -> list[Sound]:
        """The blocks since the last time. Raises WireError."""


class Ears:
    """A desk's microphone, as far as the analysis is concerned."""

    def __init__(self, sounds: Sounds, hearing: Hearing) -> None:
        self.models = hearing.models
        self._sounds = sounds
        self._hearing = hearing

    def voice(self, mono_ms: int) -> float | None:
        """See Hearing."""
        try:
            for sound in self._sounds.heard():
                self._hearing.hear(sound)
        except WireError as error:
            log.warning("a block of sound was left out: %s", error)
        return self._hearing.voice(mono_ms)


class NoEars:
    """A desk that hears nothing."""

    models: Final[dict[str, str]] = {}

    def voice(self, mono_ms: int) -> float | None:
        """Never known."""
        del mono_ms
        return None
