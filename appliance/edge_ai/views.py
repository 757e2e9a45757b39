"""The looks that a picture deserves which stands by itself: no next frame will show the thing better."""

from __future__ import annotations

import cv2
import numpy as np

from appliance.edge_ai.picture import WHOLE, Bytes, Floats, Picture, Region

# The largest squares at both ends and in the middle make things a third larger at 4:3, three quarters at 16:9.
SQUARES_ALONG = (0.0, 0.5, 1.0)
ALMOST_SQUARE = 1.1

# White on white is where networks fail: a pale laptop on a pale desk hardly differs from it, for a camera presses the
# brightest parts together. Every value v of 0..1 becomes v to the power of this: near white, steps grow by this much.
STRETCH = 2.5
AS_IT_IS: Bytes = np.arange(256, dtype=np.uint8)
DARKER: Bytes = np.round(255 * (AS_IT_IS / 255) ** STRETCH).astype(np.uint8)
TONES = (AS_IT_IS, DARKER)

# A picture whose brightest parts are dim was taken in too little light; the networks learned from pictures that were
# not. Video range is 16..235. A dark room with a lamp or a screen in it has its bright part, and stays as it is.
DIM, BRIGHT = 130.0, 210.0
BRIGHTEST = 98
THUMBNAIL_PX = 160
BLACK, NO_COLOUR = 16.0, 128.0
MOST = 4.0


def squares(shape: float) -> tuple[Region, ...]:
    """The largest squares at both ends of a picture and in its middle; none where it is almost a square itself.

    `shape` is the picture's width divided by its height.
    """
    if max(shape, 1 / shape) < ALMOST_SQUARE:
        return ()
    wide, tall = min(1.0, 1 / shape), min(1.0, shape)
    corners = [((1 - wide) * along, (1 - tall) * along) for along in SQUARES_ALONG]
    return tuple(Region(left, top, left + wide, top + tall) for left, top in corners)


def brightened(picture: Picture) -> Picture:
    """A dim picture as it would be with enough light, its colours as strong; any other as it is."""
    brightest = float(np.percentile(picture.grey(THUMBNAIL_PX), BRIGHTEST))
    if brightest >= DIM:
        return picture
    gain = min(MOST, (BRIGHT - BLACK) / max(1.0, brightest - BLACK))
    return Picture(
        _amplified(picture.luma, BLACK, gain),
        _amplified(picture.blue, NO_COLOUR, gain),
        _amplified(picture.red, NO_COLOUR, gain),
    )


def _amplified(plane: Bytes, middle: float, gain: float) -> Bytes:
    steps = gain * (AS_IT_IS.astype(np.float32) - np.float32(middle)) + np.float32(middle)
    return np.asarray(cv2.LUT(plane, np.rint(steps.clip(0, 255)).astype(np.uint8)), np.uint8)


def views(shape: float) -> tuple[Region, ...]:
    """The whole picture first, then its squares."""
    return WHOLE, *squares(shape)


def turned_round(square: Bytes) -> Bytes:
    """The square upside down: a camera across the desk sees what lies there from the side that nobody photographs."""
    return np.ascontiguousarray(square[::-1, ::-1])


def turned_back(boxes: Floats) -> Floats:
    """Boxes (n, 4) in shares of a square that was turned round, in shares of the square as it was."""
    return 1 - boxes[:, [2, 3, 0, 1]]
