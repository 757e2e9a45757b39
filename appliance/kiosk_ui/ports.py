"""What the kiosk needs beside custody (its port is in appliance.runtime.custody_link)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from appliance.runtime.custody_link import Custody

Reach = Callable[[], Custody]
"""Gives the calling thread its own way to custody."""


class Camera(Protocol):
    """The candidate's own picture."""

    def picture(self) -> bytes | None:
        """The newest picture as JPEG, None where the camera gives none at the moment. Any thread may ask."""
