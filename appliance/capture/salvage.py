"""What a crash left: a segment is closed over where its bytes end well, if it plays.

An MP4 file is a row of boxes, each with its length first (ISO/IEC 14496-12, 4.2). Ours is a head and then, for every
picture, a `moof` (what comes) and an `mdat` (the picture). A box that was cut off by the crash is cut away.
"""

from __future__ import annotations

import logging
import struct
from pathlib import Path
from typing import BinaryIO, Final

from appliance.capture.segments import Done, Incoming, Part
from appliance.capture.video import VideoReader, VideoUnusable
from proctoring.segment import EndedBy

log = logging.getLogger(__name__)

_BOX: Final = struct.Struct(">I4s")
_LONG: Final = struct.Struct(">Q")


def salvage(incoming: Incoming, part: Part, frame_ms: int) -> Done | None:
    """The part as a finished segment that ended by crash; None where nothing of it plays.

    `frame_ms` is how long its last picture counts. Raises OSError.
    """
    try:
        _cut_off(part.path)
        frames, last_ms = _pictures(part.path)
    except VideoUnusable as error:
        log.warning("%s", error)
        return None
    ended_ms = part.started_ms + last_ms + frame_ms
    return incoming.finish(part, ended_ms, frames, EndedBy.CRASH) if frames else None


def _cut_off(path: Path) -> None:
    """Cuts away what follows the last whole picture; a file without any is left as it is."""
    with path.open("r+b") as file:
        end = _whole_pictures_end(file)
        if end:
            file.truncate(end)


def _whole_pictures_end(file: BinaryIO) -> int:
    size, end, position = file.seek(0, 2), 0, 0
    while box := _box(file, position):
        length, kind = box
        position += length
        if position > size:
            break
        if kind == b"mdat":
            end = position
    return end


def _box(file: BinaryIO, position: int) -> tuple[int, bytes] | None:
    """Length and kind of the box there; None where there is none."""
    file.seek(position)
    head = file.read(_BOX.size)
    if len(head) < _BOX.size:
        return None
    length, kind = _BOX.unpack(head)
    if length == 1:
        long = file.read(_LONG.size)
        length = _LONG.unpack(long)[0] if len(long) == _LONG.size else 0
    return (length, kind) if length >= _BOX.size else None


def _pictures(path: Path) -> tuple[int, int]:
    """How many pictures can be decoded, and the last one's time. Raises VideoUnusable."""
    reader = VideoReader(path)
    frames = last_ms = 0
    try:
        while still := reader.next():
            frames, last_ms = frames + 1, still.at_ms
    finally:
        reader.close()
    return frames, last_ms
