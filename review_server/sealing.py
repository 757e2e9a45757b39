"""The keys that open what desks sealed. The only file of this program that imports pyrage (the age format).

Each key is a file of its own in the server's folder `keys`, written as `age-keygen` writes it, so that any age
program opens a segment with it. Desks get the newest key's public half; older keys go on opening what was sealed to
them for as long as their files are kept.
"""

from __future__ import annotations

import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import pyrage

from durable.files import keep, move
from proctoring.errors import DeskproctorError

AGE: Final = b"age-encryption.org/v1\n"
"""How every sealed segment begins."""

KEY_FILE: Final = re.compile(r"(?P<number>\d{4,})\.key")


class KeysUnusable(DeskproctorError, OSError):
    """The folder of keys cannot be used as it stands."""


class BadRecipient(DeskproctorError, ValueError):
    """What was given as an age public key is none."""


class CannotOpen(DeskproctorError, ValueError):
    """A sealed segment that no key here opens, or that is damaged."""


class Key(msgspec.Struct, frozen=True):
    """A key without its secret half. Numbers count up from 1; the highest is the one that desks seal to."""

    number: int
    created: str
    recipient: str
    path: Path


class Keyring:
    """The keys in a folder. Files that come or go are noticed at the next use."""

    def __init__(self, data_dir: Path, recovery: tuple[str, ...] = ()) -> None:
        self._folder = data_dir / "keys"
        self._recovery = tuple(check_recipient(recipient) for recipient in recovery)
        self._read_from: tuple[Path, ...] = ()
        self._identities: list[pyrage.x25519.Identity] = []

    def listed(self) -> list[Key]:
        """All keys, the oldest first. Raises KeysUnusable."""
        return [_key(path) for path in self._paths()]

    def recipients(self) -> tuple[str, ...]:
        """Whom desks seal to: the newest key, then the organisation's recovery keys. Raises KeysUnusable."""
        keys = self.listed()
        if not keys:
            raise KeysUnusable(f"There is no key in {self._folder}. Put the keys of this server back there.")
        return (keys[-1].recipient, *self._recovery)

    def holds(self, recipients: tuple[str, ...]) -> bool:
        """Whether the secret half of any of these is here. Raises KeysUnusable."""
        return any(key.recipient in recipients for key in self.listed())

    def begin(self, at_utc_ms: int) -> None:
        """Makes a key where there is none. Raises KeysUnusable."""
        if not self._paths():
            self.rotate(at_utc_ms)

    def rotate(self, at_utc_ms: int) -> Key:
        """A new key, which desks seal to from their next preparation on. Raises KeysUnusable."""
        identity = pyrage.x25519.Identity.generate()
        created = datetime.fromtimestamp(at_utc_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            path = self._next_path()
            keep(path, f"# created: {created}\n# public key: {identity.to_public()}\n{identity}\n".encode(), 0o600)
        except OSError as error:
            raise KeysUnusable(f"No key can be written in {self._folder}: {error.strerror}.") from error
        return _key(path)

    def retire(self, key: Key) -> Path:
        """Moves a key out of use, to `keys/retired`; whether anything still needs it is for the caller to know."""
        retired = self._folder / "retired"
        retired.mkdir(mode=0o700, exist_ok=True)
        return move(key.path, retired / key.path.name)

    def open(self, data: bytes) -> bytes:
        """What was sealed. Bytes from before sealing, which begin otherwise, come back as they are.

        Raises CannotOpen where the key is missing or the bytes were altered, KeysUnusable.
        """
        return (
            _opened(data, self._all(), f"Put the key's file back into {self._folder}.") if is_sealed(data) else data
        )

    def opens(self, key: Key, data: bytes) -> bool:
        """Whether this very key opens a sealed segment."""
        try:
            _opened(data, [_identity(key.path)], "")
        except CannotOpen:
            return False
        return True

    def _all(self) -> list[pyrage.x25519.Identity]:
        paths = tuple(self._paths())
        if paths != self._read_from:
            self._identities = [_identity(path) for path in reversed(paths)]
            self._read_from = paths
        return self._identities

    def _paths(self) -> list[Path]:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            mode = stat.S_IMODE(self._folder.stat().st_mode)
            numbered = [(_number(path), path) for path in self._folder.iterdir() if KEY_FILE.fullmatch(path.name)]
        except OSError as error:
            raise KeysUnusable(f"The keys in {self._folder} cannot be read: {error.strerror}.") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeysUnusable(
                f"Others can look into {self._folder}, which holds keys. Run: chmod 700 {self._folder}"
            )
        return [path for _, path in sorted(numbered)]

    def _next_path(self) -> Path:
        # A number that was given is never given again, whatever became of its key.
        given = [*self._paths(), *(self._folder / "retired").glob("*.key")]
        number = max((_number(path) for path in given), default=0) + 1
        return self._folder / f"{number:04d}.key"


def is_sealed(data: bytes) -> bool:
    """Whether these bytes are in the age format."""
    return data.startswith(AGE)


def check_recipient(text: str) -> str:
    """An age X25519 public key as it was given. Raises BadRecipient."""
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        reason = f"{text!r} is no age public key. Give one as age-keygen prints it: age1 and 58 characters."
        raise BadRecipient(reason) from error
    return text


def _opened(data: bytes, identities: list[pyrage.x25519.Identity], what_to_do: str) -> bytes:
    try:
        plain: bytes = pyrage.decrypt(data, identities)
    except pyrage.DecryptError as error:
        if "matching keys" in str(error):
            raise CannotOpen(f"No key here opens this segment. {what_to_do}") from error
        raise CannotOpen(f"This sealed segment is damaged and cannot be opened ({error}).") from error
    return plain


def _number(path: Path) -> int:
    return int(path.stem)


def _key(path: Path) -> Key:
    identity = _identity(path)
    created = next((line for line in path.read_text().splitlines() if line.startswith("# created: ")), "")
    return Key(_number(path), created.removeprefix("# created: "), str(identity.to_public()), path)


def _identity(path: Path) -> pyrage.x25519.Identity:
    try:
        lines = path.read_text().splitlines()
        return pyrage.x25519.Identity.from_str(next(line for line in lines if line and not line.startswith("#")))
    except OSError as error:
        raise KeysUnusable(f"The key {path} cannot be read: {error.strerror}.") from error
    except (StopIteration, ValueError, pyrage.IdentityError) as error:
        raise KeysUnusable(f"{path} is no age key. Put the right file there; never make one up.") from error
