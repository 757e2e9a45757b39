"""The newest frame of the camera's owner as a JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from appliance.runtime.frames import Frame, FrameListener
from appliance.runtime.settings import Desk

PATIENCE_MS = 1000
"""A camera that gives no frame for this long shows no picture."""

WIDTH = 640
"""Pixels; enough to see whether the face is lit and whole."""

QUALITY = 80


class FrameCamera:
    """Listens only while somebody looks: the frames cost nothing during the exam."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def picture(self) -> bytes | None:
        """See Camera."""
        with FrameListener(self._desk) as listener:
            frame = listener.newest(PATIENCE_MS)
        return None if frame is None else jpeg(frame)


def jpeg(frame: Frame) -> bytes:
    """A frame as JPEG, scaled to WIDTH where it is wider."""
    head = frame.head
    planes = np.frombuffer(frame.planes, np.uint8).reshape(head.height * 3 // 2, head.width)
    picture = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    if head.width > WIDTH:
        size = (WIDTH, round(head.height * WIDTH / head.width))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
