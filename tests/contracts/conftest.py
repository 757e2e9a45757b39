"""The same behaviour asked of every broker: the simulated one, the embedded one and Mosquitto."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from deskproctor.broker import EmbeddedBroker
from deskproctor.free_port import free_port
from messaging.mqtt import MqttBus
from messaging.ports import Bus, ReportGarbled, Will
from messaging.rights import CONSOLE_RIGHTS, SERVER_RIGHTS, Rights, desk_rights
from messaging.settings import BrokerSettings
from messaging.simulated import SimulatedBroker, SimulatedBus
from proctoring import wire

USERS: dict[str, Rights] = {
    "desk-1": desk_rights("desk-1"),
    "desk-2": desk_rights("desk-2"),
    "server": SERVER_RIGHTS,
    "console": CONSOLE_RIGHTS,
}

VANISHING_CLIENT = """
import sys, threading
import msgspec
from messaging.mqtt import MqttBus
from messaging.ports import Will
from messaging.settings import BrokerSettings
from proctoring import wire
settings, client_id, topic, payload = sys.stdin.read().split("\\n")
will = Will(topic, wire.decode(payload.encode(), wire.Remote))
bus = MqttBus(msgspec.json.decode(settings, type=BrokerSettings), client_id, will)
bus.on_connected(lambda: print("connected", flush=True))
bus.start()
threading.Event().wait()
"""


def wait_until(condition: Callable[[], object], what: str = "it", seconds: float = 30.0) -> None:
    """Polls until `condition` holds; fails with `what` where it never does."""
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, f"{what} did not happen within {seconds} s"
        time.sleep(0.01)


class Site(Protocol):
    """A broker under test."""

    writes_before_it_acknowledges: bool
    """Whether what it acknowledged outlives its crash."""

    def bus(
        self, user: str, client_id: str = "", will: Will | None = None, report: ReportGarbled | None = None
    ) -> Bus:
        """A client of that user, not started yet."""

    def inject(self, user: str, topic: str, payload: bytes) -> None:
        """Publishes any bytes as that user."""

    def vanish(self, user: str, will: Will) -> None:
        """A client with that will connects and dies without a word."""

    def crash(self) -> None:
        """The broker is killed."""

    def start(self) -> None:
        """The broker is started again, with what it had on disk."""


class SimulatedSite:
    writes_before_it_acknowledges = True

    def __init__(self) -> None:
        self._broker = SimulatedBroker()

    def bus(
        self, user: str, client_id: str = "", will: Will | None = None, report: ReportGarbled | None = None
    ) -> SimulatedBus:
        return self._broker.bus(client_id or user, will, report, USERS[user])

    def inject(self, user: str, topic: str, payload: bytes) -> None:
        self._broker.accept(topic, payload)

    def vanish(self, user: str, will: Will) -> None:
        bus = self.bus(user, will=will)
        bus.start()
        bus.vanish()

    def crash(self) -> None:
        self._broker.stop()

    def start(self) -> None:
        self._broker.restart()


class RealSite(ABC):
    """What both real brokers need."""

    def __init__(self) -> None:
        self._buses: list[MqttBus] = []

    @abstractmethod
    def settings_for(self, user: str) -> BrokerSettings:
        """How that user reaches the broker."""

    def bus(
        self, user: str, client_id: str = "", will: Will | None = None, report: ReportGarbled | None = None
    ) -> Bus:
        bus = MqttBus(self.settings_for(user), client_id or user, will, report)
        self._buses.append(bus)
        return bus

    def inject(self, user: str, topic: str, payload: bytes) -> None:
        bus = MqttBus(self.settings_for(user), f"injector-{user}")
        bus.start()
        wait_until(lambda: bus.connected, "the injector's connection")
        bus._client.publish(topic, payload, 1).wait_for_publish(10)
        bus.close()

    def vanish(self, user: str, will: Will) -> None:
        settings = self.settings_for(user)
        table = {"host": settings.host, "port": settings.port, "username": user, "password": settings.password}
        lines = [msgspec.json.encode(table).decode(), user, will.topic, wire.encode(will.message).decode()]
        process = subprocess.Popen(
            [sys.executable, "-c", VANISHING_CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin and process.stdout
        process.stdin.write("\n".join(lines))
        process.stdin.close()
        try:
            assert process.stdout.readline() == "connected\n"
        finally:
            process.kill()
            process.wait()

    def close(self) -> None:
        for bus in self._buses:
            bus.close()


class EmbeddedSite(RealSite):
    writes_before_it_acknowledges = True

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._broker = EmbeddedBroker(folder / "broker", USERS)
        self.start = self._broker.start
        self.start()

    def settings_for(self, user: str) -> BrokerSettings:
        return self._broker.settings_for(user)

    def crash(self) -> None:
        assert self._broker.pid
        os.kill(self._broker.pid, signal.SIGKILL)
        self._broker.stop()

    def close(self) -> None:
        super().close()
        self._broker.stop()


class MosquittoSite(RealSite):
    writes_before_it_acknowledges = False  # it saves after the change, in its own time

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._passwords = {user: secrets.token_urlsafe(16) for user in USERS}
        self._port = free_port()
        _write_mosquitto_files(folder, self._port, self._passwords)
        self.start()

    def settings_for(self, user: str) -> BrokerSettings:
        return BrokerSettings(port=self._port, username=user, password=self._passwords[user])

    def start(self) -> None:
        self._log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [mosquitto() or "", "-c", str(self._folder / "mosquitto.conf")], stdout=self._log, stderr=self._log
        )
        wait_until(lambda: _answers(self._port), "Mosquitto's start")

    def crash(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def close(self) -> None:
        super().close()
        self.crash()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def mosquitto() -> str | None:
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _write_mosquitto_files(folder: Path, port: int, passwords: dict[str, str]) -> None:
    passwd = folder / "passwords"
    passwd.write_text("".join(f"{user}:{password}\n" for user, password in passwords.items()))
    subprocess.run(["mosquitto_passwd", "-U", str(passwd)], check=True)
    acl = []
    for user, rights in USERS.items():
        acl += [f"user {user}", *(f"topic write {topic}" for topic in rights.publish)]
        acl += [f"topic read {topic}" for topic in rights.subscribe]
    (folder / "acl").write_text("\n".join(acl) + "\n")
    (folder / "mosquitto.conf").write_text(
        f"""listener {port} 127.0.0.1
user {getpass.getuser()}
allow_anonymous false
password_file {passwd}
acl_file {folder / "acl"}
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
"""
    )


@pytest.fixture(params=["simulated", "embedded", "mosquitto"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Each broker in turn."""
    if request.param == "simulated":
        yield SimulatedSite()
        return
    if request.param == "mosquitto" and not (mosquitto() and shutil.which("mosquitto_passwd")):
        pytest.skip("Mosquitto is not installed: apt-get install mosquitto")
    real = EmbeddedSite(tmp_path) if request.param == "embedded" else MosquittoSite(tmp_path)
    yield real
    real.close()
