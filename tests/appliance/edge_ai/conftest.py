"""Pictures that are made here, and the real models."""

import cv2
import numpy as np
import pytest

from appliance.edge_ai.assembly import LAPTOPS
from appliance.edge_ai.face_path import FacePath
from appliance.edge_ai.face_rules import MESH
from appliance.edge_ai.faces import FullRangeFaces
from appliance.edge_ai.landmarks import FaceLandmarks
from appliance.edge_ai.laptops import SSDLaptops
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.objects import NanoDetItems
from appliance.edge_ai.picture import from_rgb
from appliance.edge_ai.rules import FACES, ITEMS
from appliance.edge_ai.tflite import TFLiteRuntime


@pytest.fixture(scope="session")
def runtime():
    return TFLiteRuntime()


@pytest.fixture(scope="session")
def faces_model(runtime):
    return runtime.load(Catalogue().path(FACES))


@pytest.fixture(scope="session")
def items_model(runtime):
    return runtime.load(Catalogue().path(ITEMS))


@pytest.fixture(scope="session")
def mesh_model(runtime):
    return runtime.load(Catalogue().path(MESH))


@pytest.fixture
def faces(faces_model):
    return FullRangeFaces(faces_model)


@pytest.fixture
def face_path(faces, mesh_model):
    """The desk's own, without its eyes."""
    return FacePath(faces, FaceLandmarks(mesh_model))


@pytest.fixture
def items(items_model):
    return NanoDetItems(items_model)


@pytest.fixture(scope="session")
def laptops(runtime):
    return SSDLaptops(runtime.load(Catalogue().path(LAPTOPS)))


@pytest.fixture(scope="session")
def read_picture():
    def read(path):
        return from_rgb(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB))

    return read


@pytest.fixture(scope="session")
def plain():
    """A picture of one colour."""

    def make(shade, width=1280, height=720):
        return from_rgb(np.full((height, width, 3), shade, np.uint8))

    return make
