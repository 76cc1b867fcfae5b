"""The scorers by the names under which benchmarks ask for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from locany.eval.example import Example, Prediction
from locany.eval.metrics.boxes import score_boxes, score_hallucination, score_referring, score_visual
from locany.eval.metrics.coco import score_coco, score_lvis
from locany.eval.metrics.gui import score_gui
from locany.eval.metrics.mixed import score_mixed
from locany.eval.metrics.points import score_points, score_points_referring
from locany.eval.metrics.polygons import score_polygons
from locany.eval.metrics.profile import Profile
from locany.eval.metrics.text import score_text

Scorer = Callable[[Sequence[Example], Mapping[str, Prediction], Profile], dict[str, Any]]

SCORERS: Mapping[str, Scorer] = {
    "coco": score_coco,
    "lvis": score_lvis,
    "boxes": score_boxes,
    "text": score_text,
    "referring": score_referring,
    "points": score_points,
    "points_referring": score_points_referring,
    "gui": score_gui,
    "mixed": score_mixed,
    "polygons": score_polygons,
    "visual": score_visual,
    "hallucination": score_hallucination,
}

_OVER_NAMES = {"coco": score_coco, "lvis": score_lvis}


def scorer_of(metric: str, names: Sequence[str] = ()) -> Scorer:
    """The scorer of a metric.

    Args:
        metric: its name in `SCORERS`.
        names: all categories of the benchmark in the order of its file, for the metrics that average over
            them: in profile `published` order counts, and so do categories that occur nowhere.
    """
    if names and metric in _OVER_NAMES:
        return partial(_OVER_NAMES[metric], categories=names)
    return SCORERS[metric]


# What stands for a result where there is room for one number.
HEADLINES: Mapping[str, str] = {
    **dict.fromkeys(SCORERS, "f1@mean"),
    "points": "f1@point",
    "points_referring": "f1@point",
    "gui": "accuracy",
    "mixed": "f1@0.5",
    "hallucination": "accuracy",
}
