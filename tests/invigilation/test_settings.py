import pytest

from invigilation.settings import Settings
from web.settings import BadSettings, load

GOOD = 'staff_key = "a-key-for-the-tests-only"\n'


@pytest.fixture
def write(tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "console.toml"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def test_a_staff_key_is_all_that_is_needed(write):
    settings = load(write(GOOD), Settings)
    assert (settings.host, settings.port, settings.broker.port) == ("127.0.0.1", 0, 1883)


def test_settings_never_show_their_keys(write):
    settings = load(write(GOOD + '[broker]\npassword = "hidden-word"\n'), Settings)
    assert "a-key" not in repr(settings) and "hidden-word" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "staff_key"),
        ('staff_key = "short"', "staff_key"),
        (GOOD + "colour = 1", "colour"),
        (GOOD + "port = 70000", "port"),
        (GOOD + '[broker]\nhost = "elsewhere.example"', "TLS"),
        ("staff_key = ", "Correct that"),
    ],
)
def test_bad_settings_are_refused_with_their_place(write, text, sentence):
    with pytest.raises(BadSettings, match=sentence):
        load(write(text), Settings)


def test_settings_that_others_can_read_are_refused(write):
    with pytest.raises(BadSettings, match="chmod 600"):
        load(write(GOOD, mode=0o644), Settings)


def test_settings_that_are_not_there_are_named(tmp_path):
    with pytest.raises(BadSettings, match="--settings"):
        load(tmp_path / "none.toml", Settings)
