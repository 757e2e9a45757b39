"""Finds laptops, open or closed, in stills: the SSD with which MediaPipe's Objectron finds things.

It learned 23 kinds of things from Open Images v4, where a closed laptop and one seen from behind are laptops too; of
COCO's networks NanoDet takes them for books, and books for them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from appliance.edge_ai.boxes import best_of_each_class
from appliance.edge_ai.picture import Bytes, Floats, Picture, Placement, array, letterbox
from appliance.edge_ai.ports import Model
from appliance.edge_ai.views import TONES, squares, turned_back, turned_round, views
from proctoring.observation import Item

SIDE_PX = 300
LABEL = "laptop"
# Open Images' label map in the package: 0 is nothing, 3 is Laptop.
COLUMN = 3
SAME_THING = 0.5

# Below every threshold, above the noise.
FLOOR = 0.1

# A wall or a floor that fills a look can seem to be a lid: where no edge is seen there is no evidence of a thing. At
# least this many sides of a box must lie this far inside the look, a share of its side.
SIDES_SEEN = 3
INSIDE = 0.04

# The anchors of TensorFlow's SSD (arXiv 1512.02325): cells a side of each map, and scales from 0.2 to 0.95.
GRIDS = (19, 10, 5, 3, 2, 1)
SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
FINEST = ((0.1, 1.0), (0.2, 2.0), (0.2, 0.5))
RATIOS = (1.0, 2.0, 0.5, 3.0, 1 / 3)
# The network gives middles in tenths of the anchor's sides, sizes in fifths of a power of e.
MIDDLES, SIZES = 10.0, 5.0


class SSDLaptops:
    """The detector. Whatever scores below `floor`, 0..1, is not reported."""

    def __init__(self, model: Model, floor: float = FLOOR) -> None:
        self._model = model
        self._floor = floor

    def find(self, picture: Picture) -> tuple[Item, ...]:
        """Every laptop in a still, the most certain first: in all views, both tones, and from both sides of the desk.

        The best look counts.
        """
        looks = [look for square, placement in _squares(picture) for look in self._looks(square, placement)]
        boxes, scores = (np.concatenate(parts) for parts in zip(*looks, strict=True))
        kept = best_of_each_class(boxes, scores, np.zeros(len(scores), np.intp), SAME_THING)
        found = zip(scores[kept].tolist(), boxes[kept].tolist(), strict=True)
        return tuple(Item(LABEL, round(score, 4), tuple(box)) for score, box in found)

    def _looks(self, square: Bytes, placement: Placement) -> list[tuple[Floats, Floats]]:
        looks = []
        for tone in TONES:
            upright = self._look(tone[square])
            boxes, scores = self._look(turned_round(tone[square]))
            looks += [upright, (turned_back(boxes), scores)]
        return [(in_picture(boxes, placement), scores) for boxes, scores in looks]

    def _look(self, square: Bytes) -> tuple[Floats, Floats]:
        outputs = self._model.run(square[None].astype(np.float32) / np.float32(127.5) - np.float32(1))
        return laptops_of(outputs, self._floor)


def laptops_of(outputs: list[Floats], floor: float) -> tuple[Floats, Floats]:
    """Boxes (n, 4) in shares of the square, and their scores (n,), of laptops whose outline is mostly seen.

    `outputs` are (1, 1917, 4) of middles and sizes and (1, 1917, 24) of logits, in any order.
    """
    codes, logits = sorted((output[0] for output in outputs), key=lambda output: output.shape[-1])
    scores: Floats = 1 / (1 + np.exp(-logits[:, COLUMN]))
    places = np.flatnonzero(scores >= floor)
    middles = codes[places, :2] / MIDDLES * ANCHORS[places, 2:] + ANCHORS[places, :2]
    sizes = np.exp(codes[places, 2:] / SIZES) * ANCHORS[places, 2:]
    # The network puts what is vertical first.
    boxes = np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)[:, [1, 0, 3, 2]]
    seen = is_outlined(boxes)
    return boxes[seen], scores[places][seen]


def is_outlined(boxes: Floats) -> NDArray[np.bool_]:
    """Which of the boxes (n, 4), in shares of a look, have enough of their sides inside it."""
    inside = np.concatenate([boxes[:, :2] > INSIDE, boxes[:, 2:] < 1 - INSIDE], axis=1)
    enough: NDArray[np.bool_] = inside.sum(axis=1) >= SIDES_SEEN
    return enough


def in_picture(boxes: Floats, placement: Placement) -> Floats:
    """Boxes in shares of a look as shares of the whole picture, cut off at its edge."""
    corners = placement.to_picture(boxes.reshape(-1, 2, 2) * np.float32(SIDE_PX))
    inside: Floats = corners.clip(0, 1).reshape(-1, 4)
    return inside


def anchors() -> Floats:
    """The (1917, 4) anchors: middle down and across, height and width, in shares of the square."""
    return np.concatenate([_anchors_of(level, cells) for level, cells in enumerate(GRIDS)])


def _squares(picture: Picture) -> Iterator[tuple[Bytes, Placement]]:
    """The looks, and where each lies: pulled into the square, as in training, and the whole in its shape too."""
    for region in views(picture.shape):
        yield picture.cut(region).rgb(SIDE_PX, SIDE_PX), Placement(region, 0, 0, SIDE_PX, SIDE_PX)
    if squares(picture.shape):
        yield letterbox(picture, SIDE_PX)


def _anchors_of(level: int, cells: int) -> Floats:
    scale, larger = SCALES[level : level + 2]
    shapes = FINEST if level == 0 else (*((scale, ratio) for ratio in RATIOS), ((scale * larger) ** 0.5, 1.0))
    sides = array([(side / ratio**0.5, side * ratio**0.5) for side, ratio in shapes])
    steps = (np.arange(cells, dtype=np.float32) + np.float32(0.5)) / np.float32(cells)
    middles = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.concatenate([middles.repeat(len(sides), 0), np.tile(sides, (len(middles), 1))], axis=1)


ANCHORS = anchors()
