"""The review server's settings: one TOML file that nobody else may read, because it holds keys.

host = "127.0.0.1"
port = 8400                       # 0 takes a free one
staff_key = "…"                   # at least 16 characters; part of the link that staff open
data_dir = "/var/lib/review-server"
desk_ca = "/etc/review-server/ca.crt"
[broker]
host = "127.0.0.1"
username = "review-server"
password = "…"
[desks]
desk-1 = "…"                      # what this desk shows when it brings recordings
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from proctoring.wire import DESK_NAME
from review_server.sealing import BadRecipient, check_recipient
from signing.certificate import BadCertificate, Certificate
from web import settings as face
from web.settings import BadSettings, FaceSettings

Secret = Annotated[str, Meta(min_length=16, max_length=200)]
Seconds = Annotated[float, Meta(ge=0)]
Bytes = Annotated[int, Meta(ge=0)]


class Settings(FaceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    staff_name: Annotated[str, Meta(min_length=1, max_length=80)] = "reviewer"
    data_dir: Path
    desks: dict[str, Secret] = msgspec.field(default_factory=dict)
    """Desk to the token that it brings recordings with."""
    desk_ca: Path | None = None
    """The certificate (PEM) of the centre's authority. With it, only ledgers that a desk of the centre signs are
    taken; without it, signatures are checked against what each ledger itself says."""
    patience_s: Seconds = 600
    """How long after the last news of a sealed session missing recordings are waited for."""
    silence_s: Seconds = 86_400
    """The same for a session that its desk never sealed."""
    order_life_s: Seconds = 600
    max_segment_bytes: Bytes = 32 << 20
    keep_free_bytes: Bytes = 64 << 20
    """Disk space that recordings never take: the database needs it."""
    recordings_bytes: Bytes = 128 << 20
    """Memory for segments that were opened for playing; they are opened again whenever they are needed."""
    recovery_recipients: tuple[str, ...] = ()
    """age public keys that recordings are sealed to besides this server's own, the secret halves kept offline."""

    def authority(self) -> Certificate | None:
        """The centre's authority. Raises BadSettings where the file that `desk_ca` names holds none."""
        if self.desk_ca is None:
            return None
        try:
            found = Certificate.read(self.desk_ca.read_bytes())
        except (OSError, BadCertificate) as error:
            raise BadSettings(
                f"desk_ca {self.desk_ca} cannot be used: {error} Name the authority's ca.crt."
            ) from error
        if not found.is_authority:
            raise BadSettings(f"desk_ca {self.desk_ca} is the certificate of {found.name}, not of an authority.")
        return found


def load(path: Path) -> Settings:
    """The settings in `path`. Raises BadSettings with what to correct."""
    return _checked(face.load(path, Settings), path)


def _checked(settings: Settings, path: Path) -> Settings:
    for desk in settings.desks:
        if not DESK_NAME.fullmatch(desk):
            raise BadSettings(
                f"The settings {path} name the desk {desk!r}. Use up to 32 small letters, digits and dashes."
            )
    if len(set(settings.desks.values())) < len(settings.desks):
        raise BadSettings(f"The settings {path} give two desks the same token. Give each desk its own.")
    try:
        for recipient in settings.recovery_recipients:
            check_recipient(recipient)
    except BadRecipient as bad:
        raise BadSettings(f"recovery_recipients in {path}: {bad}") from bad
    return settings
