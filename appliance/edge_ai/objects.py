"""Finds things and persons with NanoDet: 80 classes of COCO at strides 8, 16 and 32."""

from __future__ import annotations

from collections.abc import Collection
from math import log2
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.edge_ai.boxes import Places, best_of_each_class, middle
from appliance.edge_ai.picture import WHOLE, Bytes, Floats, Picture, Placement, Region, array, put_into, square_around
from appliance.edge_ai.ports import Model, Stored
from appliance.edge_ai.views import AS_IT_IS
from proctoring.observation import Box, Item, area, height, overlap

SIDE_PX = 416
SAME_THING = 0.5
SEEN_AGAIN = 0.3
PERSON = "person"

# A box's side is a distribution over 0..10 strides (generalised focal loss, arXiv 2006.04388): its mean counts.
STEPS = np.arange(11, dtype=np.float32)
OUTWARDS = array([-1, -1, 1, 1])

# No box, no score, no class.
NONE = (array([]).reshape(0, 4), array([]), np.empty(0, np.intp))

# In the order of the network's outputs.
COCO = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,"
    "parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,"
    "tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,"
    "tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,"
    "hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,"
    "keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,"
    "hair drier,toothbrush"
)
LABELS = tuple(COCO.split(","))

Wanted = NDArray[np.bool_]
"""For each label whether it is of interest."""
EVERYTHING: Final[Wanted] = np.ones(len(LABELS), np.bool_)


# Below every policy's thresholds, above the noise.
FLOOR = 0.25

# The closer look is a square of this share of the candidate's height that ends just below their box: hands, lap and
# desk. A phone in the hand is some 20 pixels long in the whole picture's square and twice that in this one.
CLOSER_SIDE = 0.7
CLOSER_MARGIN = 0.04
NEAR = 1.2

# What an exam prohibits is easily mistaken: a cup's handle, a chair's leg or a watch can look like a phone at one
# scale. So there is a second look, inside a square of six times the thing's own size (nearly the whole picture for
# larger things), and the mean of both scores counts. On the labelled clips real phones had 0.43 to 0.56 in that look;
# all else that was suspected had 0.42 at the most, and 0.28 in the middle.
DOUBTED = frozenset({"cell phone", "book", "laptop"})
DOUBT_FROM = 0.3
DOUBT_SIDE = 6.0
DOUBT_SIDE_MOST = 0.9
DOUBT_LOOKS = 2

# Where the closer look goes until a person was seen.
LOWER_MIDDLE: Box = (0.25, 0.15, 0.75, 0.98)


class NanoDet:
    """The network and how it is asked."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def look(
        self, picture: Picture, region: Region, floor: float, tone: Bytes = AS_IT_IS, wanted: Wanted = EVERYTHING
    ) -> list[Item]:
        """What there is in a region at or above `floor`, 0..1, in shares of the picture.

        `tone` gives each of the 256 values another.
        """
        placement = self._show(picture, region, tone)
        boxes, scores, classes = decoded(self._model.stored(), floor, wanted)
        if not len(boxes):
            return []
        kept = best_of_each_class(boxes, scores, classes, SAME_THING)
        corners = placement.to_picture(boxes[kept].reshape(-1, 2, 2)).clip(0, 1).reshape(-1, 4)
        found = zip(classes[kept].tolist(), scores[kept].tolist(), corners.tolist(), strict=True)
        return [Item(LABELS[name], round(score, 4), tuple(box)) for name, score, box in found]

    def _show(self, picture: Picture, region: Region, tone: Bytes) -> Placement:
        """Paints straight into the network's memory."""
        room = self._model.room()[0]
        placement = put_into(room, picture, region)
        if tone is not AS_IT_IS:
            room[:] = tone[room]
        return placement


class NanoDetItems:
    """The detector of a session. Whatever scores below `floor`, 0..1, is not reported."""

    def __init__(self, model: Model, floor: float = FLOOR) -> None:
        self._network = NanoDet(model)
        self._floor = floor
        self._candidate = LOWER_MIDDLE
        self.watch_for(LABELS)

    def watch_for(self, labels: Collection[str]) -> None:
        """See ItemFinder. A room full of chairs takes no time then."""
        things = {*labels} - {PERSON}
        self._things, self._all = only(things), only({*things, PERSON})

    def find(self, picture: Picture) -> tuple[Item, ...]:
        """Every thing and person, the most certain first: a look at the whole, one at hands and desk."""
        whole = self._look(picture, WHOLE, self._all)
        self._candidate = max((item.box for item in whole if item.label == PERSON), key=area, default=self._candidate)
        # Inside the closer look a person is cut into parts: persons come from the whole picture alone.
        closer = self._look(picture, hands_and_desk(self._candidate, picture), self._things)
        return self._confirmed(picture, distinct([*whole, *closer]))

    def _confirmed(self, picture: Picture, found: tuple[Item, ...]) -> tuple[Item, ...]:
        doubted = [item for item in found if item.label in DOUBTED and item.score >= DOUBT_FROM][:DOUBT_LOOKS]
        sure = [item for item in found if item not in doubted]
        second = [self._second_look(picture, item) for item in doubted]
        return distinct([*sure, *(item for item in second if item)])

    def _second_look(self, picture: Picture, item: Item) -> Item | None:
        size = max(height(item.box), (item.box[2] - item.box[0]) * picture.shape)
        if 2 * size > 1:
            return item
        side = min(DOUBT_SIDE * size, DOUBT_SIDE_MOST)
        seen = self._look(picture, square_around(*middle(item.box), side, picture.shape), only({item.label}))
        again = next((again for again in seen if overlap(again.box, item.box) >= SEEN_AGAIN), None)
        return again and Item(item.label, round((item.score + again.score) / 2, 4), again.box)

    def _look(self, picture: Picture, region: Region, labels: Wanted) -> list[Item]:
        return self._network.look(picture, region, self._floor, wanted=labels)


def hands_and_desk(candidate: Box, picture: Picture) -> Region:
    """The square to look at more closely."""
    side = pixel_for_pixel(CLOSER_SIDE * height(candidate) * picture.height) / picture.height
    x, _ = middle(candidate)
    return square_around(x, candidate[3] + CLOSER_MARGIN * side - side / 2, side, picture.shape)


def pixel_for_pixel(side_px: float) -> float:
    """The side at which the network takes the pixels, or halves of them, as they are, if that is near; else the same.

    To scale them to its square costs as much again as to show them.
    """
    own = SIDE_PX * 2.0 ** max(0, round(log2(max(1.0, side_px) / SIDE_PX)))
    return own if own / NEAR <= side_px <= own * NEAR else side_px


def decoded(outputs: list[Stored], floor: float, wanted: Wanted = EVERYTHING) -> tuple[Floats, Floats, Places]:
    """Boxes (n, 4) in pixels of the square, scores (n,) and class numbers (n,) at or above `floor`.

    `outputs` are maps (1, rows, columns, 80) of scores and (1, rows, columns, 44) of sides, in any order.
    """
    sides = {output.values.shape[1]: output for output in outputs if output.values.shape[-1] == 4 * len(STEPS)}
    scores = [output for output in outputs if output.values.shape[-1] == len(LABELS)]
    levels = [_found_at(level, sides[level.values.shape[1]], floor, wanted) for level in scores]
    found = [level for level in levels if level is not None]
    if not found:
        return NONE
    cells, logits, certain, classes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    boxes = (cells[:, :4] + _means(logits.reshape(-1, 4, len(STEPS))) * OUTWARDS) * cells[:, 4:]
    return boxes, certain, classes


def only(labels: Collection[str]) -> Wanted:
    """Only these labels are of interest."""
    return np.array([label in labels for label in LABELS])


def distinct(items: list[Item]) -> tuple[Item, ...]:
    """Each thing once, the most certain first, where several looks saw it."""
    if len(items) < 2:
        return tuple(items)
    boxes = array([item.box for item in items]).reshape(-1, 4)
    scores = array([item.score for item in items])
    classes = np.array([LABELS.index(item.label) for item in items], np.intp)
    return tuple(items[place] for place in best_of_each_class(boxes, scores, classes, SAME_THING))


def _found_at(
    scores: Stored, sides: Stored, floor: float, wanted: Wanted
) -> tuple[Floats, Floats, Floats, Places] | None:
    """Of what scores enough: its cells as in CELLS, the logits of its sides (n, 44), its scores and its classes."""
    _, rows, columns, labels = scores.values.shape
    certain, lowest = scores.values.ravel(), scores.lowest(floor)
    # Mostly nothing does, and the highest of all is found four times as fast as who exceeds a limit.
    if certain.max() < lowest:
        return None
    places = np.flatnonzero(certain >= lowest)
    places = places[wanted[places % labels]]
    if not len(places):
        return None
    cells, classes = np.divmod(places, labels)
    logits = sides.numbers(sides.values.reshape(rows * columns, -1)[cells])
    return CELLS[rows][cells], logits, scores.numbers(certain[places]), classes


def _cells(stride: int) -> Floats:
    rows = SIDE_PX // stride
    down, across = np.divmod(np.arange(rows * rows, dtype=np.float32), np.float32(rows))
    middles = array([across, down, across, down]).T + np.float32(0.5)
    return np.concatenate([middles, np.full((len(middles), 1), stride, np.float32)], axis=1)


def _means(logits: Floats) -> Floats:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    means: Floats = (weights @ STEPS) / weights.sum(axis=-1)
    return means


CELLS: Final = {SIDE_PX // stride: _cells(stride) for stride in (8, 16, 32)}
"""By the number of rows, for each cell its middle twice, in strides, and its stride in pixels, (n, 5)."""
