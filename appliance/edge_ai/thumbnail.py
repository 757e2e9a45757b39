"""A small picture of the moment of a flag, with what it is about framed."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from appliance.edge_ai.picture import Bytes, Picture, even
from proctoring.observation import Box

WIDTH_PX = 320
LIMIT_BYTES = 12_000
QUALITIES = (80, 65, 50, 35, 20, 5)

# Dark under light: one of the two lines shows on any picture.
DARK, LIGHT = (0, 0, 0), (0, 220, 255)


def thumbnail(picture: Picture, boxes: Iterable[Box]) -> bytes:
    """A JPEG 320 pixels wide, of at most 12 kB; empty where even the coarsest would be larger."""
    height = even(WIDTH_PX / picture.shape)
    drawn: Bytes = np.ascontiguousarray(picture.rgb(WIDTH_PX, height)[:, :, ::-1])
    for box in boxes:
        _frame(drawn, box)
    for quality in QUALITIES:
        jpeg = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(jpeg) <= LIMIT_BYTES:
            return jpeg
    return b""


def _frame(picture: Bytes, box: Box) -> None:
    height, width = picture.shape[:2]
    corners = [(round(x * (width - 1)), round(y * (height - 1))) for x, y in (box[:2], box[2:])]
    for colour, thickness in ((DARK, 3), (LIGHT, 1)):
        cv2.rectangle(picture, corners[0], corners[1], colour, thickness)
