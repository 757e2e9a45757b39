"""Finds things and persons in a picture that stands by itself, with two networks, several views and two tones."""

from __future__ import annotations

from appliance.edge_ai.laptops import LABEL as LAPTOP
from appliance.edge_ai.laptops import SSDLaptops
from appliance.edge_ai.objects import PERSON, NanoDet, distinct
from appliance.edge_ai.picture import WHOLE, Bytes, Picture
from appliance.edge_ai.views import AS_IT_IS, DARKER, brightened, squares
from proctoring.observation import Item, overlap

# Where one tone shows a thing and the other does not, half the score must still be known: the looks reach this low.
LOOK_FLOOR = 0.1
SAME_PLACE = 0.4
FLOOR = 0.25

# From which score on a still shows a thing. The mean of both tones of a picture with enough light: phones on a
# labelled desk had 0.41 or more, what is no phone 0.31 at the most (104 photos). Laptops have a network of their own
# with scores of its own: of altered photos that show one (cropped, turned, mirrored, lighter, darker) 83 in 100 had
# 0.25 or more, of others 1 in 60.
STILL_FROM = 0.37
STILL_FROM_OF = {LAPTOP: 0.25}


class StillItems:
    """What sees things in stills: NanoDet for all but laptops, the SSD for those."""

    def __init__(self, items: NanoDet, laptops: SSDLaptops) -> None:
        self._items = items
        self._laptops = laptops

    def find(self, picture: Picture) -> tuple[Item, ...]:
        """Every thing and person, the most certain first. A score is the mean of what both tones show at a place."""
        picture = brightened(picture)
        plain, darker = (self._looked(picture, tone) for tone in (AS_IT_IS, DARKER))
        agreed = [_agreed(item, darker) for item in plain if item.label != LAPTOP]
        found = [item for item in (*agreed, *self._laptops.find(picture)) if item.score >= FLOOR]
        return tuple(sorted(found, key=lambda item: -item.score))

    def _looked(self, picture: Picture, tone: Bytes) -> tuple[Item, ...]:
        whole = self._items.look(picture, WHOLE, LOOK_FLOOR, tone)
        looks = [self._items.look(picture, region, LOOK_FLOOR, tone) for region in squares(picture.shape)]
        # A square cuts persons into parts: they come from the whole picture alone.
        return distinct([*whole, *(item for look in looks for item in look if item.label != PERSON)])


def shown_from(label: str) -> float:
    """The least score at which a still shows such a thing."""
    return STILL_FROM_OF.get(label, STILL_FROM)


def shows(item: Item) -> bool:
    """Whether a still shows this thing, as far as anyone can tell."""
    return item.score >= shown_from(item.label)


def _agreed(item: Item, others: tuple[Item, ...]) -> Item:
    again = (
        other.score for other in others if other.label == item.label and overlap(other.box, item.box) >= SAME_PLACE
    )
    return Item(item.label, round((item.score + max(again, default=0.0)) / 2, 4), item.box)
