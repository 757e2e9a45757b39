from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from deskproctor.photo import PhotoUnusable, read_photo

KINDS = (".jpg", ".png", ".bmp", ".webp")


@pytest.fixture
def rgb() -> np.ndarray:
    """Wide, the left half white and the right half black."""
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[:, :50] = 255
    return picture


def saved(path: Path, rgb: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), rgb[..., ::-1])
    return path


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_at_its_size(tmp_path, rgb, kind) -> None:
    picture = read_photo(saved(tmp_path / f"photo{kind}", rgb))
    assert (picture.width, picture.height) == (100, 60)
    assert picture.luma[30, 10] > 200 > 60 > picture.luma[30, 90]


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_that_is_cut_off_is_refused(tmp_path, rgb, kind) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (60, 100, 3), np.uint8)
    path = saved(tmp_path / f"photo{kind}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(PhotoUnusable, match=r"photo\.\w+ is cut off"):
        read_photo(path)


def test_the_end_of_an_embedded_preview_does_not_pass_for_the_end_of_the_photo(tmp_path, rgb) -> None:
    jpeg = saved(tmp_path / "photo.jpg", rgb).read_bytes()
    preview = b"\xff\xe1" + struct.pack(">H", len(jpeg) + 2) + jpeg
    path = tmp_path / "preview.jpg"
    path.write_bytes(jpeg[:2] + preview + jpeg[2:-2])
    with pytest.raises(PhotoUnusable, match="cut off"):
        read_photo(path)


@pytest.mark.parametrize(
    ("orientation", "size", "white_at"),
    [(1, (100, 60), (30, 10)), (3, (100, 60), (30, 90)), (6, (60, 100), (10, 30)), (8, (60, 100), (90, 30))],
)
def test_a_photo_is_turned_as_its_exif_says(tmp_path, rgb, orientation, size, white_at) -> None:
    path = tmp_path / "turned.jpg"
    path.write_bytes(with_orientation(saved(tmp_path / "photo.jpg", rgb).read_bytes(), orientation))
    picture = read_photo(path)
    assert (picture.width, picture.height) == size
    assert picture.luma[white_at] > 200


def test_a_grey_photo_is_read_without_colour(tmp_path, rgb) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), rgb[..., 0])
    picture = read_photo(tmp_path / "grey.png")
    assert np.abs(picture.red.astype(int) - 128).max() <= 1


def test_a_huge_photo_is_refused_by_its_head_alone(tmp_path) -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IEND" + b"\xae\x42\x60\x82")
    with pytest.raises(PhotoUnusable, match="60000x60000 pixels, more than 50 million"):
        read_photo(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"These are words.", "no picture that can be read"),
        (b"\xff\xd8", "is cut off"),
        (b"BM", "is cut off"),
    ],
)
def test_what_is_no_photo_is_refused_in_one_sentence(tmp_path, content, sentence) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoUnusable, match=sentence):
        read_photo(path)


def test_a_missing_photo_and_a_tiny_one_are_refused(tmp_path, rgb) -> None:
    with pytest.raises(PhotoUnusable, match="No such file"):
        read_photo(tmp_path / "nowhere.jpg")
    with pytest.raises(PhotoUnusable, match="only 8x8"):
        read_photo(saved(tmp_path / "tiny.png", rgb[:8, :8]))
