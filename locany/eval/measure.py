"""What the predictions of a run are worth, as one document: both profiles, groups, speed, endings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from locany.errors import LocanyError
from locany.eval.benchmarks import Benchmark
from locany.eval.example import Example, Prediction
from locany.eval.metrics.absent import score_absent
from locany.eval.metrics.ap import score_ap
from locany.eval.metrics.by_name import score_first, scores_by_name
from locany.eval.metrics.calibration import score_calibration
from locany.eval.metrics.duplicates import score_duplicates
from locany.eval.metrics.profile import Profile, answer_of
from locany.eval.metrics.speed import num_readable, score_speed
from locany.eval.metrics.table import HEADLINES, SCORERS, scorer_of
from locany.tasks import TaskKind

_PAIR = " x "
_MOST_PAIRS = 60  # cells of a table of two kinds of groups
_MOST_NAMES = 100  # those with the most targets
_POSITIVES_ONLY = ("boxes", "points", "mixed")  # the published files have no absent name
_BY_CATEGORY = ("boxes", "coco", "lvis")


def measure(
    benchmark: Benchmark,
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    profiles: Sequence[Profile] = tuple(Profile),
    names: Sequence[str] = (),
    *,
    ranked: Mapping[str, Prediction] | None = None,
) -> dict[str, Any]:
    """Everything there is to say, as values that JSON can hold.

    Args:
        benchmark: says how to score and which groups to report.
        examples: those that were asked.
        predictions: by id.
        profiles: each gets numbers of its own, under its name.
        names: all categories of the benchmark, see `Contents.names`.
        ranked: predictions before a threshold was chosen for them, for average precision and calibration,
            which look at all scores; None: these are those.

    Returns:
        `profiles`, by name: `scores`, `speed`, and `groups` by kind and value. `more`, what has one form
        only: `duplicates`, `names` (of categories), `first` (of referring), `absent`, `calibration` and `ap`,
        as far as there is something to measure. `counts`.
        `remarks`: what could not be measured, and why.
    """
    remarks: list[str] = []
    scorer = scorer_of(benchmark.metric, names)
    found: dict[str, Any] = {}
    for profile in profiles:
        asked, given = counted(benchmark, examples, predictions, profile)
        groups: dict[str, dict[str, Any]] = {}
        for kind, parts in grouped(benchmark, asked).items():
            groups[kind] = {value: scorer(part, given, profile) for value, part in parts.items()}
        found[profile.value] = {
            "scores": scorer(asked, given, profile),
            "speed": score_speed(examples, predictions, profile),
            "groups": groups,
        }
    document = {
        "benchmark": benchmark.name,
        "title": benchmark.title,
        "metric": benchmark.metric,
        "headline": HEADLINES[benchmark.metric],
        "profiles": found,
        "more": _more(benchmark.metric, examples, predictions, ranked or predictions, remarks),
        "counts": counts(examples, predictions),
        "remarks": remarks,
    }
    return _finite(document)


def counted(
    benchmark: Benchmark,
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    profile: Profile,
) -> tuple[Sequence[Example], Mapping[str, Prediction]]:
    """What of a run a profile looks at: the published one at no absent name where its files have none."""
    if profile is not Profile.PUBLISHED or benchmark.metric not in _POSITIVES_ONLY:
        return examples, predictions
    asked, given = positives(examples, predictions)
    if benchmark.metric == "mixed":  # whose examples can be of absent names alone
        asked = [example for example in asked if _num_targets(example)]
    return asked, given


def grouped(benchmark: Benchmark, examples: Sequence[Example]) -> dict[str, dict[str, list[Example]]]:
    """Examples by kind of group and its value; of two kinds also by pair, as tables of screens have it."""
    found: dict[str, dict[str, list[Example]]] = {}
    kinds = [kind for kind in benchmark.groups if any(kind in example.groups for example in examples)]
    for example in examples:
        values = {kind: example.groups[kind] for kind in kinds if kind in example.groups}
        if len(kinds) == 2 and len(values) == 2:
            values[_PAIR.join(kinds)] = "-".join(values.values())
        for kind, value in values.items():
            found.setdefault(kind, {}).setdefault(value, []).append(example)
    return {k: parts for k, parts in found.items() if _PAIR not in k or len(parts) <= _MOST_PAIRS}


def positives(
    examples: Sequence[Example], predictions: Mapping[str, Prediction]
) -> tuple[list[Example], dict[str, Prediction]]:
    """The same without the names that are known to be absent: the published files ask for none."""
    asked, given = [], dict(predictions)
    for example in examples:
        names = {name for name, boxes in example.truth.boxes.items() if not boxes}
        truth = example.truth
        if names and (len(names) < len(truth.boxes) or truth.masks or truth.polygons):
            present = {name: boxes for name, boxes in example.truth.boxes.items() if boxes}
            example = replace(example, truth=replace(example.truth, boxes=present))
            if prediction := given.get(example.id):
                found = {name: places for name, places in prediction.found.items() if name not in names}
                given[example.id] = replace(prediction, found=found)
        asked.append(example)
    return asked, given


def _more(
    metric: str,
    examples: Sequence[Example],
    predictions: Mapping[str, Prediction],
    ranked: Mapping[str, Prediction],
    remarks: list[str],
) -> dict[str, Any]:
    known = [predictions[e.id] for e in examples if e.id in predictions]
    has_scores = any(p.scores for p in known)
    more: dict[str, Any] = {}
    # What is left without answers that run away is told only where there are any.
    duplicates = score_duplicates(examples, predictions, Profile.FIXED)
    if duplicates["num_repetitive"] or duplicates["num_large_box"]:
        duplicates = score_duplicates(examples, predictions, Profile.FIXED, scorer=SCORERS[metric])
    more["duplicates"] = duplicates
    if metric in _BY_CATEGORY:
        more["names"] = [
            {
                "name": name,
                "targets": c.num_targets,
                "found": c.num_detections,
                "precision": c.precision,
                "recall": c.recall,
                "f1": c.f1,
            }
            for name, c in list(scores_by_name(examples, predictions).items())[:_MOST_NAMES]
        ]
    wanted: dict[str, Callable[[], dict[str, Any]]] = {}
    if metric == "referring":
        wanted["first"] = lambda: score_first(examples, predictions, Profile.FIXED)
    if any(not boxes for e in examples for boxes in e.truth.boxes.values()):
        wanted["absent"] = lambda: score_absent(examples, predictions, Profile.FIXED)
    if has_scores:
        wanted["calibration"] = lambda: score_calibration(examples, ranked, Profile.FIXED)
    detections = [example for example in examples if asks_for_boxes(example)]
    has_boxes = any(boxes for e in detections for boxes in e.truth.boxes.values())
    has_places = any(len(p) == 4 for k in known for ps in k.found.values() for p in ps)
    if has_scores and has_boxes and has_places and metric != "text":
        wanted["ap"] = lambda: score_ap(detections, ranked, Profile.FIXED)
    for name, scored in wanted.items():
        try:
            more[name] = scored()
        except LocanyError as error:  # a package is missing, or there is nothing to measure
            remarks.append(f"{name} was not measured: {error}")
    return more


def asks_for_boxes(example: Example) -> bool:
    """Whether average precision fits: a transcription is no category, and a point no box."""
    tasks = [query.task for query in example.queries]
    return not any(task.expects_points or task.kind is TaskKind.TEXT for task in tasks)


def counts(examples: Sequence[Example], predictions: Mapping[str, Prediction]) -> dict[str, Any]:
    """What was asked, what came back at all, and how answers ended.

    Missing and failed are examples; queries and those that ended, neither cut nor failed, are questions.
    """
    known = [predictions[example.id] for example in examples if example.id in predictions]
    errors: dict[str, int] = {}
    for prediction in known:
        if prediction.error:
            kind = prediction.error.partition(":")[0]
            errors[kind] = errors.get(kind, 0) + 1
    num_queries = sum(len(example.queries) for example in examples)
    num_places = sum(len(places) for p in known for places in p.found.values())
    num_odd = num_places - sum(map(num_readable, known))
    return {
        "num_examples": len(examples),
        "num_images": len({example.image_name for example in examples}),
        "num_queries": num_queries,
        "num_targets": sum(_num_targets(example) for example in examples),
        "num_empty": sum(not _num_targets(example) for example in examples),
        "num_places": num_places,
        "num_missing": len(examples) - len(known),
        "num_ended": sum(
            len(example.queries) - predictions[example.id].num_truncated
            for example in examples
            if answer_of(example, predictions) is not None
        ),
        "num_failed": sum(errors.values()),
        "errors": errors,
        "num_truncated": sum(p.num_truncated for p in known),
        "num_malformed": sum(p.num_malformed for p in known) + num_odd,
    }


def _num_targets(example: Example) -> int:
    truth = example.truth
    return sum(len(v) for kind in (truth.boxes, truth.masks, truth.polygons) for v in kind.values())


def _finite(value: Any) -> Any:
    """NaN, which JSON lacks, as None; numpy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
