"""The candidate's own picture, from the frames socket to a JPEG."""

import threading

import cv2
import numpy as np
import pytest

from appliance.kiosk_ui.camera import WIDTH, FrameCamera, jpeg
from appliance.runtime.frames import Frame, FrameTeller
from appliance.runtime.settings import Desk
from proctoring.wire import FrameHead


def frame(width, height):
    """Red on the left, blue on the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2] = (0, 0, 200)
    picture[:, width // 2 :] = (200, 0, 0)
    planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    return Frame(FrameHead(number=1, mono_ms=0, width=width, height=height), planes.tobytes())


@pytest.mark.parametrize(("width", "height", "shown"), [(1280, 720, (640, 360)), (320, 240, (320, 240))])
def test_a_frame_becomes_a_jpeg_of_the_same_colours_no_wider_than_needed(width, height, shown):
    seen = cv2.imdecode(np.frombuffer(jpeg(frame(width, height)), np.uint8), cv2.IMREAD_COLOR)
    assert (seen.shape[1], seen.shape[0]) == shown
    assert shown[0] <= WIDTH
    left, right = seen[:, : shown[0] // 3].mean((0, 1)), seen[:, -shown[0] // 3 :].mean((0, 1))
    assert np.allclose(left, (0, 0, 200), atol=12)
    assert np.allclose(right, (200, 0, 0), atol=12)


def test_the_newest_frame_is_heard_from_the_cameras_owner(tmp_path):
    desk = Desk(desk="desk-1", run_dir=tmp_path, data_dir=tmp_path)
    over = threading.Event()

    def offer():
        with FrameTeller(desk) as teller:
            while not over.wait(0.05):
                teller.offer(frame(320, 240))

    owner = threading.Thread(target=offer)
    owner.start()
    try:
        assert FrameCamera(desk).picture()[:2] == b"\xff\xd8"
    finally:
        over.set()
        owner.join()


def test_where_nobody_owns_the_camera_there_is_no_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("appliance.kiosk_ui.camera.PATIENCE_MS", 50)
    assert FrameCamera(Desk(desk="desk-1", run_dir=tmp_path, data_dir=tmp_path)).picture() is None
