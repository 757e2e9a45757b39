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


class Segment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of one camera. Its name is its SHA-256; times are since the session's zero."""

    camera: str
    number: int
    started_ms: int
    ended_ms: int
    size: int
    sha256: str
    frames: int
    ended_by: EndedBy
