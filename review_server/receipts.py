"""Receipts: what permits a desk to forget. One is sent only after the commit that it speaks of."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

from messaging.ports import Bus, BusFull
from proctoring.ledger import Head
from proctoring.wire import Receipt, desk_topic

log = logging.getLogger(__name__)


def receipt(head: Head, segments: Iterable[str] = ()) -> Receipt:
    """Says that entries up to `head` and these segments are durable here."""
    return Receipt(
        desk=head.desk,
        session=head.session,
        up_to_seq=head.seq,
        up_to_hash=head.hash,
        segments=tuple(segments),
    )


class Receipts:
    """Sends receipts. One that is lost does no harm: the desk sends the same facts again and gets another."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.turn = threading.Lock()
        """Held from a transaction to the sending of its receipts: a desk that hears of fewer entries than before
        takes the others for lost."""

    def send(self, receipts: Iterable[Receipt]) -> None:
        """Sends them to their desks."""
        for one in receipts:
            try:
                self._bus.publish(desk_topic(one.desk, "receipts"), one)
            except BusFull as full:
                log.warning("a receipt for %s was not sent: %s", one.desk, full)
