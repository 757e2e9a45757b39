"""Ports that are free now and stay so until they are served."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
GIVEN_OUT: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_LOWEST: Final = 32768
LOWEST: Final = 10_000
TRIES: Final = 50


def free_port() -> int:
    """A port of this machine that nobody listens on.

    It lies below those that the system gives to each connection that goes out: one of those may be free now and taken
    a moment later, before whoever was to serve there has started.
    """
    end = lowest_given_out()
    for _ in range(TRIES if end > LOWEST else 0):
        port = LOWEST + secrets.randbelow(end - LOWEST)
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether somebody could listen there now."""
    with socket.socket() as probe, suppress(OSError):
        probe.bind((HOST, port))
        return True
    return False


def lowest_given_out(told: Path = GIVEN_OUT) -> int:
    """Where the ports begin that the system gives to connections."""
    try:
        return int(told.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_LOWEST
