from pathlib import Path

import msgspec
import pytest

from appliance.runtime.settings import BadSettings, load


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: Path = Path("x")
    number: int = 1


GOOD = 'desk = "desk-1"\nrun_dir = "/run/d"\ndata_dir = "/var/lib/d"\n[part]\nfile = "/etc/passwd"\n'


def test_a_desk_and_one_processs_table_are_read(tmp_path):
    path = tmp_path / "desk.toml"
    path.write_text(GOOD)
    desk, table = load(path, "part", Table)
    assert desk.socket("view") == "ipc:///run/d/view.sock"
    assert table.file == Path("/etc/passwd")


@pytest.mark.parametrize(
    "text,says",
    [
        (GOOD + "colour = 1", "colour"),
        (GOOD + 'number = "many"', "number"),
        (GOOD.replace('"desk-1"', '"Desk 1"'), "small letters"),
        (GOOD.replace("/run/d", "/run/" + "d" * 90), "too long"),
        (GOOD + '[capture]\ncamera = ""', "names a camera ''"),
        (GOOD + '[second_camera]\ncamera = "a/b"', "names a camera 'a/b'"),
        (GOOD + "[second_camera]", "both cameras have the name 'front'"),
        (GOOD.replace('desk = "desk-1"', ""), "desk"),
        ("= =", "not TOML"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_with_what_to_correct(tmp_path, text, says):
    path = tmp_path / "desk.toml"
    path.write_text(text)
    with pytest.raises(BadSettings, match=says):
        load(path, "part", Table)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadSettings, match=r"nothing\.toml"):
        load(tmp_path / "nothing.toml", "part", Table)
