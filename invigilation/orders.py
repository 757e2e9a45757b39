"""Orders from the room to a desk, and what became of them.

An order that nobody answers has run out once its time is over: the desk refuses it from then on. The desk decides
and says so; the broker's acknowledgement means nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec.structs import replace

from proctoring.errors import Refused
from proctoring.wire import Admit, Command, End, Extend, Order, OrderOutcome, Pause, Resume, Say
from web.clock import Instant

VALID_MS: Final = 30_000
"""How long a desk may carry an order out. A pause that comes a minute late is a surprise, not an order."""
GRACE_MS: Final = 5_000
"""After that, how long its answer may still take."""
KEPT: Final = 200
TEXT_LIMIT: Final = 500
EXTENSION_LIMIT_MIN: Final = 240

RESULT_WORDS: Final = {
    "waiting": "Sent. Waiting for the desk.",
    "succeeded": "Done.",
    "rejected": "The desk refused.",
    "expired": "Too late: the desk got it after its time and did nothing.",
    "repeated": "The desk had this order before and did it once.",
    "not_sent": "It was not sent: too much waits for the broker already.",
    "no_answer": "No answer. The order has run out; look at the desk, then give it again if need be.",
}


class OrderForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the page sends. `session` is the one that the page showed when the order was given."""

    command: str
    session: str
    reason: str = ""
    minutes: float = 0
    text: str = ""
    confirmed: bool = False


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the page shows it."""

    id: str
    desk: str
    session: str
    what: str
    by: str
    issued_utc_ms: int
    result: str = "waiting"
    words: str = RESULT_WORDS["waiting"]
    reason: str = ""


def command_of(form: OrderForm) -> Command:
    """The command that a form asks for. Raises Refused with what to correct."""
    builder = _BUILDERS.get(form.command)
    if builder is None:
        raise Refused("unknown_command", f"There is no order {form.command!r}. Load the page again.")
    return builder(form)


def _reason(form: OrderForm) -> str:
    return _text(form.reason, "Give a reason: it stays in the record.")


def _text(text: str, missing: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise Refused("missing_text", missing)
    if len(text) > TEXT_LIMIT:
        raise Refused("too_long", f"That is {len(text)} characters. Use {TEXT_LIMIT} at the most.")
    return text


def _extend(form: OrderForm) -> Extend:
    if not 0 < form.minutes <= EXTENSION_LIMIT_MIN:
        raise Refused("bad_minutes", f"Give the extra time in minutes, more than 0 and up to {EXTENSION_LIMIT_MIN}.")
    return Extend(extra_ms=round(form.minutes * 60_000), reason=_reason(form))


def _end(form: OrderForm) -> End:
    reason = _reason(form)
    if not form.confirmed:
        raise Refused("not_confirmed", "Ending an exam cannot be undone. Confirm that you mean it.")
    return End(reason=reason)


_BUILDERS: Final[dict[str, Callable[[OrderForm], Command]]] = {
    "admit": lambda _: Admit(),
    "pause": lambda form: Pause(reason=_reason(form)),
    "resume": lambda _: Resume(),
    "extend": _extend,
    "end": _end,
    "say": lambda form: Say(text=_text(form.text, "Write the message that the candidate should see.")),
}


def describe(command: Command) -> str:
    """An order in words: `Add 5 minutes: late start`."""
    match command:
        case Pause(reason=reason):
            return f"Pause: {reason}"
        case Extend(extra_ms=extra_ms, reason=reason):
            return f"Add {extra_ms / 60_000:g} min: {reason}"
        case End(reason=reason):
            return f"End the exam: {reason}"
        case Say(text=text):
            return f"Message: {text}"
        case Admit():
            return "Admit"
        case _:
            return "Resume"


class Orders:
    """The orders given at this console, newest last. Not for several threads at once."""

    def __init__(self) -> None:
        self._placed: dict[str, Placed] = {}

    def place(self, order: Order) -> Placed:
        """Takes note of an order that is about to be sent."""
        assert order.session is not None
        placed = Placed(
            id=order.id,
            desk=order.desk,
            session=order.session,
            what=describe(order.command),
            by=order.by,
            issued_utc_ms=order.issued_utc_ms,
        )
        self._placed[order.id] = placed
        while len(self._placed) > KEPT:
            del self._placed[next(iter(self._placed))]
        return placed

    def fail(self, order_id: str) -> Placed:
        """An order was not sent after all."""
        return self._settle(self._placed[order_id], "not_sent", "")

    def take(self, outcome: OrderOutcome) -> Placed | None:
        """What a desk says about an order; None where that tells nothing new, or the order is not from here."""
        placed = self._placed.get(outcome.order)
        if placed is None or placed.desk != outcome.desk:
            return None
        if outcome.result == "repeated" and placed.result in {"succeeded", "rejected", "expired"}:
            return None
        return self._settle(placed, outcome.result, outcome.reason)

    def run_out(self, now: Instant) -> list[Placed]:
        """Gives up waiting for the orders whose time is over."""
        late = [
            placed
            for placed in self._placed.values()
            if placed.result == "waiting" and now.utc_ms - placed.issued_utc_ms > VALID_MS + GRACE_MS
        ]
        return [self._settle(placed, "no_answer", "") for placed in late]

    def all(self) -> list[Placed]:
        """Every order that is kept, newest first."""
        return list(reversed(self._placed.values()))

    def _settle(self, placed: Placed, result: str, reason: str) -> Placed:
        settled = replace(placed, result=result, words=RESULT_WORDS[result], reason=reason)
        self._placed[placed.id] = settled
        return settled
