"""Debian's own Firefox, driven as it is: WebDriver commands over its Marionette socket, each `LENGTH:JSON`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

PREFERENCES = {
    "marionette.port": 0,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "extensions.update.enabled": False,
    "browser.search.update": False,
}


class Firefox:
    """A browser with a fresh profile in `folder`."""

    def __init__(self, program: str, folder: Path, patience_s: float = 60) -> None:
        self._patience_s = patience_s
        settings = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
        (folder / "user.js").write_text("".join(settings))
        command = [program, "--headless", "--no-remote", "--marionette", "--profile", str(folder)]
        self._log = (folder / "firefox.log").open("wb")
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env={**os.environ, "HOME": str(folder)}
        )
        try:
            self._socket = socket.create_connection(("127.0.0.1", self._port(folder)), timeout=patience_s)
            self._file = self._socket.makefile("rb")
            self._receive()
            self._number = 0
            self.call("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": True}}})
        except BaseException:
            self.close()
            raise

    def call(self, command: str, about: dict[str, Any] | None = None) -> Any:
        """Sends a command, gives what it answers."""
        self._number += 1
        text = json.dumps([0, self._number, command, about or {}]).encode()
        self._socket.sendall(b"%d:%s" % (len(text), text))
        _, number, error, result = self._receive()
        assert number == self._number
        assert error is None, f"{command}: {error}"
        return result.get("value", result) if isinstance(result, dict) else result

    def go(self, address: str) -> None:
        """Opens a page."""
        self.call("WebDriver:Navigate", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script's `return` gives; it runs beside the page, whose policy does not bind it."""
        return self.call("WebDriver:ExecuteScript", {"script": script, "args": list(arguments)})

    def close(self) -> None:
        """Ends the browser."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            byte = self._file.read(1)
            assert byte, "Firefox hung up"
            length += byte
        return json.loads(self._file.read(int(length[:-1])))

    def _port(self, folder: Path) -> int:
        """The one that it took, from the file that it writes once it listens."""
        path, deadline = folder / "MarionetteActivePort", time.monotonic() + self._patience_s
        while not (path.exists() and path.read_text().strip()):
            assert self._process.poll() is None, (folder / "firefox.log").read_text()
            assert time.monotonic() < deadline, "Firefox never listened"
            time.sleep(0.1)
        return int(path.read_text())
