"""Scores of pointing: a point is right when it lies in the mask or the box of its thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from locany.errors import DataError
from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.matching import num_matched_greedily
from locany.eval.metrics.profile import Profile, account, answer_of, is_numbers, triple, unreadable
from locany.eval.metrics.rle import cells_in_mask
from locany.eval.metrics.rows import DroppedRowError, Found, Regions, Shape, fixed_row
from locany.geometry import points_in_boxes

HIT = (0.5,)  # the least similarity where 1 is a hit and 0 a miss


def score_points(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """Precision, recall and F1 of points with names, every image weighing the same.

    A point is in a mask when the pixel that it lies on is, and in a box when it lies between its edges or on
    them. Profile `published`: names are equal but for case; each thing takes the first free point in it; of a
    box given for a thing with a mask the first corner is the point; images without a prediction, or with a
    place of one number, are left out. Profile `fixed`: names are equal or not, as many pairs as possible, a
    place that is no point and one that could not be read are wrong, crowds are ignored.

    Returns:
        precision, recall and f1 @point; num_scored and num_dropped examples; and what `account` says.

    Raises:
        DataError: a mask is damaged (profile `fixed`; `published` takes it for empty).
    """
    return _score(examples, predictions, profile, referring=False)


def score_points_referring(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """`score_points` for one expression per image, whatever its label says.

    Profile `published` looks at the first true and the first predicted name alone. Profile `fixed` takes all
    points, by name where an example has several expressions.
    """
    return _score(examples, predictions, profile, referring=True)


def published_point_row(truth: Regions, found: Found, *, referring: bool = False) -> np.ndarray:
    """Precision and recall of the points of one image as published, [2, 1].

    Raises:
        DroppedRowError: the published script would fail.
    """
    if referring:
        truth = {"": next(iter(truth.values()), ())}
        found = {"": next(iter(found.values()), ())}
    truth = {name.lower(): regions for name, regions in truth.items()}
    found = {name.lower(): [p for p in places if p is not None] for name, places in found.items()}
    num_true, num_found = sum(map(len, truth.values())), sum(map(len, found.values()))
    if not num_true or not num_found:
        return np.full((2, 1), float(not num_true and not num_found))
    hits = 0
    for name, regions in truth.items():
        if regions and found.get(name):
            hits += num_matched_greedily(_published_hits(found[name], regions), HIT)[0]
    return np.asarray([[hits / num_found], [hits / num_true]])


def hits_matrix(points: Sequence[Place], regions: Sequence[Any]) -> np.ndarray:
    """1 where a point lies in a region, else 0, [points, regions]; regions are boxes or run lengths."""
    xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    columns = [
        cells_in_mask(np.floor(xy), region)
        if isinstance(region, Mapping)
        else points_in_boxes(xy, np.asarray([region]))[:, 0]
        for region in regions
    ]
    return np.stack(columns, axis=1).astype(np.float64)


POINT = Shape(is_valid=lambda place: is_numbers(place, 2), similarity=hits_matrix, raises=False)


def true_regions(example: Example) -> Regions:
    """Masks of an example by name, or its boxes where it has none."""
    return example.truth.masks or example.truth.boxes


def _published_hits(places: Sequence[Any], regions: Sequence[Any]) -> np.ndarray:
    """`hits_matrix` as published: coordinates are cut towards zero, and a damaged mask is empty."""
    hits = np.zeros((len(places), len(regions)))
    masks = isinstance(regions[0], Mapping)  # the kind of the first decides
    if masks:
        if any(len(place) < 2 or not np.isfinite(place[:2]).all() for place in places):
            raise DroppedRowError
        cells = np.trunc([place[:2] for place in places])
        for column, region in enumerate(regions):
            try:
                hits[:, column] = cells_in_mask(cells, region)
            except (DataError, TypeError, ValueError):
                continue
        return hits
    valid = [i for i, place in enumerate(places) if is_numbers(place, 2)]
    if valid:
        hits[valid] = hits_matrix([places[i] for i in valid], regions)
    return hits


def _score(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile, referring: bool
) -> dict[str, Any]:
    rows: list[np.ndarray] = []
    num_dropped = num_no_point = 0
    for example in examples:
        truth, answer = true_regions(example), answer_of(example, predictions)
        found: Mapping[str, Sequence[Place]] = answer.found if answer is not None else {}
        num_no_point += sum(not POINT.is_valid(place) for places in found.values() for place in places)
        if profile is Profile.FIXED:
            pooled = referring and len(truth) <= 1
            row = fixed_row(truth, found, POINT, HIT, example.truth, unreadable(answer), pooled)
            rows.append(row if answer is not None else np.zeros_like(row))  # no answer is not a right one
        elif answer is None:
            num_dropped += 1
        else:
            try:
                rows.append(published_point_row(truth, found, referring=referring))
            except DroppedRowError:
                num_dropped += 1
    precision, recall = np.mean(rows, axis=0)[:, 0].tolist() if rows else (0.0, 0.0)
    result = account(examples, predictions, profile)
    result["num_malformed"] += num_no_point
    return {
        **triple("point", precision, recall),
        **result,
        "num_scored": len(rows),
        "num_dropped": num_dropped,
    }
