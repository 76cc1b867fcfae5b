"""Numbers that users give: those of Python, and of numpy, which are no `int` or `float` of Python's."""

from __future__ import annotations

import numbers
from typing import Any


def plain_number(value: Any) -> int | float | None:
    """The same number as Python's own; None for what is no real number. True and False are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else None
