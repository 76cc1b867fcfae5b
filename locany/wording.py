"""Numbers with their nouns, for messages."""

from __future__ import annotations


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: "1 sample", "2,000 samples"; `plural` where an s is not enough."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
