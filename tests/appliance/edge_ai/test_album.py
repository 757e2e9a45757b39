"""Which moments of a flag are kept as pictures."""

import weakref

import cv2
import numpy as np

from appliance.edge_ai.album import Album, small
from appliance.edge_ai.picture import Picture
from appliance.edge_ai.thumbnail import LIMIT_BYTES
from proctoring.flag import FlagKind, FlagRule, Look, Moment, Rule
from proctoring.observation import Observation

RULE = Rule(threshold=0.5, leave=0.4, dwell_ms=300, share=0.6, clear_ms=300, cool_down_ms=0)
BOX = (0.2, 0.2, 0.6, 0.6)


class Watched:
    """A rule that sees, frame by frame, the scores of a script, and the album beside it."""

    def __init__(self, plain, scores):
        rule = FlagRule(FlagKind.FACE_ABSENT, RULE, lambda seen: Look(scores[seen.at_ms // 100], (BOX,)))
        album, self.shown = Album(), []
        for number in range(len(scores)):
            flag = rule.feed(Observation(at_ms=100 * number))
            album.note([rule], 100 * number, plain(20 + number, 640, 360))
            if flag is not None:
                self.shown.append(album.thumbnails(flag))


def moments(thumbnails):
    return [(one.moment, one.at_ms, one.score) for one in thumbnails]


def test_a_flag_is_raised_and_ended_with_its_first_highest_and_newest_look(plain):
    raised, ended = Watched(plain, [0.1, 0.6, 0.7, 0.6, 0.55, 0.9, 0.5, 0.1, 0.1, 0.1, 0.1]).shown
    assert moments(raised) == [(Moment.ONSET, 100, 0.6), (Moment.PEAK, 200, 0.7), (Moment.NEWEST, 400, 0.55)]
    assert moments(ended) == [(Moment.ONSET, 100, 0.6), (Moment.PEAK, 500, 0.9), (Moment.NEWEST, 600, 0.5)]


def test_a_moment_that_is_two_things_is_shown_once_and_the_highest_score_names_it(plain):
    raised, _ = Watched(plain, [0.9, 0.6, 0.6, 0.6, 0.1, 0.1, 0.1, 0.1]).shown
    assert moments(raised) == [(Moment.PEAK, 0, 0.9), (Moment.NEWEST, 300, 0.6)]


def test_each_picture_is_that_of_its_moment_with_the_boxes_drawn(plain):
    raised, _ = Watched(plain, [0.6, 0.6, 0.6, 0.7, 0.1, 0.1, 0.1, 0.1]).shown
    for one in raised:
        picture = cv2.imdecode(np.frombuffer(one.jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int)
        # The corner is of one shade that grows with each frame; the box's line is bright.
        assert abs(picture[:10, :10].mean() - (20 + one.at_ms / 100)) < 3
        assert picture.max() > 150
        assert len(one.jpeg) <= LIMIT_BYTES


def test_a_second_flag_shows_nothing_of_the_first(plain):
    scores = [0.9] * 5 + [0.1] * 5 + [0.6] * 5 + [0.1] * 5
    *_, raised, ended = Watched(plain, scores).shown
    assert all(one.at_ms >= 1000 for one in raised + ended)


def test_what_is_kept_of_a_picture_is_small(plain):
    kept = small(plain(128, 1280, 720))
    assert (kept.width, kept.height) == (320, 180)


def test_what_is_kept_does_not_keep_the_whole_frame():
    luma, blue, red = (np.full(shape, 128, np.uint8) for shape in ((720, 1280), (360, 640), (360, 640)))
    frame, picture = weakref.ref(luma), Picture(luma, blue, red)
    kept = small(picture)
    del luma, picture
    assert kept.luma.shape == (180, 320)
    assert frame() is None
