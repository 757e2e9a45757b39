"""Serving a face with waitress."""

from __future__ import annotations

import errno
import socket

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

from proctoring.errors import DeskproctorError

THREADS = 24
"""Each open event stream holds a thread: a wall of consoles and the pages beside it fit."""
WAITING_BYTES = 4 << 20
"""So much of an answer may wait for a slow reader; then its thread waits, too."""
IN_MEMORY_BYTES = 1 << 40
"""Never more than WAITING_BYTES and a piece: an answer may be opened video, and no file may hold that."""


class PortTaken(DeskproctorError, OSError):
    """The address that a face should be served at cannot be had."""


class Face:
    """A face being served at `host` and `port`; port 0 takes a free one."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        self._listener = listen(host, port)
        self.port: int = self._listener.getsockname()[1]
        self._server = create_server(
            app,
            sockets=[self._listener],
            threads=THREADS,
            ident=None,
            channel_timeout=3600,
            outbuf_high_watermark=WAITING_BYTES,
            outbuf_overflow=IN_MEMORY_BYTES,
            clear_untrusted_proxy_headers=True,
        )

    def run(self) -> None:
        """Serves until closed."""
        self._server.run()

    def close(self) -> None:
        """Stops serving, from any thread; `run` returns. Pages under way get a second to finish."""
        self._server.task_dispatcher.shutdown(timeout=1)
        # Only the loop may close what it waits on: closed under its feet, its next look is an error.
        self._server.trigger.pull_trigger(self._drop_all)

    def _drop_all(self) -> None:
        wasyncore.close_all(self._server._map)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PortTaken with what to do."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        why = (
            "is in use by another program" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        )
        raise PortTaken(f"Port {port} on {host} {why}. Choose another port, or 0 for a free one.") from error
    listener.listen(128)
    return listener
