"""The photo of the check-in: what it must be like, and what stands in its way."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

PHOTO_LIMIT: Final = 40_000
"""Bytes of the JPEG. In base64 that is a quarter of what one message to the broker holds."""

TRIES: Final = 3
"""So many photos may fail; then the candidate may go on without one."""


class PhotoFault(StrEnum):
    """Why a photo could not be taken. All but the last two are about one moment, and can be put right."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    NOT_WHOLE = "not_whole"
    TOO_SMALL = "too_small"
    TURNED_AWAY = "turned_away"
    TOO_DARK = "too_dark"
    UNCLEAR = "unclear"
    NO_PICTURE = "no_picture"
    NOT_WORKING = "not_working"


REASONS: Final = {
    PhotoFault.NO_FACE: "no face was found in the picture",
    PhotoFault.SEVERAL_FACES: "there was more than one face in the picture",
    PhotoFault.NOT_WHOLE: "the face was not wholly in the picture",
    PhotoFault.TOO_SMALL: "the face was too far away",
    PhotoFault.TURNED_AWAY: "the face was turned away",
    PhotoFault.TOO_DARK: "there was too little light on the face",
    PhotoFault.UNCLEAR: "the picture of the face was not sharp",
    PhotoFault.NO_PICTURE: "the camera gave no picture",
    PhotoFault.NOT_WORKING: "the detectors did not answer",
}
"""Each fault in words for those who watch and review; the candidate's screen has its own."""


def no_photo(fault: PhotoFault, attempts: int) -> str:
    """One sentence for them."""
    tries = {0: "", 1: " after one try"}.get(attempts, f" after {attempts} tries")
    return f"There is no check-in photo{tries}: {REASONS[fault]}."


class PhotoQuality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was measured of the face before it was taken, so that a reviewer can tell what the photo is worth."""

    score: float
    """The detector's, 0 to 1."""
    eyes_px: float
    """Distance of the eyes in the camera's pixels."""
    light: float
    """Mean of the face's luma, of 255."""
    contrast: float
    """Its standard deviation, of 255."""
    detail: float
    """Variance of its Laplacian over its own: 0.13 is blurred, 0.4 an ordinary camera."""
    yaw_deg: float | None = None
    pitch_deg: float | None = None


class Photo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The check-in photo: a JPEG of one face with some room around it, and what made it."""

    jpeg: bytes
    quality: PhotoQuality
    models: dict[str, str]
    """Name to SHA-256 of each model that had a say."""


class PhotoStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the photo stands while a candidate checks in."""

    attempt: int = 0
    """Counts the photos that were asked for."""
    wanted: bool = False
    """One is to be taken now."""
    fault: PhotoFault | None = None
    """Why the last one failed; None before the first, and while one is taken."""

    @property
    def may_be_left_out(self) -> bool:
        """Whether the candidate may go on without: a detector that does not see somebody must never bar them."""
        return self.fault is not None and self.attempt >= TRIES
