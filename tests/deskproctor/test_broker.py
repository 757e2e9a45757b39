import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deskproctor import broker
from deskproctor.broker import BrokerWontStart, EmbeddedBroker
from messaging.mqtt import MqttBus
from messaging.rights import desk_rights
from messaging.settings import BrokerSettings

USERS = {"desk-1": desk_rights("desk-1"), "desk-2": desk_rights("desk-2")}


def wait_until(condition, what, seconds=30):
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def test_only_our_own_user_can_read_the_passwords(tmp_path):
    with EmbeddedBroker(tmp_path / "b", USERS) as embedded:
        configuration = tmp_path / "b" / "broker.conf"
        assert embedded.settings_for("desk-1").password in configuration.read_text()
        assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o700


def test_every_user_and_every_object_has_a_password_of_its_own(tmp_path):
    made = [EmbeddedBroker(tmp_path, USERS).settings_for(user).password for user in (*USERS, *USERS)]
    assert len(set(made)) == 4


def test_no_password_stands_on_a_command_line(tmp_path):
    with EmbeddedBroker(tmp_path, USERS) as embedded:
        line = Path(f"/proc/{embedded.pid}/cmdline").read_text()
        assert all(embedded.settings_for(user).password not in line for user in USERS)


@pytest.mark.parametrize("username", ["desk-1", "", "nobody"])
def test_without_the_right_password_there_is_no_connection(tmp_path, caplog, username):
    with EmbeddedBroker(tmp_path, USERS) as embedded:
        wrong = BrokerSettings(port=embedded.port, username=username, password="wrong")
        stranger, known = MqttBus(wrong, "stranger"), MqttBus(embedded.settings_for("desk-1"), "desk-1")
        stranger.start()
        known.start()
        wait_until(lambda: known.connected and "refuses us" in caplog.text, "one connection and one refusal")
        assert not stranger.connected
        stranger.close()
        known.close()


def listening_addresses(pid):
    """Where a process listens, as the kernel writes it: 0100007F is 127.0.0.1."""
    sockets = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [
        row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()
    ]
    return [row[1].partition(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]


def test_it_listens_on_loopback_alone(tmp_path):
    with EmbeddedBroker(tmp_path, USERS) as embedded:
        assert set(listening_addresses(embedded.pid)) == {"0100007F"}


def test_a_port_in_use_is_said_with_what_to_do(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerWontStart, match=f"Port {port} on 127.0.0.1 is in use.*0 for a free one"):
            EmbeddedBroker(tmp_path, USERS, port).start()


def test_a_folder_that_cannot_be_written_is_said_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerWontStart, match="cannot be started in"):
        EmbeddedBroker(tmp_path / "file" / "b", USERS).start()


def test_a_missing_program_is_said_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(broker, "PACKAGE", "no-such-package")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerWontStart, match="pip install"):
        EmbeddedBroker(tmp_path, USERS).start()


def test_a_broken_store_ends_in_an_error_that_names_the_log(tmp_path):
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(BrokerWontStart, match=r"broker\.log"):
        EmbeddedBroker(tmp_path, USERS).start()


def test_two_brokers_never_share_a_folder_even_when_the_first_ones_starter_was_killed(tmp_path):
    code = (
        "import sys, pathlib; from deskproctor.broker import EmbeddedBroker;"
        "b = EmbeddedBroker(pathlib.Path(sys.argv[1]), {}); b.start(); print(b.pid, flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    orphan = int(starter.stdout.readline())
    starter.kill()
    starter.wait()
    try:
        with pytest.raises(BrokerWontStart, match="Another broker works in"):
            EmbeddedBroker(tmp_path, USERS).start()
    finally:
        os.kill(orphan, signal.SIGKILL)
    second = EmbeddedBroker(tmp_path, USERS)
    wait_until(lambda: _starts(second), "a broker of our own once the orphan was gone")
    second.stop()


def _starts(embedded):
    try:
        embedded.start()
    except BrokerWontStart:
        return False
    return True


def test_it_comes_back_on_the_same_port_and_stops_for_good(tmp_path):
    embedded = EmbeddedBroker(tmp_path, USERS)
    embedded.start()
    port = embedded.port
    embedded.stop()
    embedded.start()
    assert embedded.port == port
    embedded.stop()
    assert embedded.pid is None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
