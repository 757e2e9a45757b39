"""Reads the weights out of a network that dlib saved: the numbers of each layer, in the order they are used.

Dlib's form (dlib/serialize.h, dlib/cuda/tensor.h): a whole number is a byte with its length, and its sign in the top
bit, then its bytes, the lowest first; a text is its length and its bytes; a tensor is its version, its four sides as
whole numbers, and its values as 32-bit floats, the lowest byte first. Each layer begins with its name as such a text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from appliance.edge_ai.picture import Floats
from proctoring.errors import DeskproctorError

TENSOR_VERSION = 2

# The kinds that hold numbers, with how many whole numbers stand between their name and their numbers.
NAMES = {b"con_4": 0, b"affine_": 0, b"fc_2": 2}


class WeightsBroken(DeskproctorError, ValueError):
    """The file is cut short or is not what dlib's serialize() writes."""


@dataclass(frozen=True)
class Layer:
    """The numbers of one layer: its kind's name without the version, and all its values in a row."""

    kind: str
    values: Floats


def layers(saved: bytes) -> Iterator[Layer]:
    """Every layer that has numbers, from the picture to the answer. Raises `WeightsBroken`."""
    names = re.compile(b"|".join(_text(name) for name in NAMES))
    for found in names.finditer(saved):
        name = found.group()[2:]
        cursor = _Cursor(saved, found.end())
        for _ in range(NAMES[name]):
            cursor.whole_number()
        yield Layer(name.decode().split("_")[0], cursor.tensor())


class _Cursor:
    """A place in the file that moves on as it is read."""

    def __init__(self, saved: bytes, place: int) -> None:
        self._saved = saved
        self._place = place

    def whole_number(self) -> int:
        (head,) = self._take(1)
        size = int.from_bytes(self._take(head & 0x0F), "little")
        return -size if head & 0x80 else size

    def tensor(self) -> Floats:
        version = self.whole_number()
        if version != TENSOR_VERSION:
            raise WeightsBroken(f"a tensor has version {version}, this recipe reads {TENSOR_VERSION}")
        count = math.prod(self.whole_number() for _ in range(4))
        return np.frombuffer(self._take(4 * count), "<f4").astype(np.float32)

    def _take(self, count: int) -> bytes:
        taken = self._saved[self._place : self._place + count]
        if count < 0 or len(taken) != count:
            raise WeightsBroken(f"the file ends {count - len(taken)} bytes too early. Delete it and fetch it again.")
        self._place += count
        return taken


def _text(text: bytes) -> bytes:
    return re.escape(bytes([1, len(text)]) + text)
