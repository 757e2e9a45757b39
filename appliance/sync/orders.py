"""Orders from the programs: handed to custody, which knows what it carried out before, and answered."""

from __future__ import annotations

from typing import Final

from appliance.runtime.custody_link import Custody
from proctoring.errors import Refused
from proctoring.wire import Order, OrderOutcome, TakeOrder

PATIENCE_S: Final = 1.0


def carry_out(order: Order, custody: Custody) -> OrderOutcome:
    """What became of an order, the same for one that comes again. Raises CustodyAway: hold the order and come again.

    Custody checks desk, session and expiry: it alone can tell a repeated order from one that came too late.
    """
    try:
        return custody.ask(TakeOrder(order=order), OrderOutcome, PATIENCE_S)
    except Refused as refused:
        return OrderOutcome(desk=order.desk, order=order.id, result="rejected", reason=refused.reason)
