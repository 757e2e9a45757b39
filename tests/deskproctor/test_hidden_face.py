"""A mask is drawn over a real face, frame by frame, and the video analysed as anybody would."""

import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from appliance.edge_ai.assembly import Networks, landmarks
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.landmarks import nearest_of, outline_of
from appliance.edge_ai.picture import from_rgb
from appliance.edge_ai.rules import FACES
from appliance.edge_ai.settings import EdgeAISettings
from deskproctor.analyze import analyze

CHEEKS_AND_JAW = [116, 118, 195, 347, 345, 454, 361, 397, 379, 152, 150, 172, 132, 234]
PER_S = 10
ONE_PERSON_S = 12.6
"""Until the clip cuts to somebody else."""
COVERED_S = (4.0, 12.0)


@pytest.fixture(scope="module")
def networks():
    return Networks(EdgeAISettings())


def stills(clip):
    with av.open(str(clip)) as video:
        for frame in video.decode(video=0):
            if frame.time < ONE_PERSON_S and round(frame.time * 30) % (30 // PER_S) == 0:
                yield frame.time, frame.to_ndarray(format="rgb24")


def masked(rgb, networks):
    """With a light blue mask over nose, mouth and chin."""
    picture = from_rgb(rgb)
    face = nearest_of(FullRangeFaces(networks.load(FACES)).find(picture))
    mesh = landmarks(networks).mesh(picture, outline_of(face, picture.width, picture.height))
    covered = cv2.fillPoly(rgb.copy(), [np.rint(mesh.points[CHEEKS_AND_JAW, :2]).astype(np.int32)], (150, 190, 215))
    return cv2.GaussianBlur(covered, (3, 3), 0)


@pytest.fixture(scope="module")
def video(media, networks, tmp_path_factory):
    path = tmp_path_factory.mktemp("masked") / "masked.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=PER_S, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 1280, 720, "yuv420p", Fraction(1, PER_S)
        for at_s, rgb in stills(media / "clips" / "a4_identity_swap_M_to_O.mp4"):
            shown = masked(rgb, networks) if COVERED_S[0] <= at_s < COVERED_S[1] else rgb
            file.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        file.mux(stream.encode())
    return path


@pytest.mark.media
def test_a_mask_put_on_in_the_middle_is_flagged_from_when_to_when_and_why(video):
    result = CliRunner().invoke(analyze, [str(video), "--json"])
    assert result.exit_code == 0, result.output
    (flag,) = (flag for flag in json.loads(result.stdout)["flags"] if flag["kind"] == "face_hidden")
    assert COVERED_S[0] <= flag["start_s"] <= COVERED_S[0] + 1.5
    assert COVERED_S[1] - 1.5 <= flag["end_s"] <= COVERED_S[1]
    assert not flag["technical"]
    assert flag["peak_score"] >= flag["why"]["threshold"]
    assert "face_landmark" in flag["why"]["models"]
    left, top, right, bottom = flag["why"]["boxes"][0]
    assert 50 < right - left < 400 and 50 < bottom - top < 400
