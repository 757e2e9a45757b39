"""Frames from the camera's owner to whoever looks at them; the newest wins."""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from appliance.runtime.settings import Desk
from appliance.runtime.sockets import Listener, Teller
from proctoring import wire
from proctoring.errors import WireError
from proctoring.wire import FrameHead

_LENGTH: Final = struct.Struct("<I")


class Frame(msgspec.Struct, frozen=True):
    """A picture: I420 planes (Y, U, V; 12 bits a pixel), rows without padding, as one buffer."""

    head: FrameHead
    planes: bytes | memoryview


def size(width: int, height: int) -> int:
    """Bytes of an I420 picture with even sides."""
    return width * height * 3 // 2


def pack(frame: Frame) -> bytes:
    """A frame as one message: length of the head, head, planes."""
    head = wire.encode(frame.head)
    return b"".join((_LENGTH.pack(len(head)), head, frame.planes))


def unpack(data: bytes) -> Frame:
    """The frame of a message, its planes a view on `data`. Raises WireError for anything else."""
    if len(data) < _LENGTH.size:
        raise WireError("A frame without a head")
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    head: FrameHead = wire.decode(data[_LENGTH.size : end], FrameHead)
    planes = memoryview(data)[end:]
    if len(planes) != size(head.width, head.height):
        raise WireError(f"A frame of {head.width}x{head.height} with {len(planes)} bytes")
    return Frame(head, planes)


class FrameTeller(Teller):
    """The camera owner's end."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.socket("frames"))

    def offer(self, frame: Frame) -> None:
        """Offers the newest frame; never waits."""
        self.tell(pack(frame))


class FrameListener(Listener):
    """A reader's end."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.socket("frames"))

    def newest(self, timeout_ms: int) -> Frame | None:
        """The newest frame not seen yet, waiting up to `timeout_ms`."""
        data = self.hear(timeout_ms)
        return None if data is None else unpack(data)
