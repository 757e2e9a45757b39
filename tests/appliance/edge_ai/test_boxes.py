import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.edge_ai.boxes import best_of_each_class, contains, covered, groups, middle
from appliance.edge_ai.picture import array
from proctoring.observation import overlap

sides = st.floats(0, 1, width=32)
boxes = st.tuples(sides, sides, sides, sides).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@given(st.lists(st.tuples(boxes, st.floats(0, 1)), max_size=12), st.floats(0.1, 0.9))
def test_every_box_is_in_exactly_one_group_and_its_best_comes_first(seen, limit):
    places, scores = [box for box, _ in seen], [score for _, score in seen]
    found = list(groups(places, scores, limit))
    assert sorted(place for group in found for place in group) == list(range(len(seen)))
    assert all(scores[best] == max(scores[place] for place in (best, *others)) for best, *others in found)
    assert all(overlap(places[best], places[other]) > limit for best, *others in found for other in others)
    bests = [group[0] for group in found]
    assert all(overlap(places[a], places[b]) <= limit for a in bests for b in bests if a != b)


def test_of_two_boxes_of_one_class_the_better_stays():
    pair = array([[0, 0, 100, 100], [5, 5, 105, 105]])
    assert best_of_each_class(pair, array([0.4, 0.9]), np.array([3, 3]), 0.5).tolist() == [1]


def test_two_things_of_different_classes_may_lie_in_one_place():
    pair = array([[0, 0, 100, 100], [0, 0, 100, 100]])
    assert best_of_each_class(pair, array([0.4, 0.9]), np.array([3, 4]), 0.5).tolist() == [1, 0]


def test_no_boxes_give_no_boxes():
    nothing = np.zeros((0, 4), np.float32)
    assert best_of_each_class(nothing, np.zeros(0, np.float32), np.zeros(0, np.intp), 0.5).size == 0


def test_a_box_inside_another_is_covered_wholly_and_covers_in_part():
    inner, outer = (0.4, 0.4, 0.6, 0.6), (0.2, 0.2, 0.6, 0.6)
    assert covered(inner, outer) == pytest.approx(1)
    assert covered(outer, inner) == pytest.approx(0.25)
    assert covered((0, 0, 0, 0), outer) == 0


def test_a_box_contains_its_middle():
    assert contains((0.1, 0.2, 0.3, 0.4), *middle((0.1, 0.2, 0.3, 0.4)))
    assert not contains((0.1, 0.2, 0.3, 0.4), 0.5, 0.3)
