"""What sync needs beside custody (`appliance.runtime`) and a bus (`messaging`)."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from proctoring.wire import PendingSegment


class Put(StrEnum):
    """What became of a segment's bytes. The value says it in a log line."""

    STORED = "stored"
    AWAY = "the server cannot be reached or has a fault of its own"
    HASH_DIFFERS = "the server got other bytes than the name says (400): the file or the line may be damaged"
    UNKNOWN_DESK = "the server does not know this desk (401): check token in [sync] and the server's list of desks"
    TOO_LARGE = "the segment is larger than the server takes (413): raise the server's limit"
    SERVER_FULL = "the server's disk is full (507): make room there"
    REFUSED = "the server refuses it: check server_url in [sync]"
    NO_FILE = "the segment's file cannot be read on this desk: check the disk"


class ServerTimes(Protocol):
    """Who tells the server's time."""

    def times(self) -> tuple[int, int] | None:
        """When the question came there and when the answer left, in ms since 1970; None without an answer."""


class SegmentStore(Protocol):
    """Where the bytes of segments go."""

    def put(self, segment: PendingSegment) -> Put:
        """Sends one segment. The same one again has effect once. It is safe only when a receipt names it."""
