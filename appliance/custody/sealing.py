"""Sealing to the review server's public keys. The only file of this process that imports pyrage (the age format).

The desk has no key that opens what it sealed.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyrage

from proctoring.errors import Refused


def check_recipients(recipients: Iterable[str]) -> None:
    """Raises Refused for what is no age X25519 public key."""
    for recipient in recipients:
        _parsed(recipient)


def seal(video: bytes, recipients: Iterable[str]) -> bytes:
    """The bytes sealed so that each of the recipients can open them; never the same twice. Raises Refused."""
    parsed = [_parsed(recipient) for recipient in recipients]
    if not parsed:
        raise Refused("no_recipient", "This session was opened without a key that its recording could be sealed to.")
    sealed: bytes = pyrage.encrypt(video, parsed)
    return sealed


def _parsed(recipient: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError as error:
        reason = f"{recipient!r} is no age public key, so no recording can be sealed to it. Correct it at the server."
        raise Refused("bad_recipient", reason) from error
