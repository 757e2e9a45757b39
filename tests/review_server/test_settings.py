from __future__ import annotations

from pathlib import Path

import pytest

from review_server.settings import BadSettings, load

GOOD = """
staff_key = "staff-key-0123456789abcdef"
data_dir = "/srv/review"
[broker]
port = 1884
password = "a-broker-password"
[desks]
desk-1 = "token-of-desk-1-0123456789"
"""


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "review.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_settings_are_read_and_never_show_their_secrets(tmp_path):
    settings = load(written(tmp_path, GOOD))
    assert settings.broker.port == 1884
    assert settings.data_dir == Path("/srv/review")
    for secret in ("staff-key", "token-of", "a-broker"):
        assert secret not in repr(settings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("staff_key", "staff_kye"), "staff_kye"),
        (GOOD.replace("staff-key-0123456789abcdef", "admin"), "staff_key"),
        (GOOD.replace("desk-1 =", '"Desk One" ='), "Desk One"),
        (GOOD + 'desk-2 = "token-of-desk-1-0123456789"\n', "same token"),
        (GOOD.replace('"/srv/review"', "5"), "data_dir"),
        ("port = ", "Correct that line"),
    ],
)
def test_settings_that_cannot_be_used_say_what_to_correct(tmp_path, text, says):
    with pytest.raises(BadSettings, match=says):
        load(written(tmp_path, text))


def test_settings_that_others_can_read_are_refused(tmp_path):
    with pytest.raises(BadSettings, match="chmod 600"):
        load(written(tmp_path, GOOD, 0o640))


def test_settings_that_are_not_there_are_asked_for(tmp_path):
    with pytest.raises(BadSettings, match="--settings"):
        load(tmp_path / "none.toml")
