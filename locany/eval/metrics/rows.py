"""Precision and recall of one image, published and fixed, for any kind of place.

Published rows pool all names: a place is right where any true place of the image is, whatever its name, if
only its name is among the true ones. Fixed rows match name by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locany.eval.example import Place, Truth
from locany.eval.metrics.matching import num_matched, num_matched_greedily
from locany.eval.metrics.names import rename
from locany.eval.metrics.places import in_crowd

Found = Mapping[str, Sequence[Place | None]]  # None is a place that was said not to be there
Regions = Mapping[str, Sequence[Any]]
NOTHING = Truth()


@dataclass(frozen=True)
class Shape:
    """A kind of place.

    Attributes:
        is_valid: whether a found place can be compared at all.
        similarity: [found, true] of valid places, 0..1.
        raises: whether the published script fails on an image with a place that is not valid; otherwise such
            a place is just wrong.
    """

    is_valid: Callable[[Place | None], bool]
    similarity: Callable[[Sequence[Place], Sequence[Any]], np.ndarray]
    raises: bool


class DroppedRowError(Exception):
    """The published script fails on this image and leaves it out of the mean. Never leaves this package."""


def published_row(
    truth: Regions,
    found: Found,
    shape: Shape,
    thresholds: Sequence[float],
    *,
    key: Callable[[str], str] | None,
) -> np.ndarray:
    """Precision and recall as published, [2, T].

    Args:
        truth: true places by name, in file order.
        found: predicted places by name.
        shape: what the places are.
        thresholds: T of them.
        key: makes names equal; None for the referring task, where no names are compared.

    Raises:
        DroppedRowError: the published script would fail.
    """
    if key is None:
        wanted = [place for places in truth.values() for place in places]
        pool = every = [place for places in found.values() for place in places if place is not None]
        nothing_there = not wanted
    else:
        truth, found = rename(truth, key), rename(found, key)
        wanted = [place for places in truth.values() for place in places]
        every = [place for places in found.values() for place in places if place is not None]
        pool = [
            place for name, places in found.items() if name in truth for place in places if place is not None
        ]
        nothing_there = not truth
    if nothing_there:
        return np.full((2, len(thresholds)), float(not every))
    if not wanted or not every:
        return np.zeros((2, len(thresholds)))
    valid = [place for place in pool if shape.is_valid(place)]
    if shape.raises and len(valid) < len(pool):
        raise DroppedRowError
    right = num_matched_greedily(shape.similarity(valid, wanted), thresholds)
    return np.stack([right / len(every), right / len(wanted)])


def fixed_row(
    truth: Regions,
    found: Found,
    shape: Shape,
    thresholds: Sequence[float],
    leniency: Truth = NOTHING,
    num_unreadable: int = 0,
    pooled: bool = False,
) -> np.ndarray:
    """Precision and recall of one image, matched one to one name by name, [2, T].

    Where nothing is there, both are 1 if nothing was found and 0 otherwise.

    Args:
        truth: true places by name; a name may have none.
        found: predicted places by name. One that is not valid is wrong.
        shape: what the places are.
        thresholds: T of them.
        leniency: its crowds and partial names; what lies in a crowd by half, or has such a name, cannot be
            wrong.
        num_unreadable: further predictions that could not be read; they are wrong.
        pooled: names are not compared.
    """
    crowd: Regions = leniency.crowd
    if pooled:
        truth, found, crowd = _pool(truth), _pool(found), _pool(crowd)
    num_true = sum(len(places) for places in truth.values())
    right = np.zeros(len(thresholds), dtype=np.int64)
    num_found = np.full(len(thresholds), num_unreadable)
    for name, places in found.items():
        valid = [place for place in places if place is not None and shape.is_valid(place)]
        similarity = shape.similarity(valid, truth.get(name, ())) if truth.get(name) and valid else None
        excused = in_crowd(valid, crowd.get(name, ())) | (name in leniency.partial)
        hits = _pairs(similarity, thresholds)
        # Of equally many pairs those count that leave excused places over, so the count is unique.
        strict_hits = hits if not excused.any() else _pairs(similarity, thresholds, ~excused)
        right += hits
        num_found += hits + (~excused).sum() - strict_hits
        if name not in leniency.partial:
            num_found += sum(place is not None for place in places) - len(valid)
    if not num_true:
        return np.full((2, len(thresholds)), float(not num_found.any()))
    precision = np.divide(right, num_found, out=np.zeros(len(thresholds)), where=num_found > 0)
    return np.stack([precision, right / num_true])


def _pairs(
    similarity: np.ndarray | None, thresholds: Sequence[float], rows: np.ndarray | None = None
) -> np.ndarray:
    """`num_matched` of some or all rows; without a similarity there are none."""
    if similarity is None:
        return np.zeros(len(thresholds), dtype=np.int64)
    return num_matched(similarity if rows is None else similarity[rows], thresholds)


def _pool(places: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """All places under one name."""
    return {"": [place for of_name in places.values() for place in of_name]}
