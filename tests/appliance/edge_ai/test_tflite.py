import numpy as np
import pytest

from appliance.edge_ai.assembly import LAPTOPS
from appliance.edge_ai.models.catalogue import Catalogue
from appliance.edge_ai.tflite import ModelUnusable, RuntimeMissing, TFLiteRuntime

DESK = [model.name for model in Catalogue().manifest.model if model.name != LAPTOPS]


def test_the_runtime_tells_its_name_and_version(runtime):
    library, _, version = runtime.name.partition(" ")
    assert library in ("ai-edge-litert", "tflite-runtime")
    assert version[0].isdigit()


def test_whole_numbers_come_out_as_what_they_stand_for(items_model):
    outputs = items_model.run(np.zeros((1, 416, 416, 3), np.uint8))
    scores = [output for output in outputs if output.shape[-1] == 80]
    assert all(output.dtype == np.float32 for output in outputs)
    assert all(output.min() >= 0 and output.max() < 1 for output in scores)


@pytest.mark.parametrize("name", DESK)
def test_every_network_of_a_desk_takes_a_picture_as_it_is(runtime, name):
    assert runtime.load(Catalogue().path(name)).room().dtype == np.uint8


def test_a_file_that_is_no_model_is_refused(runtime, tmp_path):
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"no model at all")
    with pytest.raises(ModelUnusable, match="make models"):
        runtime.load(path)


def test_a_library_that_is_not_installed_is_named():
    with pytest.raises(RuntimeMissing, match="no_such_library"):
        TFLiteRuntime("no_such_library")
