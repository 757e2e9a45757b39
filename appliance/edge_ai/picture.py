"""Pictures as the camera gives them, made into what a model takes.

A frame arrives as I420: a full-size plane of luma and two quarter-size planes of chroma, one after the other.
Shrinking the planes before turning them into RGB touches a tenth of the bytes that the other order would.
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from proctoring.errors import DeskproctorError

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def array(numbers: ArrayLike) -> Floats:
    """Numbers as the networks hold them."""
    return np.asarray(numbers, np.float32)


class PictureBroken(DeskproctorError, ValueError):
    """The bytes of a frame do not make a picture of the size that came with them."""


class Region(NamedTuple):
    """A rectangle in shares of the whole picture, 0..1, top left to bottom right."""

    left: float
    top: float
    right: float
    bottom: float


WHOLE = Region(0.0, 0.0, 1.0, 1.0)


class Placement(NamedTuple):
    """Where a region of a picture lies inside a model's square input.

    A picture keeps its shape inside the square; `left_px` and `top_px` are the black bars beside it.
    """

    region: Region
    left_px: int
    top_px: int
    width_px: int
    height_px: int

    def to_picture(self, points: Floats) -> Floats:
        """Points in pixels of the square, shape (..., 2), as shares of the whole picture."""
        left, top, right, bottom = self.region
        across, down = (right - left) / self.width_px, (bottom - top) / self.height_px
        shares: Floats = points * array([across, down])
        shares += array([left - across * self.left_px, top - down * self.top_px])
        return shares


def square_around(x: float, y: float, side: float, shape: float) -> Region:
    """A square with its middle at (x, y) and `side` as a share of the picture's height, moved to lie inside it.

    `shape` is the picture's width divided by its height. A side too long for the picture is cut short.
    """
    tall, wide = min(1.0, side), min(1.0, side / shape)
    left = min(max(0.0, x - wide / 2), 1.0 - wide)
    top = min(max(0.0, y - tall / 2), 1.0 - tall)
    return Region(left, top, left + wide, top + tall)


class _Halves:
    """A plane, its half, and so on: each is made when somebody first asks, and once."""

    def __init__(self, plane: Bytes) -> None:
        self._planes = [plane]

    def at(self, level: int) -> Bytes:
        """The plane, halved so many times."""
        while len(self._planes) <= level:
            self._planes.append(halved(self._planes[-1]))
        return self._planes[level]


class Picture:
    """One frame: three uint8 planes, of shapes (height, width) and twice (height/2, width/2)."""

    def __init__(self, luma: Bytes, blue: Bytes, red: Bytes) -> None:
        self._luma, self._blue, self._red = _Halves(luma), _Halves(blue), _Halves(red)
        self._level = 0

    @property
    def luma(self) -> Bytes:
        """How light each pixel is, 16 to 235."""
        return self._luma.at(self._level)

    @property
    def blue(self) -> Bytes:
        """How blue; 128 is no colour."""
        return self._blue.at(self._level)

    @property
    def red(self) -> Bytes:
        """How red; 128 is no colour."""
        return self._red.at(self._level)

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.luma.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.luma.shape[0])

    @property
    def shape(self) -> float:
        """Width divided by height."""
        return self.width / self.height

    @property
    def half(self) -> Picture:
        """The picture at half its size; all who look share what was made.

        Averaging keeps a phone of a few pixels from falling between the samples, and by halves it is some twenty
        times as fast as by any other share; less than a half is left to interpolation.
        """
        return self._halved(1)

    def grey(self, width: int) -> Bytes:
        """The luma, halved until it is at most `width` wide; nobody makes the colours for it."""
        level = self._level
        while self._luma.at(level).shape[1] > width:
            level += 1
        return self._luma.at(level)

    def cut(self, region: Region) -> Picture:
        """The part of the picture inside `region`, on even pixels, two at least; a view, nothing is copied."""
        if region == WHOLE:
            return self
        left, right = _span(region.left, region.right, self.width)
        top, bottom = _span(region.top, region.bottom, self.height)
        half = np.s_[top // 2 : bottom // 2, left // 2 : right // 2]
        return Picture(self.luma[top:bottom, left:right], self.blue[half], self.red[half])

    def shrunk(self, scale: float) -> Picture:
        """The picture at the smallest of its halves from which a part can be taken at `scale` times its size here.

        A part that is cut from it shares its halves with all other parts.
        """
        times = 0
        while scale <= 0.5:
            scale, times = 2 * scale, times + 1
        return self._halved(times) if times else self

    def _halved(self, times: int) -> Picture:
        halved = copy(self)
        halved._level += times
        return halved

    def rgb(self, width: int, height: int) -> Bytes:
        """The picture as RGB of shape (height, width, 3), both even; the colours of BT.601, video range."""
        room = np.empty((height, width, 3), np.uint8)
        self.paint(room)
        return room

    def paint(self, room: Bytes) -> None:
        """The same into an array (height, width, 3), or a part of one."""
        height, width, _ = room.shape
        seen = self.shrunk(max(width / self.width, height / self.height))
        stacked, (luma, blue, red) = planes_for(width, height)
        for plane, small in ((seen.luma, luma), (seen.blue, blue), (seen.red, red)):
            cv2.resize(plane, small.shape[::-1], dst=small, interpolation=cv2.INTER_LINEAR)
        cv2.cvtColor(stacked, cv2.COLOR_YUV2RGB_I420, dst=room)


def planes_for(width: int, height: int) -> tuple[Bytes, tuple[Bytes, Bytes, Bytes]]:
    """Room for an I420 picture as OpenCV takes it, (height * 3 / 2, width), and its three planes, views of it."""
    stacked = np.empty((height * 3 // 2, width), np.uint8)
    blue, red = stacked[height:].reshape(2, height // 2, width // 2)
    return stacked, (stacked[:height], blue, red)


def from_i420(data: bytes | memoryview, width: int, height: int) -> Picture:
    """The frame in `data`; a view, nothing is copied. Raises `PictureBroken` when the size cannot be right."""
    if width < 2 or height < 2 or width % 2 or height % 2:
        raise PictureBroken(f"a frame of {width}x{height} pixels is not I420: both must be even and at least 2")
    expected = width * height * 3 // 2
    if len(data) != expected:
        raise PictureBroken(f"a frame of {width}x{height} pixels has {expected} bytes as I420, not {len(data)}")
    flat = np.frombuffer(data, np.uint8)
    pixels, quarter = width * height, (height // 2, width // 2)
    blue, red = flat[pixels:].reshape(2, *quarter)
    return Picture(flat[:pixels].reshape(height, width), blue, red)


def from_rgb(rgb: Bytes) -> Picture:
    """A picture from RGB of shape (height, width, 3); an odd last row or column is left out."""
    height, width = (side - side % 2 for side in rgb.shape[:2])
    stacked = cv2.cvtColor(np.ascontiguousarray(rgb[:height, :width]), cv2.COLOR_RGB2YUV_I420)
    return from_i420(stacked.tobytes(), width, height)


def letterbox(picture: Picture, side: int) -> tuple[Bytes, Placement]:
    """The picture in the middle of a black square of `side` pixels, RGB (side, side, 3), and where it lies there."""
    square = np.empty((side, side, 3), np.uint8)
    return square, put_into(square, picture)


def put_into(square: Bytes, picture: Picture, region: Region = WHOLE) -> Placement:
    """Paints the region into the middle of a square (side, side, 3), black beside it; where it lies there."""
    side = square.shape[0]
    longer = max(2.0, (region.right - region.left) * picture.width, (region.bottom - region.top) * picture.height)
    part = picture.shrunk(side / longer).cut(region)
    scale = side / max(part.width, part.height)
    width, height = (max(2, even(length * scale)) for length in (part.width, part.height))
    left, top = (side - width) // 2, (side - height) // 2
    return painted(square, part, Placement(region, left, top, width, height))


def painted(square: Bytes, part: Picture, at: Placement) -> Placement:
    """Paints a part of a picture to where it is to lie in a square, black beside it."""
    right, bottom = at.left_px + at.width_px, at.top_px + at.height_px
    square[: at.top_px], square[bottom:] = 0, 0
    square[:, : at.left_px], square[:, right:] = 0, 0
    part.paint(square[at.top_px : bottom, at.left_px : right])
    return at


def mean_and_deviation(plane: Bytes | Floats | cv2.typing.MatLike) -> tuple[float, float]:
    """The mean of a plane's values, and how far they usually are from it."""
    mean, deviation = cv2.meanStdDev(plane)
    return float(mean[0, 0]), float(deviation[0, 0])


def even(length: float) -> int:
    """The even number that is nearest: colours have half as many pixels."""
    return 2 * round(length / 2)


def _span(start: float, end: float, length: int) -> tuple[int, int]:
    """From where to where shares of a side go: what lies beyond the picture's edge has a place and no size."""
    first = min(even(start * length), 2 * max(0, length // 2 - 1))
    return first, max(even(end * length), first + 2)


def halved(plane: Bytes) -> Bytes:
    """A plane at half its size, each value the mean of four; an odd last row or column is left out."""
    rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
    even = plane[: 2 * rows, : 2 * columns]
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
