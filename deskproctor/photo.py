"""Photos from files: the right way up, whole, and not too large."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from appliance.edge_ai.picture import Picture, from_rgb
from proctoring.errors import DeskproctorError

MOST_PIXELS: Final = 50_000_000
"""A photo of 50 megapixels takes some 400 MB while it is decoded; cameras and telephones give at most that."""
LEAST_SIDE: Final = 16

KINDS: Final = "JPEG, PNG, BMP or WebP"

# Segments of a JPEG that have no length: padding, restarts, start of image.
BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
START_OF_SCAN: Final = 0xDA
END: Final = b"\xff\xd9"
# Start of frame, of every coding; DHT, JPG and DAC lie among the numbers and are none.
SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class PhotoUnusable(DeskproctorError, ValueError):
    """A photo that is missing or cannot be read. The text names the file and what to do."""


def read_photo(path: Path) -> Picture:
    """The photo, turned as its EXIF orientation says; an odd last row or column is left out.

    Raises `PhotoUnusable` for what is missing, empty, cut off, too large, too small or no picture.
    """
    data = _bytes(path)
    width, height = _measured(path, data)
    if width * height > MOST_PIXELS:
        raise PhotoUnusable(
            f"The photo {path} has {width}x{height} pixels, more than {MOST_PIXELS // 10**6} million. "
            "Make it smaller."
        )
    if min(width, height) < LEAST_SIDE:
        raise PhotoUnusable(f"The photo {path} has only {width}x{height} pixels. Give a larger one.")
    # Grey pictures become three equal channels; the decoder turns by EXIF.
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise PhotoUnusable(f"The photo {path} cannot be decoded. Save it anew as {KINDS}.")
    return from_rgb(np.asarray(decoded[:, :, ::-1], np.uint8))


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PhotoUnusable(f"The photo {path} cannot be read: {error.strerror}. Check the path.") from error
    if not data:
        raise PhotoUnusable(f"The photo {path} is empty. Copy it again from where it came from.")
    return data


def _measured(path: Path, data: bytes) -> tuple[int, int]:
    """Width and height by the file's head, before anything is decoded; an end that is missing is noticed here."""
    try:
        size, whole = _head(data)
    except (struct.error, IndexError):
        size, whole = (0, 0), False
    if not whole:
        raise PhotoUnusable(f"The photo {path} is cut off. Copy it again from where it came from.")
    if size is None:
        raise PhotoUnusable(f"The file {path} is no picture that can be read. Give a {KINDS} file.")
    return size


def _head(data: bytes) -> tuple[tuple[int, int] | None, bool]:
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = struct.unpack_from(">II", data, 16)
        return (width, height), b"IEND" in data[-64:]
    if data.startswith(b"BM"):
        (length,) = struct.unpack_from("<I", data, 2)
        width, height = struct.unpack_from("<ii", data, 18)
        return (abs(width), abs(height)), len(data) >= length
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    return None, True


def _jpeg(data: bytes) -> tuple[tuple[int, int], bool]:
    """Walks the segments. An end before the scan is that of an embedded preview, so it does not count."""
    size, place = (0, 0), 2
    while True:
        code = data[place + 1]
        if code == START_OF_SCAN:
            return size, END in data[place:]
        if code in BARE or code == 0xFF:
            place += 1 if code == 0xFF else 2
            continue
        if code in SIZES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            size = width, height
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]


def _webp(data: bytes) -> tuple[tuple[int, int], bool]:
    """The three kinds of the WebP container specification: extended, lossless, lossy."""
    (length,) = struct.unpack_from("<I", data, 4)
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return (width, height), len(data) >= length + 8
