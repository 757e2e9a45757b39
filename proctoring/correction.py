"""The server's time of a ledger's entries, whatever the desk's wall clock said.

A ClockMeasured says how far the server's clock was from the desk's wall clock at that entry, which has the monotonic
time too. So it ties the server's time to the monotonic clock of that boot, and by it dates every entry of the boot:
those before it, and those after the wall clock was set.
"""

from __future__ import annotations

from collections.abc import Iterable

from proctoring.fact import ClockMeasured
from proctoring.ledger import Entry


class Correction:
    """What the measurements in a ledger say."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._anchors: dict[str, list[tuple[int, int]]] = {}
        for entry in entries:
            if isinstance(entry.fact, ClockMeasured):
                server_ms = entry.at_utc_ms + entry.fact.offset_ms
                self._anchors.setdefault(entry.boot, []).append((entry.mono_ms, server_ms - entry.mono_ms))

    def utc_ms(self, entry: Entry) -> int | None:
        """When the server's clock says the entry was written; None where its boot has no measurement."""
        anchors = self._anchors.get(entry.boot)
        if not anchors:
            return None
        _, apart_ms = min(anchors, key=lambda anchor: abs(anchor[0] - entry.mono_ms))
        return entry.mono_ms + apart_ms
