import shutil

import pytest

from appliance.edge_ai.models.catalogue import FOLDER, MANIFEST, Catalogue, ModelBroken, sha256_of
from proctoring.errors import DeskproctorError


@pytest.fixture
def copy(tmp_path):
    for path in (*FOLDER.glob("*.tflite"), FOLDER / MANIFEST):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_every_model_ships_with_its_file_its_size_and_its_card():
    catalogue = Catalogue()
    for model in catalogue.manifest.model:
        path = catalogue.path(model.name)
        assert path.stat().st_size == model.size
        assert model.licence and model.licence_source
        assert model.name in (FOLDER / model.card).read_text()


def test_no_model_file_ships_that_the_manifest_does_not_name():
    assert {path.name for path in FOLDER.glob("*.tflite")} == {model.file for model in Catalogue().manifest.model}


def test_a_model_file_with_one_other_byte_is_refused_with_both_hashes_and_what_to_do(copy):
    model = Catalogue(copy).manifest.model[0]
    data = bytearray((copy / model.file).read_bytes())
    data[1000] ^= 1
    (copy / model.file).write_bytes(data)
    with pytest.raises(ModelBroken) as refused:
        Catalogue(copy).path(model.name)
    said = str(refused.value)
    assert model.file in said
    assert model.sha256 in said
    assert sha256_of(copy / model.file) in said
    assert "make models" in said
    assert isinstance(refused.value, DeskproctorError)


def test_a_missing_model_file_is_named(copy):
    model = Catalogue(copy).manifest.model[1]
    (copy / model.file).unlink()
    with pytest.raises(ModelBroken, match=r"missing.*make models"):
        Catalogue(copy).path(model.name)


@pytest.mark.parametrize("text", ["not toml [", "[[model]]\nname = 1\n", ""])
def test_a_manifest_that_cannot_be_read_is_refused(copy, text):
    (copy / MANIFEST).write_text(text)
    with pytest.raises(ModelBroken, match="list of models"):
        Catalogue(copy)
