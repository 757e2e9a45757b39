"""How a class is called on the wire."""

import re


def snake(name: str) -> str:
    """`FlagRaised` as `flag_raised`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
