"""A whole testing centre on one machine: broker, review server, console and one desk, each a process of its own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import tomli_w

from appliance.runtime.settings import Desk
from deskproctor.broker import EmbeddedBroker
from deskproctor.supervisor import Program, Supervisor
from messaging.rights import CONSOLE_RIGHTS, SERVER_RIGHTS, desk_rights
from proctoring.errors import DeskproctorError
from proctoring.fact import Part
from web.serve import listen

HOST: Final = "127.0.0.1"
DESK: Final = "desk-1"
PARTS: Final = (Part.CUSTODY, Part.CAPTURE, Part.EDGE_AI, Part.KIOSK_UI, Part.SYNC, Part.PANEL)


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where the three faces are served; 0 takes a free port."""

    kiosk: int = 0
    server: int = 0
    console: int = 0


class NoRoom(DeskproctorError, OSError):
    """The folder cannot hold what the demo writes."""


class Site:
    """`with Site(folder, camera, ports, say) as site:` everything runs; at the end everything is stopped."""

    def __init__(self, folder: Path, camera: dict[str, Any], ports: Ports, on_event: Callable[[str], None]) -> None:
        self.folder = folder
        self.desk = Desk(desk=DESK, run_dir=folder / "run", data_dir=folder / DESK)
        self.server_data = folder / "review-server"
        self.supervisor = Supervisor(on_event)
        self._camera = camera
        self._ports = Ports(**{name: free_port(port) for name, port in msgspec.structs.asdict(ports).items()})
        self._token = secrets.token_urlsafe(24)
        self._keys = {name: secrets.token_urlsafe(24) for name in ("server", "console")}
        self._stack = ExitStack()
        rights = {"review-server": SERVER_RIGHTS, "console": CONSOLE_RIGHTS, DESK: desk_rights(DESK)}
        self.broker = EmbeddedBroker(folder / "broker", rights)

    # --- addresses ---

    @property
    def kiosk_url(self) -> str:
        """The candidate's screen."""
        return f"http://{HOST}:{self._ports.kiosk}/"

    @property
    def server_url(self) -> str:
        """The review server, for programs."""
        return f"http://{HOST}:{self._ports.server}"

    @property
    def console_url(self) -> str:
        """The console, for programs."""
        return f"http://{HOST}:{self._ports.console}"

    def sign_in_url(self, face: str) -> str:
        """The link that signs a person's browser in at "server" or "console"."""
        base = {"server": self.server_url, "console": self.console_url}[face]
        return f"{base}/sign-in?key={self._keys[face]}"

    # --- life ---

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        self._make_folders()
        self._stack.enter_context(self.broker)
        self._stack.enter_context(self.supervisor)
        server = self._write("review-server", self._server_settings())
        self.supervisor.start(self._program("review-server", "review_server", server, ready_line=True))
        console = self._write("console", self._console_settings())
        self.supervisor.start(self._program("console", "invigilation", console, ready_line=True))
        desk = self._write(DESK, self._desk_settings())
        for part in PARTS:
            ready_line = part is Part.KIOSK_UI
            self.supervisor.start(self._program(part, f"appliance.{part}", desk, ready_line, note=True))

    def _make_folders(self) -> None:
        try:
            for path in (self.folder / "logs", self.desk.run_dir, self.desk.data_dir, self.server_data):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise NoRoom(f"Cannot write in {self.folder}: {error.strerror}. Choose another --folder.") from error

    def _program(
        self, name: str, module: str, settings: Path, ready_line: bool = False, note: bool = False
    ) -> Program:
        return Program(
            name=name,
            module=module,
            settings=settings,
            log=self.folder / "logs" / f"{name}.log",
            note=self.desk.run_dir / f"{name}.exit" if note else None,
            ready_line=ready_line,
        )

    # --- settings ---

    def _write(self, name: str, settings: dict[str, Any]) -> Path:
        """Writes a settings file that only its owner may read: it holds keys."""
        path = self.folder / f"{name}.toml"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            tomli_w.dump(settings, file)
        return path

    def _broker_table(self, user: str) -> dict[str, Any]:
        table = msgspec.to_builtins(self.broker.settings_for(user))
        return {key: value for key, value in table.items() if value is not None}

    def _server_settings(self) -> dict[str, Any]:
        return {
            "host": HOST,
            "port": self._ports.server,
            "staff_key": self._keys["server"],
            "data_dir": str(self.server_data),
            "broker": self._broker_table("review-server"),
            "desks": {DESK: self._token},
        }

    def _console_settings(self) -> dict[str, Any]:
        return {
            "host": HOST,
            "port": self._ports.console,
            "staff_key": self._keys["console"],
            "broker": self._broker_table("console"),
        }

    def _desk_settings(self) -> dict[str, Any]:
        return {
            "desk": DESK,
            "run_dir": str(self.desk.run_dir),
            "data_dir": str(self.desk.data_dir),
            "capture": self._camera,
            "kiosk_ui": {"host": HOST, "port": self._ports.kiosk},
            "sync": {"server_url": self.server_url, "token": self._token, "broker": self._broker_table(DESK)},
            "panel": {"pin_factory": "auto"},
        }


def free_port(port: int) -> int:
    """`port`, or a free one for 0. Raises PortTaken where it is in use."""
    with listen(HOST, port) as listener:
        number: int = listener.getsockname()[1]
    return number
