"""What the organiser decides for an exam: who watches, what counts, what is recorded, how long it is kept."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from proctoring.errors import BadPolicy
from proctoring.flag import Rule

SPACE_FACTOR: Final = 1.25
"""An encoder keeps to its bit rate on average; containers and crowded pictures take more."""


SOUND_BIT_RATE: Final = 24_000
"""Bits per second of the microphone's track: speech in full quality at 16 kHz (RFC 6716, 2.1.1: 16 to 20 kbit/s)."""


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
    prohibited_object: Rule = Rule(threshold=0.4, leave=0.3, dwell_ms=300)
    """A phone may show for less than a second. On labelled clips a phone has 0.43 or more in every look, and what is
    none 0.38 in all looks but two."""
    camera_covered: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=2000, share=0.8)
    too_dark: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=3000, share=0.8)
    different_person: Rule = Rule(threshold=0.6, leave=0.5, dwell_ms=1500, share=0.7, clear_ms=2000)
    """Likeness under 0.56: 96 of 100 strangers have it, one person only for half a second, bent low over the desk.
    Two looks a second give the dwell four votes. The longer `clear_ms` bridges looks that tell nothing."""
    looking_away: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=2500, share=0.8, clear_ms=500)
    """0.5 is a turn by the degrees in Looking. Glances aside last 0.65 to 1.65 s on labelled clips: 2.5 s is none."""
    talking: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=3000, share=0.6)
    """0.5 is 1.5 times the most unrest of a silent mouth. A yawn is over within the dwell; a sentence is not."""
    left_seat: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=10_000, share=0.8)
    """The score is 1 minus the best face's or person's. After 3 s face_absent speaks; this is the one who stays away,
    not the one who picks up a pen."""
    face_hidden: Rule = Rule(threshold=0.5, leave=0.35, dwell_ms=5000, share=0.7, clear_ms=2000, cool_down_ms=60_000)
    """Against one's own views of the session. A sip, a cough, a nose that is blown take less than 5 s. Two looks a
    second give the dwell ten votes. Who thinks with a hand at the mouth is told of once a minute, not each time."""
    camera_moved: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=5000, share=0.8, clear_ms=3000)
    """The threshold is a tenth of the frame's width, looked at once a second. Who bumps into a camera sets it right
    within seconds."""
    camera_frozen: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=5000, share=0.9)
    """A live sensor never gives the same picture twice; compressed video of a still scene did for 3.8 s."""
    too_bright: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=3000, share=0.8)
    """The threshold is a quarter of the picture burnt out; a camera needs 1 to 2 s when a lamp goes on."""
    blurred: Rule = Rule(threshold=0.5, leave=0.4, dwell_ms=3000, share=0.8)
    """A camera that finds its focus, or a hand that waves, takes 1 to 2 s."""
    analysis_absent: Rule = Rule(threshold=0.5, leave=0.5, dwell_ms=3000, share=1.0, clear_ms=0, cool_down_ms=0)
    """The score is 1 while nobody looks. The detectors report once a second and less than 3 s of silence is not
    noticed; a desk that starts them anew after a crash mostly has them back by then. Only the dwell counts."""


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


class Looking(_Part, frozen=True):
    """From how many degrees on a head is turned away."""

    sideways_deg: Annotated[float, Meta(gt=0, le=80)] = 35.0
    """On labelled clips strong turns have 38 to 53, people who face screen or paper 21 and less."""
    up_deg: Annotated[float, Meta(gt=0, le=80)] = 45.0
    """A camera that stands low sees an upright head at 20 to 32."""
    down_deg: Annotated[float, Meta(gt=0, le=80)] | None = None
    """Unset, for paper and keyboard lie below: people who write have 27 to 48. Set it where neither is allowed."""


class Recording(_Part, frozen=True):
    """What the recorder writes."""

    width: Annotated[int, Meta(ge=64, le=3840, multiple_of=2)] = 1280
    height: Annotated[int, Meta(ge=64, le=2160, multiple_of=2)] = 720
    frames_per_s: Annotated[int, Meta(ge=1, le=60)] = 15
    bit_rate: Annotated[int, Meta(ge=50_000, le=20_000_000)] = 800_000
    """Bits per second: 800 kbit/s is 360 MB an hour."""
    segment_ms: Annotated[int, Meta(ge=500, le=3_600_000)] = 2000
    spare_minutes: Annotated[float, Meta(ge=0, le=720)] = 15.0
    """Beyond the exam's own time room is kept on the desk for so much more: what invigilators grant, and pauses, for
    they are filmed too. A quarter on top of an hour; a longer pause is filmed as far as the disk allows."""

    microphone: bool = False
    """Whether sound is recorded too, and told apart into voice and no voice. Off: what is said in a room is more than
    most exams need, and others can be heard. The notice to the candidate says which it is."""

    def bytes_for(self, duration_ms: int, cameras: int = 1) -> int:
        """The room that a recording of that length can take, `spare_minutes` included."""
        filmed_s = duration_ms / 1000 + self.spare_minutes * 60
        bits_per_s = cameras * self.bit_rate + (SOUND_BIT_RATE if self.microphone else 0)
        return round(filmed_s * bits_per_s / 8 * SPACE_FACTOR)


class Retention(_Part, frozen=True):
    """How long recordings are kept, in days. A legal hold keeps one for longer, whatever is set here."""

    desk_days: Annotated[int, Meta(ge=0, le=3650)] = 14
    """At the desk, from when it knows that the server has all of the session. Two weeks: time to notice that the
    server's disk was lost and to bring back its copy, and little enough that a stolen desk is poor in recordings."""
    server_days: Annotated[int, Meta(ge=1, le=3650)] = 400
    """At the server, from the decision, or from the session's last news where nobody decides. An appeal may come a
    year later, and takes a month to be written down."""


class Policy(_Part, frozen=True):
    """The proctoring of one exam."""

    version: str = "default-1"
    mode: Mode = Mode.POST_REVIEW
    rules: Rules = Rules()
    sizes: Sizes = Sizes()
    looking: Looking = Looking()
    prohibited: tuple[str, ...] = ("cell phone", "book", "laptop")
    """COCO labels that raise a flag; leave out what the exam allows."""
    identity: bool = True
    """Whether faces are compared: a photo at check-in, and all through the exam the question whether it is still the
    same person. Off: no photo is taken, no face becomes numbers, different_person is never raised."""
    recording: Recording = Recording()
    retention: Retention = Retention()
    retention_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """One number for both, as policies had it from before there was `retention`: candidates were told of it."""

    @property
    def keeps(self) -> Retention:
        """How long recordings are kept, whichever way the policy says it."""
        if self.retention_days is None:
            return self.retention
        return Retention(desk_days=min(Retention().desk_days, self.retention_days), server_days=self.retention_days)


def load_policy(text: str) -> Policy:
    """A policy from TOML. Unknown keys and wrong types are refused with their place."""
    try:
        return msgspec.toml.decode(text, type=Policy)
    except msgspec.DecodeError as error:
        raise BadPolicy(f"This policy cannot be used: {error}. Correct that line and try again.") from error
