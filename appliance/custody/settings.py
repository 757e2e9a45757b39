"""Custody's settings."""

from __future__ import annotations

import msgspec

from proctoring.fact import Part


class CustodySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table [custody]."""

    expected: tuple[Part, ...] = (Part.CAPTURE, Part.EDGE_AI, Part.KIOSK_UI, Part.SYNC, Part.PANEL)
    """Parts whose silence during an exam is recorded."""
    recorders: tuple[Part, ...] = (Part.CAPTURE, Part.EDGE_AI)
    """Parts that hand over what they hold before a session is sealed."""
