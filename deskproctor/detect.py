"""`deskproctor detect`: what the detectors see in photos."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from appliance.edge_ai.assembly import Networks, StillDetectors
from appliance.edge_ai.faces import CERTAIN
from appliance.edge_ai.picture import Picture
from appliance.edge_ai.settings import EdgeAISettings
from appliance.edge_ai.stills import shows
from deskproctor.photo import PhotoUnusable, read_photo
from proctoring.observation import Box, Face, Item

PixelBox = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the upright picture, to a tenth."""

FACE_FROM = CERTAIN
"""What the detector takes for a face."""


class FaceSeen(msgspec.Struct, frozen=True):
    """A face. The angles are null where the head's pose was not measured."""

    box: PixelBox
    score: float
    yaw_deg: float | None
    pitch_deg: float | None


class ObjectSeen(msgspec.Struct, frozen=True):
    """A thing or a person by its COCO label."""

    label: str
    score: float
    box: PixelBox


class Seen(msgspec.Struct, frozen=True):
    """One photo: a line of `detect --jsonl`."""

    file: str
    width: int
    height: int
    faces: tuple[FaceSeen, ...]
    objects: tuple[ObjectSeen, ...]


class Detectors:
    """The shipped detectors on single photos: what was seen in one has no effect on the next."""

    def __init__(self, settings: EdgeAISettings | None = None) -> None:
        """Raises `RuntimeMissing` or `ModelBroken`."""
        self._networks = Networks(settings or EdgeAISettings())
        self._still = StillDetectors(self._networks)

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each model by name."""
        return self._networks.hashes

    @property
    def networks(self) -> Networks:
        """The models, loaded."""
        return self._networks

    def see(self, picture: Picture) -> tuple[tuple[Face, ...], tuple[Item, ...]]:
        """All faces and all items, down to the detectors' own floor, the most certain first."""
        return self._still.see(picture)


def seen_in(file: str, picture: Picture, faces: tuple[Face, ...], items: tuple[Item, ...]) -> Seen:
    """The line for a photo: pixels instead of shares."""
    return Seen(
        file=file,
        width=picture.width,
        height=picture.height,
        faces=tuple(_face(face, picture) for face in faces),
        objects=tuple(ObjectSeen(item.label, round(item.score, 3), in_pixels(item.box, picture)) for item in items),
    )


def in_pixels(box: Box, picture: Picture) -> PixelBox:
    """A box in pixels of `picture`."""
    left, top, right, bottom = box
    width, height = picture.width, picture.height
    return round(left * width, 1), round(top * height, 1), round(right * width, 1), round(bottom * height, 1)


def _face(face: Face, picture: Picture) -> FaceSeen:
    pose = face.pose
    return FaceSeen(
        box=in_pixels(face.box, picture),
        score=round(face.score, 3),
        yaw_deg=round(pose.yaw_deg, 1) if pose else None,
        pitch_deg=round(pose.pitch_deg, 1) if pose else None,
    )


def is_shown(item: Item, least: float | None) -> bool:
    """Whether a photo shows this item: by the score that was asked for, else by its label's own."""
    return shows(item) if least is None else item.score >= least


def told(seen: Seen) -> str:
    """A photo for people: one line and one more for each thing seen."""
    lines = [f"{seen.file}: {len(seen.faces)} faces, {len(seen.objects)} objects"]
    lines += [f"  face {face.score:.2f} at {_place(face.box)}" for face in seen.faces]
    lines += [f"  {thing.label} {thing.score:.2f} at {_place(thing.box)}" for thing in seen.objects]
    return "\n".join(lines)


def _place(box: PixelBox) -> str:
    return f"x {box[0]:.0f} to {box[2]:.0f}, y {box[1]:.0f} to {box[3]:.0f}"


Score = click.FloatRange(0.2, 1.0)


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE…")
@click.option("--jsonl", is_flag=True, help="One line of JSON for each photo.")
@click.option("--faces-from", type=Score, default=FACE_FROM, show_default=True, help="The least score of a face.")
@click.option("--objects-from", type=Score, help="The least score of an object; each label has its own if left out.")
def detect(images: tuple[Path, ...], jsonl: bool, faces_from: float, objects_from: float | None) -> None:
    """Say which faces and objects the detectors see in photos (JPEG, PNG, BMP or WebP).

    A photo that cannot be read is named on standard error; the others are done, and the exit status is 1.
    """
    detectors, failed = Detectors(), False
    for image in images:
        try:
            picture = read_photo(image)
        except PhotoUnusable as error:
            click.echo(f"Error: {error}", err=True)
            failed = True
            continue
        faces, items = detectors.see(picture)
        seen = seen_in(
            str(image),
            picture,
            tuple(face for face in faces if face.score >= faces_from),
            tuple(item for item in items if is_shown(item, objects_from)),
        )
        click.echo(msgspec.json.encode(seen).decode() if jsonl else told(seen))
    sys.exit(1 if failed else 0)
