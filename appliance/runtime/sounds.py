"""Sound from the microphone's owner to whoever listens, block by block. Nothing of it is kept by a listener.

Unlike frames, where the newest alone matters, blocks follow each other; a listener that is too slow misses some.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from appliance.runtime.settings import Desk
from appliance.runtime.sockets import Listener, Teller
from proctoring.errors import WireError

RATE: Final = 16_000
"""Samples a second: what the voice detector was trained on; speech has next to nothing above 8 kHz."""
BLOCK: Final = 640
"""Samples in a block of 40 ms: two of the encoder's frames."""
HELD: Final = 50
"""Blocks that wait for a slow listener: two seconds, twice what a rule looks back on."""

_HEAD: Final = struct.Struct("<q")


class Sound(msgspec.Struct, frozen=True):
    """A block of sound: 16-bit samples, little endian, one channel, `RATE` a second."""

    mono_ms: int
    """When its first sample was taken, on the desk's monotonic clock."""
    pcm: bytes

    @property
    def length_ms(self) -> int:
        """How long it lasts."""
        return length_ms(self.pcm)


def length_ms(pcm: bytes) -> int:
    """How long so much sound lasts."""
    return len(pcm) // 2 * 1000 // RATE


def pack(sound: Sound) -> bytes:
    """A block as one message: its time in eight bytes, its samples."""
    return _HEAD.pack(sound.mono_ms) + sound.pcm


def unpack(data: bytes) -> Sound:
    """The block in a message. Raises WireError for anything else."""
    if len(data) <= _HEAD.size or len(data) % 2:
        raise WireError(f"A block of sound of {len(data)} bytes")
    return Sound(_HEAD.unpack_from(data)[0], data[_HEAD.size :])


class SoundTeller(Teller):
    """The microphone owner's end."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.socket("sound"), held=HELD)

    def offer(self, sound: Sound) -> None:
        """Offers the next block; never waits."""
        self.tell(pack(sound))


class SoundListener(Listener):
    """A listener's end."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.socket("sound"), held=HELD)

    def heard(self) -> list[Sound]:
        """The blocks that have come since the last time, in order. Raises WireError for what is none."""
        blocks = []
        while (data := self.hear(0)) is not None:
            blocks.append(unpack(data))
        return blocks
