"""Scores of a set that asks for many kinds of things: each example is counted as its task asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics.boxes import BOX
from locany.eval.metrics.names import letters_only
from locany.eval.metrics.points import HIT, POINT, published_point_row
from locany.eval.metrics.profile import (
    THRESHOLDS,
    Profile,
    account,
    answer_of,
    average_rows,
    is_numbers,
    unreadable,
)
from locany.eval.metrics.rows import DroppedRowError, fixed_row, published_row
from locany.eval.metrics.text import NORMALISED
from locany.tasks import TaskKind

Places = Mapping[str, Sequence[Place]]


def score_mixed(
    examples: Sequence[Example], predictions: Mapping[str, Prediction], profile: Profile
) -> dict[str, Any]:
    """F1 over examples that all weigh the same, whatever they ask for.

    Boxes are right by IoU. Points are right in their thing, at every threshold. Where one phrase is asked
    for, every answer is one to it. Text is right under its own transcription, in profile `fixed` compared as
    `text.NORMALISED` has it. All queries of an example are of one kind. Otherwise as `boxes.score_boxes`, but
    that in profile `fixed` examples with nothing to find are in no mean where nothing was found: a model that
    never finds anything would have them right, and `absent.score_absent` counts those. Where something was
    found, or where there is no answer, they are in the mean of precision as 0; they have no recall. Where
    there are no other examples, each is right or wrong.

    Returns:
        precision, recall and f1 @0.5, @0.95 and @mean; num_scored and num_dropped examples, num_empty of
        them with nothing to find; and what `account` says.
    """
    rows: list[np.ndarray] = []
    empty: list[np.ndarray] = []
    num_no_place = 0
    for example in examples:
        answer = answer_of(example, predictions)
        found: Places = answer.found if answer is not None else {}
        num_no_place += sum(not is_numbers(place, 2, 4) for places in found.values() for place in places)
        if profile is Profile.FIXED:
            kept = rows if any(example.truth.boxes.values()) else empty
            row = _fixed(example, found, unreadable(answer))
            kept.append(row if answer is not None else np.zeros_like(row))  # no answer is not a right one
        elif answer is not None:
            try:
                rows.append(_published(example, found))
            except DroppedRowError:
                continue
    result = account(examples, predictions, profile)
    result["num_malformed"] += num_no_place
    num_scored = len(rows) + len(empty)
    counts = {"num_scored": num_scored, "num_dropped": len(examples) - num_scored, "num_empty": len(empty)}
    return {**average_rows([*rows, *map(_without_recall, empty)] if rows else empty), **result, **counts}


def _without_recall(row: np.ndarray) -> np.ndarray:
    """Of an example with nothing to find, [2, T]: precision 0 where it is wrong, else in no mean."""
    return np.stack([np.where(row[0] > 0, np.nan, 0.0), np.full(row.shape[1], np.nan)])


def _fixed(example: Example, found: Places, num_unreadable: int) -> np.ndarray:
    truth: Places = example.truth.boxes
    pooled = _is_phrase(example) and len(truth) <= 1
    if _asks(example, TaskKind.TEXT):
        truth, found = _merge_equal(truth), _merge_equal(found)
    if _expects_points(example):
        row = fixed_row(truth, found, POINT, HIT, example.truth, num_unreadable, pooled)
        return np.repeat(row, len(THRESHOLDS), axis=1)
    return fixed_row(truth, found, BOX, THRESHOLDS, example.truth, num_unreadable, pooled)


def _published(example: Example, found: Places) -> np.ndarray:
    truth, is_phrase = example.truth.boxes, _is_phrase(example)
    if _expects_points(example):
        return np.repeat(published_point_row(truth, found, referring=is_phrase), len(THRESHOLDS), axis=1)
    return published_row(truth, found, BOX, THRESHOLDS, key=None if is_phrase else letters_only)


def _merge_equal(places: Places) -> dict[str, list[Place]]:
    """Places by text, those of equal texts together."""
    merged: dict[str, list[Place]] = {}
    for text, of_text in places.items():
        merged.setdefault(NORMALISED(text), []).extend(of_text)
    return merged


def _expects_points(example: Example) -> bool:
    return any(query.task.expects_points for query in example.queries)


def _is_phrase(example: Example) -> bool:
    return all(query.task.phrase for query in example.queries)


def _asks(example: Example, kind: TaskKind) -> bool:
    return any(query.task.kind is kind for query in example.queries)
