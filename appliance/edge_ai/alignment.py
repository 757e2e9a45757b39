"""Cuts a face out of a picture the way the identity network was trained: upright, at one size, at one place.

Dlib's get_face_chip turns a face until its eyes' corners and the nose's base lie where an average face has them. The
detector gives other points: the middles of the eyes, and the mouth's. The nose's tip is left out, for it swings out
when a head turns.
"""

from __future__ import annotations

from math import atan2, hypot

import numpy as np

from appliance.edge_ai.picture import Bytes, Floats, Picture, array
from appliance.edge_ai.turned import TurnedSquare
from proctoring.observation import Face

SIDE_PX = 150

RIGHT_EYE, LEFT_EYE, NOSE, MOUTH = range(4)
FITTED = [RIGHT_EYE, LEFT_EYE, MOUTH]

# Where these points lie in dlib's own cuts with padding 0.25, in shares of the cut: the median over 21 faces of
# pictures from packages, made symmetric. Dlib's table of an average face gives the eyes within 0.01 of this.
PLACES = array([[0.3256, 0.309], [0.6744, 0.309], [0.5, 0.695]])


def cut_out(picture: Picture, face: Face) -> Bytes:
    """The face alone, RGB of shape (150, 150, 3). It must have points."""
    square = square_of(picture, face)
    # A step of more than a pixel skips what lies between; halving beforehand takes the mean of all.
    while square.side >= 2 * SIDE_PX:
        picture = picture.half
        square = square_of(picture, face)
    return square.rgb(picture, SIDE_PX)


def square_of(picture: Picture, face: Face) -> TurnedSquare:
    """Where the cut lies in the picture."""
    turn = similarity(PLACES, points_px(picture, face)[FITTED])
    x, y = (turn @ array([0.5, 0.5, 1.0])).tolist()
    across, down = turn[:, 0].tolist()
    return TurnedSquare(x, y, hypot(across, down), atan2(down, across))


def points_px(picture: Picture, face: Face) -> Floats:
    """The face's points in the picture's pixels, shape (n, 2)."""
    return array(face.points) * array([picture.width, picture.height])


def similarity(points: Floats, places: Floats) -> Floats:
    """The turn, scale and move, as a matrix (2, 3), that takes `points` (n, 2) nearest to `places`: least squares."""
    from_middle, to_middle = points.mean(axis=0), places.mean(axis=0)
    a, b = points - from_middle, places - to_middle
    along = float((a * b).sum()) / float((a**2).sum())
    across = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / float((a**2).sum())
    turn = array([[along, -across], [across, along]])
    return np.concatenate([turn, (to_middle - turn @ from_middle)[:, None]], axis=1)
