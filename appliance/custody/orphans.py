"""Recordings that no entry names: a sealed file whose row never came to be, and of which no note says what it holds.

Nobody can tell what such a file is worth before the review server opens it, so it is set aside and never deleted.
`deskproctor fsck` names it.
"""

from __future__ import annotations

import logging

from appliance.custody.store import Store
from appliance.runtime.settings import Desk
from durable.files import move

log = logging.getLogger(__name__)


def set_aside(desk: Desk, store: Store) -> None:
    """Moves what nobody names out of the folder of segments. A disk that does not let us keeps it where it is."""
    named = store.named_segments()
    for path in desk.folder("segments").iterdir():
        if path.name.partition(".")[0] in named or not path.is_file():
            continue
        log.warning("no entry names the recording %s: it is set aside in orphans", path.name)
        try:
            move(path, desk.folder("orphans") / path.name)
        except OSError as error:
            log.warning("%s stays where it is: %s", path.name, error.strerror)
