"""Recordings with the faces of other people made unrecognisable, for packs that leave the house.

The candidate is whoever is most like the check-in photo, where that is sure; else who sits where they were seen;
else the tallest face, as for the rules at the desk. Every other face is covered by coarse blocks, with some room
around it, also for half a second before and after the pictures in which it was found: detectors miss a face now and
then, and one clear picture is enough. Sound is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import cv2

from appliance.capture.video import Still, VideoReader, VideoUnusable, VideoWriter
from appliance.edge_ai.assembly import Networks
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.identity import IDENTITY, SAME_PERSON, Identity, NoReference, likeness
from appliance.edge_ai.picture import Bytes, Floats, Picture, from_i420
from appliance.edge_ai.rules import FACES
from appliance.edge_ai.settings import EdgeAISettings
from appliance.runtime.frames import Frame
from deskproctor.photo import PhotoUnusable, read_photo
from proctoring.fact import CheckInPhoto, Fact
from proctoring.observation import Box, Face
from proctoring.policy import Recording

ROOM: Final = 0.35
"""Hair and chin around what the detector calls a face, as a share of its size."""

SPREAD_MS: Final = 500
LOOK_MS: Final = 200
"""Looks this far apart, each good for `SPREAD_MS` to both sides, leave no picture without one."""

BLOCKS: Final = 5
"""A face of five blocks across is nobody's."""

BIT_RATE: Final = 2_000_000


class Blur:
    """Knows the candidate of one session, as far as the session has a photo."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        networks = Networks(EdgeAISettings())
        self._faces = FullRangeFaces.for_photos(networks.load(FACES))
        self._identity = Identity(networks.load(IDENTITY))
        photos = [fact.photo.jpeg for fact in facts if isinstance(fact, CheckInPhoto)]
        self._before: Box | None = None
        """Where the candidate was last seen."""
        self._candidate = self._reference(photos[-1]) if photos else None

    def _reference(self, jpeg: bytes) -> Floats | None:
        with _in_memory() as file:
            file.write_bytes(jpeg)
            try:
                return self._identity.reference(read_photo(file), self._faces)
            except (NoReference, PhotoUnusable):
                return None

    def video(self, data: bytes) -> bytes | None:
        """The video with the other faces covered, encoded anew; None where it cannot be decoded."""
        with _in_memory() as source, _in_memory() as target:
            source.write_bytes(data)
            try:
                frames = _frames(source)
            except VideoUnusable:
                return None
            if not frames:
                return None
            self._rewrite(frames, target)
            return target.read_bytes()

    def _rewrite(self, frames: list[tuple[int, Frame]], target: Path) -> None:
        others = list(self._looks(frames))
        head = frames[0][1].head
        rate = max(1, round(1000 * (len(frames) - 1) / max(1, frames[-1][0] - frames[0][0])))
        shape = Recording(width=head.width, height=head.height, frames_per_s=min(60, rate), bit_rate=BIT_RATE)
        writer = VideoWriter(target, shape)
        for at_ms, frame in frames:
            near = [box for other_ms, boxes in others if abs(other_ms - at_ms) <= SPREAD_MS for box in boxes]
            writer.add(covered(frame, near), at_ms)
        writer.close()

    def _looks(self, frames: list[tuple[int, Frame]]) -> Iterator[tuple[int, list[Box]]]:
        next_ms = 0
        for at_ms, frame in frames:
            if at_ms >= next_ms:
                next_ms = at_ms + LOOK_MS
                yield at_ms, self._others(_picture(frame))

    def _others(self, picture: Picture) -> list[Box]:
        faces = self._faces.find(picture)
        if not faces:
            return []
        candidate = self._recognised(picture, faces) or self._followed(faces) or max(faces, key=_height)
        self._before = candidate.box
        return [face.box for face in faces if face is not candidate]

    def _followed(self, faces: Sequence[Face]) -> Face | None:
        """The face where the candidate's was, if there is one."""
        near = [face for face in faces if self._before and _is_at(face.box, self._before)]
        return max(near, key=_height, default=None)

    def _recognised(self, picture: Picture, faces: Sequence[Face]) -> Face | None:
        if self._candidate is None:
            return None
        found = [(self._likeness(picture, face), face) for face in faces]
        best, face = max(found, key=lambda pair: pair[0])
        return face if best >= SAME_PERSON else None

    def _likeness(self, picture: Picture, face: Face) -> float:
        numbers = self._identity.embed(picture, face)
        return -1.0 if numbers is None or self._candidate is None else likeness(numbers, self._candidate)


def covered(frame: Frame, boxes: Sequence[Box]) -> Frame:
    """The frame with coarse blocks over the boxes."""
    planes = bytearray(frame.planes)
    picture = from_i420(memoryview(planes), frame.head.width, frame.head.height)
    for box in boxes:
        for plane in (picture.luma, picture.blue, picture.red):
            _cover(plane, box)
    return Frame(frame.head, memoryview(planes))


def _cover(plane: Bytes, box: Box) -> None:
    height, width = plane.shape
    left, top, right, bottom = box
    across, down = ROOM * (right - left), ROOM * (bottom - top)
    x1, x2 = (round(min(max(x, 0.0), 1.0) * width) for x in (left - across, right + across))
    y1, y2 = (round(min(max(y, 0.0), 1.0) * height) for y in (top - down, bottom + down))
    if x2 - x1 < 1 or y2 - y1 < 1:
        return
    coarse = cv2.resize(plane[y1:y2, x1:x2], (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
    plane[y1:y2, x1:x2] = cv2.resize(coarse, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)


def _height(face: Face) -> float:
    return face.box[3] - face.box[1]


def _is_at(box: Box, place: Box) -> bool:
    """Whether the middle of a face lies in the place of another."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return place[0] < x < place[2] and place[1] < y < place[3]


def _frames(path: Path) -> list[tuple[int, Frame]]:
    reader = VideoReader(path)
    try:
        return [(still.at_ms, still.frame(number, still.at_ms)) for number, still in enumerate(_stills(reader))]
    finally:
        reader.close()


def _stills(reader: VideoReader) -> Iterator[Still]:
    while (still := reader.next()) is not None:
        yield still


def _picture(frame: Frame) -> Picture:
    return from_i420(frame.planes, frame.head.width, frame.head.height)


@contextmanager
def _in_memory() -> Iterator[Path]:
    """A file that no folder lists: what was recorded is nobody's to find on this disk."""
    handle = os.memfd_create("blur", os.MFD_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
