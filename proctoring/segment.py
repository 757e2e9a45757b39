"""A piece of recording: a short file that plays by itself."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class EndedBy(StrEnum):
    """Why a segment ended where it did."""

    LENGTH = "length"
    STOP = "stop"
    CAMERA = "camera"
    CRASH = "crash"


class Segment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file of one camera. Its name is its SHA-256; times are since the session's zero.

    In a ledger `size` and `sha256` are of the sealed bytes, as they rest on disks, and the `plain_` ones of the video
    inside, for whoever opens it. Where `plain_sha256` is empty the file is the video itself: as capture hands it to
    custody, and as ledgers from before sealing name it. What is empty is left out of the text, as those have it.
    """

    camera: str
    number: int
    started_ms: int
    ended_ms: int
    size: int
    sha256: str
    frames: int
    ended_by: EndedBy
    plain_sha256: str = ""
    plain_size: int = 0

    @property
    def video_sha256(self) -> str:
        """The SHA-256 of the video, sealed or not."""
        return self.plain_sha256 or self.sha256

    def sealed(self, sha256: str, size: int) -> Segment:
        """This segment once its video lies in a sealed file of that hash and size."""
        return msgspec.structs.replace(self, sha256=sha256, size=size, plain_sha256=self.sha256, plain_size=self.size)
