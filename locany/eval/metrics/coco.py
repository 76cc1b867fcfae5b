"""Scores of COCO and LVIS: from examples and predictions to the pictures that `fasteval` counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from locany.eval.example import Example, Place, Prediction
from locany.eval.metrics import fasteval
from locany.eval.metrics.names import category_key
from locany.eval.metrics.profile import Profile, account, answer_of, is_numbers


def score_coco(
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    profile: Profile,
    *,
    categories: Sequence[str] | None = None,
) -> dict[str, Any]:
    """F1 of boxes per category on COCO rules: everything is annotated, crowds are ignored.

    A predicted name means the category that is equal to it but for case and `_`; other names are left out. So
    are categories of which `Truth` says nothing, unless the image has no annotation at all: the suite asks
    only for categories that are there. In profile `fixed` a name without a place is known to be absent, and
    what is found of it is wrong; a place that is no box is wrong too, under its name. Boxes that could not be
    read at all have no name, so no category's precision holds them: they stand in num_malformed. An example
    without a prediction is one where nothing was found, in both profiles.

    Args:
        examples: in the order of the annotation file, on which profile `published` depends.
        predictions: by example id.
        profile: how to count; see `fasteval`.
        categories: in the annotation file's order; None for the order in which the examples name them.

    Returns:
        precision, recall and f1 @0.5, @0.95 and @mean; num_categories; num_unjudged, boxes that were left
        out; and what `account` says.
    """
    return _score(examples, predictions, profile, categories, lvis=False)


def score_lvis(
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    profile: Profile,
    *,
    categories: Sequence[str] | None = None,
) -> dict[str, Any]:
    """`score_coco` on LVIS rules: no limit of boxes, and `Truth.partial` names cannot have false positives.

    A name without a place is one that was verified to be absent.
    """
    return _score(examples, predictions, profile, categories, lvis=True)


def _score(
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    profile: Profile,
    categories: Sequence[str] | None,
    lvis: bool,
) -> dict[str, Any]:
    if categories is None:
        categories = list(dict.fromkeys(name for one in examples for name in _named(one)))
    known = {category_key(name): name for name in categories}
    found = [_found(answer_of(one, predictions), known) for one in examples]
    judged = [_judged(one, profile, lvis) for one in examples]
    pictures = [
        fasteval.Picture(
            truth=one.truth.boxes,
            found={name: [p[:4] for p in places if is_numbers(p, 4)] for name, places in answer.items()},
            crowd=one.truth.crowd,
            judged=names,
            partial=one.truth.partial if lvis else frozenset(),
            malformed={name: sum(not is_numbers(p, 4) for p in places) for name, places in answer.items()},
        )
        for one, answer, names in zip(examples, found, judged, strict=True)
    ]
    if profile is Profile.PUBLISHED:
        limit = None if lvis else fasteval.MOST_BOXES
        numbers = fasteval.score_published(pictures, categories, most_boxes=limit)
    else:
        numbers = fasteval.score_fixed(pictures, categories)
    result = account(examples, predictions, profile)
    result["num_malformed"] += sum(sum(picture.malformed.values()) for picture in pictures)
    total = sum(len(p) for one in examples for p in _places(answer_of(one, predictions)).values())
    counted = sum(
        len(places)
        for answer, names in zip(found, judged, strict=True)
        for name, places in answer.items()
        if names is None or name in names
    )
    return {**numbers, **result, "num_unjudged": total - counted}


def _named(example: Example) -> tuple[str, ...]:
    return (*example.truth.boxes, *example.truth.crowd)


def _places(prediction: Prediction | None) -> Mapping[str, tuple[Place, ...]]:
    return prediction.found if prediction is not None else {}


def _found(prediction: Prediction | None, known: Mapping[str, str]) -> dict[str, list[Place]]:
    """Places by category, in order; without names that are no category."""
    found: dict[str, list[Place]] = {}
    for name, places in _places(prediction).items():
        if (category := known.get(category_key(name))) is not None:
            found.setdefault(category, []).extend(places)
    return found


def _judged(example: Example, profile: Profile, lvis: bool) -> frozenset[str] | None:
    """Names whose detections count; None for all."""
    present = frozenset(
        name for part in (example.truth.boxes, example.truth.crowd) for name in part if part[name]
    )
    if not present and not lvis:
        return None
    return present if profile is Profile.PUBLISHED and present else frozenset(_named(example))
