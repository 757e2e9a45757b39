"""Mutual TLS against a real Mosquitto: who a desk is, its certificate says."""

import shutil
import socket
import subprocess
import time

import pytest
import trustme

from deskproctor.free_port import free_port
from messaging.mqtt import MqttBus
from messaging.settings import BrokerSettings
from proctoring.wire import OrderOutcome, desk_topic


def wait_until(condition, what, seconds=30):
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, f"{what}: not within {seconds} s"
        time.sleep(0.01)


@pytest.fixture
def certificates(tmp_path):
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, names in {"broker": ["localhost", "127.0.0.1"], "desk-1": [], "desk-2": []}.items():
        made = (
            ca.issue_cert(*names, common_name=name) if names else ca.issue_cert(f"{name}.example", common_name=name)
        )
        made.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        made.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
    return tmp_path


@pytest.fixture
def port(certificates):
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if not mosquitto:
        pytest.skip("Mosquitto is not installed: apt-get install mosquitto")
    port = free_port()
    (certificates / "acl").write_text("pattern write desk/%u/outcomes\npattern read desk/%u/outcomes\n")
    (certificates / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nuser root\ncafile {certificates}/ca.pem\ncertfile {certificates}/broker.pem\n"
        f"keyfile {certificates}/broker.key\nrequire_certificate true\nuse_identity_as_username true\n"
        f"acl_file {certificates}/acl\n"
    )
    process = subprocess.Popen(
        [mosquitto, "-c", str(certificates / "mosquitto.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with socket.socket() as probe:
        wait_until(lambda: process.poll() is None and probe.connect_ex(("127.0.0.1", port)) == 0, "Mosquitto's start")
    yield port
    process.terminate()
    process.wait()


def settings(folder, port, name):
    return BrokerSettings(
        host="localhost",
        port=port,
        ca=str(folder / "ca.pem"),
        cert=str(folder / f"{name}.pem"),
        key=str(folder / f"{name}.key"),
    )


def test_a_certificates_name_is_the_only_desk_that_its_holder_speaks_for(certificates, port):
    heard = []
    desk = MqttBus(settings(certificates, port, "desk-1"), "desk-1")
    desk.subscribe(desk_topic("desk-1", "outcomes"), lambda topic, message: heard.append(message.order))
    forger = MqttBus(settings(certificates, port, "desk-2"), "desk-2")
    for bus in (desk, forger):
        bus.start()
    wait_until(lambda: desk.connected and forger.connected, "the connections")
    forger.publish(desk_topic("desk-1", "outcomes"), OrderOutcome(desk="desk-1", order="forged", result="succeeded"))
    forger.close()
    until_s = time.monotonic() + 30
    while not heard and time.monotonic() < until_s:
        desk.publish(desk_topic("desk-1", "outcomes"), OrderOutcome(desk="desk-1", order="own", result="succeeded"))
        time.sleep(0.05)
    desk.close()
    assert set(heard) == {"own"}


def test_without_a_certificate_there_is_no_connection(certificates, port):
    stranger = MqttBus(BrokerSettings(host="localhost", port=port, ca=str(certificates / "ca.pem")), "stranger")
    known = MqttBus(settings(certificates, port, "desk-1"), "desk-1")
    stranger.start()
    known.start()
    wait_until(lambda: known.connected, "the known desk's connection")
    assert not stranger.connected
    stranger.close()
    known.close()
