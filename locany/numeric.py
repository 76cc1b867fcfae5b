"""Numbers that users give, of Python or of numpy, which are no `int` or `float` of Python's; yes and no."""

from __future__ import annotations

import numbers
from typing import Any

from locany.errors import RequestError


def plain_number(value: Any) -> int | float | None:
    """The same number as Python's own; None for what is no real number. True and False are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else None


def number_within(name: str, given: Any, low: float, high: float) -> int | float:
    """The same number as Python's own.

    Raises:
        RequestError: it is none, or not from `low` to `high`.
    """
    value = plain_number(given)
    if value is None or not low <= value <= high:
        raise RequestError(f"{name} is {given!r}, expected a number from {low} to {high}")
    return value


def check_flags(**given: Any) -> None:
    """Refuse what is neither True nor False (RequestError): the string "no" would count as yes."""
    for name, value in given.items():
        if not isinstance(value, bool):
            raise RequestError(f"{name} is {value!r}, expected True or False")
