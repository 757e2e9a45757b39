"""What the organiser decides for an exam: who watches, what counts, what is recorded, how long it is kept."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from proctoring.errors import BadPolicy
from proctoring.flag import Rule


class Mode(StrEnum):
    """Which proctoring applies."""

    LIVE = "live"
    """A person watches throughout: booking required, a person admits."""
    POST_REVIEW = "post_review"
    """The detectors flag, a reviewer looks afterwards: walk-in allowed, admission automatic."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Rules(_Part, frozen=True):
    """One rule per kind of flag. Scores are what the detectors give; a person's or face's size is in Sizes."""

    face_absent: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=3000, share=0.8, clear_ms=500)
    """The score is 1 minus the best face's. Candidates who look down keep 0.6 and more; nobody turns for 3 s."""
    several_faces: Rule = Rule(threshold=0.6, leave=0.5, dwell_ms=700)
    """A second face that is really there has 0.7 to 0.9; reflections and posters come and go within the dwell."""
    second_person: Rule = Rule(threshold=0.45, leave=0.35, dwell_ms=1500, share=0.7)
    """Bodies score lower than faces and are cut by the frame's edge: a lower threshold, with a longer dwell."""
    prohibited_object: Rule = Rule(threshold=0.38, leave=0.28, dwell_ms=300)
    """A phone may show for less than a second. On labelled clips 0.34 to 0.40 all found each one and nothing else."""
    camera_covered: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=2000, share=0.8)
    too_dark: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=3000, share=0.8)
    different_person: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=2000, share=0.7)
    looking_away: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=2500, share=0.8)
    talking: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=3000, share=0.6)
    left_seat: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=5000, share=0.8)
    face_hidden: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=3000, share=0.8)
    camera_moved: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=2000, share=0.8)
    camera_frozen: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=3000, share=0.9)
    too_bright: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=3000, share=0.8)
    blurred: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=3000, share=0.8)


class Sizes(_Part, frozen=True):
    """How near somebody must be to count."""

    near_face: float = 0.08
    """Height as a share of the frame's. A candidate two metres from a wide camera has a face of 0.1."""
    near_person: float = 0.3
    """Height as a share of the frame's."""
    second_face: float = 0.5
    """Height as a share of the tallest face's: half as tall is twice as far away, and no longer at this desk."""
    second_person: float = 0.65
    """Height as a share of the tallest person's. Passers-by behind the candidate have 0.6 and less."""


class Recording(_Part, frozen=True):
    """What the recorder writes."""

    width: int = 1280
    height: int = 720
    frames_per_s: int = 15
    bit_rate: int = 800_000
    """Bits per second: 800 kbit/s is 360 MB an hour."""
    segment_ms: int = 2000


class Policy(_Part, frozen=True):
    """The proctoring of one exam."""

    version: str = "default-1"
    mode: Mode = Mode.POST_REVIEW
    rules: Rules = Rules()
    sizes: Sizes = Sizes()
    prohibited: tuple[str, ...] = ("cell phone", "book", "laptop")
    """COCO labels that raise a flag; leave out what the exam allows."""
    recording: Recording = Recording()
    retention_days: int = 180


def load_policy(text: str) -> Policy:
    """A policy from TOML. Unknown keys and wrong types are refused with their place."""
    try:
        return msgspec.toml.decode(text, type=Policy)
    except msgspec.DecodeError as error:
        raise BadPolicy(f"This policy cannot be used: {error}. Correct that line and try again.") from error
