import msgspec
import pytest

from messaging.mqtt import WAITING_LIMIT, BadBrokerFiles, MqttBus
from messaging.ports import BusFull
from messaging.settings import BrokerSettings
from proctoring.wire import HOST_TOPIC, HostState


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"hots": "127.0.0.1"}, "hots"),
        ({"port": 0}, "port"),
        ({"host": "broker.example.org"}, "needs TLS"),
        ({"ca": "ca.pem", "cert": "c.pem"}, "both cert and key"),
        ({"cert": "c.pem", "key": "k.pem"}, "need ca"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_reason(table, says):
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.convert(table, BrokerSettings)


def test_the_password_never_shows_in_a_log():
    assert "hunter2-long" not in repr(BrokerSettings(username="desk-1", password="hunter2-long"))


def test_certificate_files_that_are_missing_are_named_in_the_error(tmp_path):
    with pytest.raises(BadBrokerFiles, match="Check ca, cert and key"):
        MqttBus(BrokerSettings(host="broker.example.org", ca=str(tmp_path / "none.pem")), "desk-1")


def test_publishing_to_a_broker_that_is_away_neither_waits_nor_grows_without_limit():
    bus = MqttBus(BrokerSettings(port=1), "desk-1")
    message = HostState(run=1, online=True, at_utc_ms=0)
    for _ in range(WAITING_LIMIT):
        bus.publish(HOST_TOPIC, message)
    with pytest.raises(BusFull):
        bus.publish(HOST_TOPIC, message)
    bus.close()
