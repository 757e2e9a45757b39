"""Custody's settings."""

from __future__ import annotations

from pathlib import Path

import msgspec

from appliance.runtime.settings import Desk
from proctoring.fact import Part
from signing.certificate import Role
from signing.identity import FOLDER, Identity, load


class CustodySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table [custody]."""

    expected: tuple[Part, ...] = (Part.CAPTURE, Part.EDGE_AI, Part.KIOSK_UI, Part.SYNC, Part.PANEL)
    """Parts whose silence during an exam is recorded."""
    key: Path | None = None
    """The desk's private key (PEM), for custody's eyes alone. Unset: identity/desk.key in the data folder."""
    certificate: Path | None = None
    """The certificate that the centre's authority issued for it. Unset: identity/desk.crt in the data folder."""
    recorders: tuple[Part, ...] = (Part.CAPTURE, Part.EDGE_AI)
    """Parts that hand over what they hold before a session is sealed."""

    def identity(self, desk: Desk) -> Identity:
        """The desk's key and certificate. Raises NoIdentity: a desk that cannot sign begins no session."""
        folder = desk.data_dir / FOLDER
        key, certificate = self.key or folder / "desk.key", self.certificate or folder / "desk.crt"
        return load(key, certificate, desk.desk, Role.DESK)
