"""What is on record, in the candidate's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proctoring.check_in import PhotoFault, PhotoStep
from proctoring.fact import DiskTrouble
from proctoring.flag import Flag, FlagKind
from proctoring.policy import Policy

NOTICE: Final = "2026-6"
"""The version of templates/notice.html. It goes into the ledger with the consent: change it with the words."""

SAW: Final = {
    FlagKind.FACE_ABSENT: "The camera did not see your face",
    FlagKind.SEVERAL_FACES: "The camera saw more than one face",
    FlagKind.SECOND_PERSON: "The camera saw another person",
    FlagKind.PROHIBITED_OBJECT: "The camera saw something that looked like",
    FlagKind.CAMERA_COVERED: "The camera seemed to be covered",
    FlagKind.DIFFERENT_PERSON: "The camera saw a face unlike the one at check-in",
    FlagKind.LOOKING_AWAY: "You seemed to look away from the screen",
    FlagKind.TALKING: "You seemed to be talking",
    FlagKind.LEFT_SEAT: "You seemed to have left your seat",
    FlagKind.FACE_HIDDEN: "Something seemed to cover your face",
    FlagKind.CAMERA_MOVED: "The camera was moved",
    FlagKind.CAMERA_FROZEN: "The camera's picture stood still",
    FlagKind.TOO_DARK: "It was too dark for the camera to see well",
    FlagKind.TOO_BRIGHT: "It was too bright for the camera to see well",
    FlagKind.BLURRED: "The camera's picture was not sharp",
    FlagKind.ANALYSIS_ABSENT: "The detectors did not work",
}

PHOTO: Final = {
    PhotoFault.NO_FACE: "We cannot see your face. Sit in front of the camera, with light on your face.",
    PhotoFault.SEVERAL_FACES: "We see more than one face. Only you should be in the picture, and no poster.",
    PhotoFault.NOT_WHOLE: "We cannot see your whole face. Move towards the middle of the picture.",
    PhotoFault.TOO_SMALL: "We cannot see your face well: it is far away. Come a little nearer to the camera.",
    PhotoFault.TURNED_AWAY: "We cannot see your face well: it is turned away. Look straight at the screen.",
    PhotoFault.TOO_DARK: "We cannot see your face well: it is too dark. Turn towards a lamp or a window.",
    PhotoFault.UNCLEAR: "We cannot see your face well: the picture is not sharp. Look at the screen and keep still.",
    PhotoFault.NO_PICTURE: "The camera gives no picture. Press “I need help”, or try again.",
    PhotoFault.NOT_WORKING: "The program that takes the photo does not answer. Try again.",
}

DISK: Final = {
    DiskTrouble.FULL: (
        "This desk's disk is nearly full. Your answers are saved as before; only the recording waits. "
        "Go on with your exam, and please tell the invigilator."
    ),
    DiskTrouble.FAILS: (
        "This desk's disk takes nothing at the moment. Keep going: your answers are kept on this screen and are "
        "saved as soon as it does. Please raise your hand."
    ),
}

MINUTE_S: Final = 60


def disk(trouble: DiskTrouble | None) -> str:
    """What is wrong with this desk's disk; empty where all is well."""
    return DISK[trouble] if trouble else ""


def clock(ms: int) -> str:
    """`0:05`, `12:30`, `1:02:03`."""
    minutes, seconds = divmod(max(0, ms) // 1000, MINUTE_S)
    hours, minutes = divmod(minutes, MINUTE_S)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def duration(ms: int) -> str:
    """`45 seconds`, `12 minutes`, `1 minute and 5 seconds`."""
    minutes, seconds = divmod(round(max(0, ms) / 1000), MINUTE_S)
    if not minutes:
        return "less than a second" if not seconds else count(seconds, "second")
    return count(minutes, "minute") + (f" and {count(seconds, 'second')}" if seconds else "")


def count(number: int, noun: str) -> str:
    """`no flags`, `1 flag`, `2 flags`: with the number in front."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def article(noun: str) -> str:
    """`a book`, `an apple`."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def listed(things: Sequence[str]) -> str:
    """`a cell phone, a book or a laptop`."""
    *first, last = things or ("",)
    return f"{', '.join(first)} or {last}" if first else last


def told(flag: Flag) -> str:
    """One flag as a sentence: what the camera saw and when, in whole seconds that hold all of it."""
    what = SAW[flag.kind]
    if flag.label:
        what = f"{what} {article(flag.label)}"
    until = clock(flag.ended_ms + 999) if flag.ended_ms is not None else "the end"
    return f"{what} from {clock(flag.started_ms)} to {until}."


def photo(step: PhotoStep) -> str:
    """How the photo stands: nothing before the first."""
    if step.wanted:
        return "Taking your photo. Look at the screen and keep still."
    if step.fault is None:
        return ""
    if not step.may_be_left_out:
        return f"{PHOTO[step.fault]} Then press the button again."
    return (
        f"{PHOTO[step.fault]} This did not work {step.attempt} times. You can go on without a photo: "
        "that is not held against you. A person is told that there is none, and why."
    )


def looked_for(policy: Policy) -> list[str]:
    """What the detectors look for under this policy."""
    rules = policy.rules
    things = listed([article(label) for label in policy.prohibited])
    table = (
        (rules.face_absent.enabled, "your face is out of the picture for a while"),
        (rules.several_faces.enabled, "more than one face is near the camera"),
        (rules.second_person.enabled, "another person is near you"),
        (
            rules.different_person.enabled and policy.identity,
            "the face in the picture is not the one of your check-in",
        ),
        (rules.looking_away.enabled, "you look away from the screen for longer than a glance"),
        (rules.talking.enabled, "you seem to be talking"),
        (rules.left_seat.enabled, "you seem to have left your seat"),
        (rules.face_hidden.enabled, "something comes to cover your mouth or your eyes for a while"),
        (rules.prohibited_object.enabled and things, f"something looks like {things}"),
        (
            rules.camera_covered.enabled or rules.too_dark.enabled or rules.camera_moved.enabled,
            "the camera is covered or moved, or the picture is too dark, too bright or not sharp",
        ),
    )
    return [words for applies, words in table if applies]
