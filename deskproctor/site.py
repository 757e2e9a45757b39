"""A whole testing centre on one machine: broker, review server, console and one desk, each a process of its own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import tomli_w

from appliance.custody.space import FILE as RESERVED
from appliance.runtime.settings import Desk
from deskproctor.broker import EmbeddedBroker
from deskproctor.enrolment import enrol
from deskproctor.free_port import HOST, free_port
from deskproctor.memory_folder import forget, name_memory_folder
from deskproctor.supervisor import Program, Supervisor
from messaging.rights import CONSOLE_RIGHTS, SERVER_RIGHTS, desk_rights
from proctoring.errors import DeskproctorError
from proctoring.fact import Part
from signing.certificate import Role
from web.serve import listen

DESK: Final = "desk-1"
PARTS: Final = (Part.CUSTODY, Part.CAPTURE, Part.EDGE_AI, Part.KIOSK_UI, Part.SYNC, Part.PANEL)
NICENESS: Final = {Part.CUSTODY: -5, Part.CAPTURE: -5, Part.CAPTURE_SECOND: -5, Part.KIOSK_UI: -5, Part.EDGE_AI: 3}
"""Recording and exam before all else, the detectors with half the weight of an ordinary process: as in the units."""
STANDBY: Final = "capture-standby"
"""The second of the two capture processes: whichever is there first films, and the other waits for its end."""
SECOND_STANDBY: Final = "capture_second-standby"
"""The same for the second camera, where there is one."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where the three faces are served; 0 takes a free port."""

    kiosk: int = 0
    server: int = 0
    console: int = 0


class NoRoom(DeskproctorError, OSError):
    """The folder cannot hold what the demo writes."""


class Site:
    """`with Site(folder, camera, ports, say) as site:` everything runs; at the end everything is stopped.

    `tables` are more settings of the desk's processes, by the name of their table; `second_camera` is that of a
    second camera, which is then recorded too.
    """

    def __init__(
        self,
        folder: Path,
        camera: dict[str, Any],
        ports: Ports,
        on_event: Callable[[str], None],
        tables: Mapping[str, dict[str, Any]] | None = None,
        incoming_on_disk: bool = False,
        second_camera: dict[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self._tables = tables or {}
        self.desk = Desk(
            desk=DESK,
            run_dir=folder / "run",
            data_dir=folder / DESK,
            incoming_dir=name_memory_folder(incoming_on_disk),
            incoming_on_disk=incoming_on_disk,
        )
        self.server_data = folder / "review-server"
        self.authority = folder / "authority"
        self.supervisor = Supervisor(on_event)
        self._camera = camera
        self._second_camera = second_camera
        self._ports = Ports(**{name: served_at(port) for name, port in msgspec.structs.asdict(ports).items()})
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
        self._stack.callback(forget, self.desk.incoming())
        self._stack.callback(self._give_room_back)
        self._enrol()
        self._stack.enter_context(self.broker)
        self._stack.enter_context(self.supervisor)
        if self.broker.pid:
            self.supervisor.hold(self.broker.pid)
        server = self._write("review-server", self._server_settings())
        self.supervisor.start(self._program("review-server", "review_server", server, ready_line=True))
        console = self._write("console", self._console_settings())
        self.supervisor.start(self._program("console", "invigilation", console, ready_line=True))
        self.start_desk()

    def start_desk(self) -> None:
        """Starts the desk's processes alone, as switching it on does."""
        desk = self._write(DESK, self._desk_settings())
        for part in PARTS:
            self.supervisor.start(self._program(part, f"appliance.{part}", desk, part is Part.KIOSK_UI, note=part))
        self.supervisor.start(self._program(STANDBY, "appliance.capture", desk, note=Part.CAPTURE))
        for name in self._second_programs:
            self.supervisor.start(self._second_program(name, desk))

    @property
    def desk_programs(self) -> tuple[str, ...]:
        """The names of the desk's processes: what is gone where its power is cut."""
        return (*PARTS, STANDBY, *self._second_programs)

    @property
    def _second_programs(self) -> tuple[str, ...]:
        return () if self._second_camera is None else (Part.CAPTURE_SECOND, SECOND_STANDBY)

    def _second_program(self, name: str, desk: Path) -> Program:
        program = self._program(name, "appliance.capture", desk, note=Part.CAPTURE_SECOND)
        return msgspec.structs.replace(program, more=("--camera", "second"))

    def _give_room_back(self) -> None:
        """What custody reserves for a session under way it reserves again at the next start."""
        with suppress(OSError):
            (self.desk.data_dir / RESERVED).unlink(missing_ok=True)

    def _make_folders(self) -> None:
        try:
            for path in (self.folder / "logs", self.desk.run_dir, self.desk.data_dir, self.server_data):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise NoRoom(f"Cannot write in {self.folder}: {error.strerror}. Choose another --folder.") from error

    def _enrol(self) -> None:
        """The desk and the server get their keys, and certificates from the centre's authority."""
        enrol(self.authority, self.desk.data_dir, DESK)
        enrol(self.authority, self.server_data, "review-server", Role.REVIEW_SERVER)

    def _program(
        self, name: str, module: str, settings: Path, ready_line: bool = False, note: Part | None = None
    ) -> Program:
        return Program(
            name=name,
            module=module,
            settings=settings,
            log=self.folder / "logs" / f"{name}.log",
            note=self.desk.run_dir / f"{note}.exit" if note else None,
            niceness=NICENESS.get(note, 0) if note else 0,
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
            "desk_ca": str(self.authority / "ca.crt"),
        }

    def _console_settings(self) -> dict[str, Any]:
        return {
            "host": HOST,
            "port": self._ports.console,
            "staff_key": self._keys["console"],
            "broker": self._broker_table("console"),
        }

    def _desk_settings(self) -> dict[str, Any]:
        own = self._own_settings()
        if self._second_camera is not None:
            own["second_camera"] = self._second_camera
        return own | {name: own.get(name, {}) | table for name, table in self._tables.items()}

    def _own_settings(self) -> dict[str, Any]:
        return {
            "desk": DESK,
            "run_dir": str(self.desk.run_dir),
            "data_dir": str(self.desk.data_dir),
            "incoming_dir": str(self.desk.incoming()),
            "incoming_on_disk": self.desk.incoming_on_disk,
            "capture": self._camera,
            "kiosk_ui": {"host": HOST, "port": self._ports.kiosk},
            "sync": {"server_url": self.server_url, "token": self._token, "broker": self._broker_table(DESK)},
            "panel": {"pin_factory": "auto"},
        }


def served_at(port: int) -> int:
    """`port`, or a free one for 0. Raises PortTaken where it is in use."""
    number = port or free_port()
    listen(HOST, number).close()
    return number
