"""Reading dlib's file, and source archives; needs neither TensorFlow nor a registry."""

import base64
import hashlib
import io
import struct
import tarfile

import pytest

from appliance.edge_ai.models.catalogue import Package
from appliance.edge_ai.models.recipe.dlib_weights import WeightsBroken, layers
from appliance.edge_ai.models.recipe.packages import PackageRefused, fetch


def number(value):
    """As dlib::pack_int writes it."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def text(value):
    return number(len(value)) + value.encode()


def tensor(*values, version=2):
    sides = b"".join(number(side) for side in (len(values), 1, 1, 1))
    return number(version) + sides + struct.pack(f"<{len(values)}f", *values)


CONVOLUTION = text("con_4") + tensor(1.5, -2.0, 0.25) + number(1) * 7
AFFINE = text("affine_") + tensor(*range(300)) + number(-1)
LAST = text("fc_2") + number(128) + number(256) + tensor(4.0, 5.0)


def test_layers_come_in_their_order_with_all_their_numbers():
    found = list(layers(b"\x07 before" + CONVOLUTION + b"between" + AFFINE + LAST + b"after"))
    assert [layer.kind for layer in found] == ["con", "affine", "fc"]
    assert found[0].values.tolist() == [1.5, -2.0, 0.25]
    assert found[1].values.tolist() == list(range(300))
    assert found[2].values.tolist() == [4.0, 5.0]


def test_a_file_that_ends_too_early_is_refused_with_what_is_missing():
    with pytest.raises(WeightsBroken, match="ends 4 bytes too early"):
        list(layers(CONVOLUTION[: -7 * 2 - 4]))


def test_a_tensor_of_another_version_is_refused():
    with pytest.raises(WeightsBroken, match="version 1"):
        list(layers(text("con_4") + tensor(1.0, version=1)))


@pytest.fixture
def archive(tmp_path):
    """A source archive that was fetched before."""
    path = tmp_path / "weights" / "weights-1.0.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("weights-1.0/net.dat")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"net"))
    return path


def weights(sha256):
    integrity = "sha256-" + base64.b64encode(sha256).decode()
    return Package(registry="PyPI", name="weights", version="1.0", integrity=integrity, source=True)


def test_a_source_archive_serves_where_there_is_no_wheel(archive, tmp_path):
    package = weights(hashlib.sha256(archive.read_bytes()).digest())
    assert fetch(package, ["weights-1.0/net.dat"], tmp_path)["weights-1.0/net.dat"].read_bytes() == b"net"


def test_a_source_archive_with_another_hash_is_refused(archive, tmp_path):
    with pytest.raises(PackageRefused, match="not the one in the manifest"):
        fetch(weights(bytes(32)), ["weights-1.0/net.dat"], tmp_path)
    assert not archive.exists()
