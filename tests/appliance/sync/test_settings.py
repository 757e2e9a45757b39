import msgspec
import pytest

from appliance.runtime.clock import SimulatedClock
from appliance.runtime.settings import BadSettings, load
from appliance.sync.presence import next_run
from appliance.sync.settings import SyncSettings, check_private

TOML = """
desk = "desk-1"
run_dir = "/tmp/r"
data_dir = "/tmp/d"
[sync]
server_url = "https://review.example.org"
token = "0123456789abcdef"
[sync.broker]
port = 1884
username = "desk-1"
password = "a-long-password"
"""


def test_the_table_is_read_with_its_broker(tmp_path):
    path = tmp_path / "desk.toml"
    path.write_text(TOML)
    _, settings = load(path, "sync", SyncSettings)
    assert settings.broker.username == "desk-1"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('server_url = "ftp://x"', "server_url must be"),
        ('server_url = "http://review.example.org"', "https"),
        ('server_url = "https://x"\nspeed = 3', "speed"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_reason(tmp_path, line, says):
    path = tmp_path / "desk.toml"
    path.write_text(TOML.replace('server_url = "https://review.example.org"', line))
    with pytest.raises(BadSettings, match=says):
        load(path, "sync", SyncSettings)


def test_a_token_that_could_be_guessed_is_refused():
    with pytest.raises(msgspec.ValidationError, match="token"):
        msgspec.convert({"server_url": "https://x", "token": "short"}, SyncSettings)


def test_settings_that_everybody_can_read_are_refused_with_the_remedy(tmp_path):
    path = tmp_path / "desk.toml"
    path.write_text(TOML)
    path.chmod(0o644)
    with pytest.raises(BadSettings, match="chmod 600"):
        check_private(path)
    path.chmod(0o600)
    check_private(path)


def test_no_secret_shows_in_a_log(tmp_path):
    shown = repr(SyncSettings(server_url="https://x", token="0123456789abcdef"))
    assert "0123456789abcdef" not in shown


def test_each_run_has_a_larger_number_even_when_the_clock_went_back_or_the_file_is_broken(tmp_path):
    path = tmp_path / "run"
    runs = [next_run(path, SimulatedClock(utc_ms=ms)) for ms in (1_800_000_000_000, 1_700_000_000_000, 0)]
    path.write_text("garbage")
    runs.append(next_run(path, SimulatedClock(utc_ms=1_800_000_100_000)))
    path.unlink()
    path.mkdir()  # neither read nor replaced, as on a disk that takes nothing
    runs.append(next_run(path, SimulatedClock(utc_ms=1_800_000_200_000)))
    assert runs == sorted(set(runs))
