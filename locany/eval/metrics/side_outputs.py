"""What is measured of one image beside places: names that were answered, absences, numbers of boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Places = Mapping[str, Sequence[Any]]


def instruction_following(truth: Places, found: Places, key: Callable[[str], str] | None) -> float | None:
    """The share of true names that were answered at all; None where there is no name.

    Args:
        truth, found: places by name.
        key: makes names equal; None where they have to be.
    """
    if not truth:
        return None
    same = key or str
    answered = {same(name) for name in found}
    return sum(same(name) in answered for name in truth) / len(truth)


def wrong_rejection(truth: Places, absent: Sequence[str]) -> float:
    """1 where something was said to be absent that is there, else 0."""
    return float(any(truth.get(name) for name in absent))


def is_silent(found: Places) -> float:
    """1 where nothing was found, else 0."""
    return float(not any(found.values()))


def count_error(truth: Places, found: Places) -> int:
    """How far the number of places found is from the number of those that are there."""
    return abs(sum(map(len, found.values())) - sum(map(len, truth.values())))
