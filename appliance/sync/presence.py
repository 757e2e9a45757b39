"""Whether the desk is there, for everybody who watches. Retained; the broker says "offline" for us when we vanish."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from appliance.runtime.clock import Clock
from durable.files import keep
from messaging.ports import Will
from proctoring.wire import Presence, View, desk_topic

log = logging.getLogger(__name__)

AGAIN_MS: Final = 2_000
"""So long after connecting it is said once more: the will of our own old connection may have come in between."""


class DeskPresence:
    """What to say of the desk, and when."""

    def __init__(self, desk: str, run: int, clock: Clock) -> None:
        self.topic = desk_topic(desk, "presence")
        self._desk = desk
        self._run = run
        self._clock = clock
        self._said: Presence | None = None
        self._again_at_ms: int | None = None
        self._view: View | None = None

    @property
    def will(self) -> Will:
        """For the broker to keep."""
        return Will(self.topic, self.offline())

    def show(self, view: View) -> None:
        """Takes the newest View."""
        self._view = view

    def connected(self) -> None:
        """A connection stands: whatever was said before may have been overtaken by a will."""
        self._said = None
        self._again_at_ms = self._clock.mono_ms() + AGAIN_MS

    def due(self) -> Presence | None:
        """What is to be said now, None where nothing has changed."""
        now = self._now()
        if self._again_at_ms is not None and self._clock.mono_ms() >= self._again_at_ms:
            self._again_at_ms = self._said = None
        if self._said and self._same(now, self._said):
            return None
        return now

    def said(self, presence: Presence) -> None:
        """The bus took it."""
        self._said = presence

    def offline(self) -> Presence:
        """The last word before taking leave, and the will."""
        return Presence(desk=self._desk, run=self._run, online=False, at_utc_ms=self._clock.utc_ms())

    def _now(self) -> Presence:
        view = self._view
        return Presence(
            desk=self._desk,
            run=self._run,
            online=True,
            at_utc_ms=self._clock.utc_ms(),
            state=view.state if view else None,
            session=view.session if view else None,
            candidate=view.candidate if view else None,
            disk=view.disk if view else None,
        )

    @staticmethod
    def _same(one: Presence, other: Presence) -> bool:
        return msgspec.structs.replace(one, at_utc_ms=other.at_utc_ms) == other


def next_run(path: Path, clock: Clock) -> int:
    """The number of this run, larger than any before: by the file's count, by the clock should the file be lost.

    A disk that does not take the number keeps nobody from saying so.
    """
    try:
        last = int(path.read_text())
    except (OSError, ValueError):
        last = 0
    run = max(last + 1, clock.utc_ms() // 1000)
    try:
        keep(path, str(run).encode())
    except OSError as error:
        log.warning("the number of this run could not be noted in %s: %s", path, error.strerror)
    return run
