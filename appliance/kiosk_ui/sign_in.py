"""What the candidate typed to sign in, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from proctoring.errors import Refused
from proctoring.wire import SignIn

NAME_LENGTH: Final = 120
CODE_LENGTH: Final = 24
"""Longer than any code, so that one typed with spaces or dashes gets through."""


class SignInForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form with what was typed; `walk_in` says whether it asks for a name too."""

    walk_in: bool
    code: str = ""
    name: str = ""
    code_error: str = ""
    name_error: str = ""

    def request(self) -> SignIn:
        """What custody is asked. A code beats a name. Raises Refused where neither is there."""
        code, name = normal_code(self.code), " ".join(self.name.split())
        if code:
            return SignIn(code=code)
        if name and self.walk_in:
            return SignIn(name=name[:NAME_LENGTH])
        or_name = " If you have none, type your full name below." if self.walk_in else ""
        raise Refused("nothing_typed", f"Type your booking code. It is in your invitation.{or_name}")

    def refused(self, reason: str) -> SignInForm:
        """The same with the reason beside the field that it is about."""
        field = "name_error" if self.name.strip() and not normal_code(self.code) else "code_error"
        return msgspec.structs.replace(self, **{field: reason})


def typed(form: Mapping[str, str]) -> SignInForm:
    """What was typed, as it was typed."""
    return SignInForm(
        walk_in="name" in form, code=form.get("code", "")[:CODE_LENGTH], name=form.get("name", "")[:NAME_LENGTH]
    )


def normal_code(code: str) -> str:
    """A booking code without the spaces, dashes and small letters that people type."""
    return "".join(code.split()).replace("-", "").upper()
