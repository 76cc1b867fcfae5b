"""Predictions that others wrote: the published JSONL, COCO results, and our own form, read into one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from locany.errors import DataError
from locany.eval.example import Example, Place, Prediction
from locany.eval.predictions import check_score, finite_or_none, from_json, is_ours, read_lines
from locany.tasks import TaskKind

THRESHOLDS = tuple(number / 100 for number in range(101))
_MOST_NAMED = 3  # things named in a remark


@dataclass(frozen=True)
class Foreign:
    """What a file holds for the examples of a benchmark.

    Attributes:
        kind: "locany", "published" or "coco".
        predictions: one of each example that the file speaks of, in the order of the examples.
        remarks: what did not fit, one sentence each.
    """

    kind: str
    predictions: tuple[Prediction, ...]
    remarks: tuple[str, ...] = ()


def read_foreign(path: Path, examples: Sequence[Example], annotations: Path | None = None) -> Foreign:
    """Read a file of predictions; its form is seen from its content.

    Args:
        path: our predictions.jsonl; published JSONL, rows with "image_path" and "extracted_predictions"; or
            COCO results, a list of {"image_id", "category_id", "bbox" (x, y, width, height), "score"}.
        examples: of the benchmark.
        annotations: for COCO results: the annotation file that their ids are of.

    Raises:
        DataError: the file is none of these, speaks of none of the examples, or has scores beyond 0..1.
    """
    if _begins_with(path) == "[":
        return _coco(path, examples, annotations)
    lines = read_lines(path)
    if not lines:
        raise DataError(f"{path} has no prediction in it")
    first = lines[0][1]
    if is_ours(first):
        return _ours(path, lines, examples)
    if isinstance(first, Mapping) and "extracted_predictions" in first:
        return _published(path, lines, examples)
    raise DataError(
        f'{path} is in no form that is known: expected lines with "id" and "found", lines with "image_path" '
        'and "extracted_predictions", or a list of COCO results'
    )


def filtered(prediction: Prediction, threshold: float) -> Prediction:
    """With the places alone that score at least `threshold`; a place without a score stays."""
    found, scores = {}, {}
    for name, places in prediction.found.items():
        values = prediction.scores.get(name, ())
        if not values:
            found[name] = places
            continue
        kept = [i for i, value in enumerate(values) if value >= threshold]
        if kept:
            found[name] = tuple(places[i] for i in kept)
            scores[name] = tuple(values[i] for i in kept)
    return replace(prediction, found=found, scores=scores)


def best_threshold(
    predictions: Sequence[Prediction],
    value_of: Callable[[Sequence[Prediction]], float],
    on_threshold: Callable[[], None] = lambda: None,
) -> float:
    """The one threshold for all images that gives the most, as detectors are compared in the papers.

    Args:
        predictions: with scores.
        value_of: what is to be high.
        on_threshold: called after each of `THRESHOLDS`.
    """
    best, chosen = -1.0, 0.0
    for threshold in THRESHOLDS:
        value = value_of([filtered(prediction, threshold) for prediction in predictions])
        if value > best:
            best, chosen = value, threshold
        on_threshold()
    return chosen


# -- our form -----------------------------------------------------------------------------------------------


def _ours(path: Path, lines: Sequence[tuple[str, Any]], examples: Sequence[Example]) -> Foreign:
    read = [from_json(line, where) for where, line in lines]
    return _joined("locany", path, [(p.id, p) for p in read], examples, {example.id for example in examples})


def _joined(
    kind: str,
    path: Path,
    pairs: Iterable[tuple[str, Prediction]],
    examples: Sequence[Example],
    known: Collection[str],
    strangers: Sequence[str] = (),
) -> Foreign:
    """One prediction for each example: the first, as copies come from samplers that fill up."""
    by_example: dict[str, Prediction] = {}
    unknown, num_again = list(strangers), 0
    for name, prediction in pairs:
        if name not in known:
            unknown.append(name)
        elif name in by_example:
            num_again += 1
        else:
            by_example[name] = replace(prediction, id=name)
    if not by_example:
        raise DataError(
            f"{path} speaks of none of the {len(examples)} examples; it names {_some(unknown)}, "
            f"the benchmark {_some([example.image_name for example in examples])}"
        )
    remarks = []
    if unknown:
        remarks.append(f"{len(unknown)} rows are about nothing in the benchmark, such as {_some(unknown)}")
    if num_again:
        remarks.append(f"{num_again} rows stand there twice; the first counts")
    if missing := len(examples) - len(by_example):
        remarks.append(f"{missing} of {len(examples)} examples have no prediction")
    ordered = [by_example[example.id] for example in examples if example.id in by_example]
    return Foreign(kind, tuple(ordered), tuple(remarks))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + ", ..." * (len(names) > _MOST_NAMED)


# -- published ----------------------------------------------------------------------------------------------


def _published(path: Path, lines: Sequence[tuple[str, Any]], examples: Sequence[Example]) -> Foreign:
    places, by_id = _Places(examples), {example.id: example for example in examples}
    pairs, strangers = [], []
    unknown: dict[str, None] = {}
    for where, line in lines:
        try:
            image, prediction = str(line["image_path"]), _published_row(line)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{where} is no row of published predictions ({type(error).__name__}: {error})"
            ) from None
        listed = line.get("categories") or list(prediction.found)
        name = places.take(image, [str(text) for text in listed])
        if name is None:
            strangers.append(image)
        else:
            prediction, others = _respelled(prediction, by_id[name])
            unknown.update(dict.fromkeys(others))
            pairs.append((name, prediction))
    joined = _joined("published", path, pairs, examples, by_id.keys(), strangers)
    if not unknown:
        return joined
    names = _some(list(unknown))
    remark = f"{len(unknown)} names in the answers stand for nothing in their image, such as {names}"
    return replace(joined, remarks=(*joined.remarks, remark))


def _respelled(prediction: Prediction, example: Example) -> tuple[Prediction, list[str]]:
    """What was found under the example's own spelling of names, and the names that it does not have.

    The published count takes names for equal that differ in case and such; profile `fixed` does not. It gets
    one name for another only where the published count cannot tell: of two names with one spelling the second
    stays, and pointing compares all but case. Transcriptions are what was read, and stay.
    """
    kinds = {query.task.kind for query in example.queries}
    if TaskKind.TEXT in kinds:
        return prediction, []
    truth, points = example.truth, any(query.task.expects_points for query in example.queries)
    known = {*truth.boxes, *truth.masks, *truth.polygons, *truth.crowd, *truth.partial}
    found: dict[str, tuple[Place, ...]] = {}
    for name, values in prediction.found.items():
        own = name if name in known else _name_in(example, name)
        if own in found or own in prediction.found or (points and own.lower() != name.lower()):
            own = name
        found[own] = values
    # Answers to the one phrase of an example count whatever they are called.
    is_phrase = len(known) <= 1 and all(query.task.phrase for query in example.queries)
    others = [] if is_phrase else [name for name, values in found.items() if values and name not in known]
    return replace(prediction, found=found), others


def _published_row(line: Mapping[str, Any]) -> Prediction:
    """Places keep however many numbers they have: what to make of odd ones is up to the metric.

    What is no list of numbers is a place without any, and so malformed under the name that it has.
    """
    found: dict[str, tuple[Place, ...]] = {}
    for name, values in (line["extracted_predictions"] or {}).items():
        found[name] = tuple(_place(value) for value in values or () if value not in (None, "None"))
    return Prediction("", found, answer=str(line.get("raw_response") or ""))


def _place(value: Any) -> Place:
    is_place = isinstance(value, list | tuple) and all(_is_number(v) for v in value)
    return tuple(float(v) for v in value) if is_place else ()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


class _Places:
    """Finds the example that a row is about: by image, and among those of one image by what was asked."""

    def __init__(self, examples: Sequence[Example]):
        self.by_image: dict[str, list[Example]] = {}
        for example in examples:
            self.by_image.setdefault(_path(example.image_name), []).append(example)
        self.by_base: dict[str, list[str]] = {}
        for image in self.by_image:
            self.by_base.setdefault(PurePosixPath(image).name, []).append(image)
        self.taken: dict[tuple[str, frozenset[str]], int] = {}

    def take(self, image: str, names: Sequence[str]) -> str | None:
        """The id, or None. Rows that ask alike about one image take its examples in turn."""
        key = _path(image)
        if key not in self.by_image:
            same = _same_file(key, self.by_base.get(PurePosixPath(key).name, []))
            if same is None:
                return None
            key = same
        candidates = self.by_image[key]
        if len(candidates) == 1:
            return candidates[0].id
        asked = frozenset(_spelling(name) for name in names)
        candidates = [example for example in candidates if _asked_for(example) == asked]
        if not candidates:
            return None
        number = self.taken.get((key, asked), 0)
        self.taken[key, asked] = number + 1
        return candidates[number % len(candidates)].id


def _same_file(path: str, names: Sequence[str]) -> str | None:
    """The one of some names with the same last part that a path is about; None where that is not clear."""
    if len(names) == 1:
        return names[0]
    fitting = [name for name in names if f"/{path}".endswith(f"/{name}") or f"/{name}".endswith(f"/{path}")]
    return fitting[0] if len(fitting) == 1 else None


def _path(name: str) -> str:
    return str(PurePosixPath(name.replace("\\", "/")))


def _spelling(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _asked_for(example: Example) -> frozenset[str]:
    tasks = [query.task for query in example.queries]
    return frozenset(_spelling(name) for task in tasks for name in (task.categories or (task.phrase,)))


# -- COCO ---------------------------------------------------------------------------------------------------


def _coco(path: Path, examples: Sequence[Example], annotations: Path | None) -> Foreign:
    if annotations is None:
        raise DataError(
            f"{path} are COCO results, whose numbers mean something only with an annotation file; give it as "
            "--annotations FILE"
        )
    images, categories = _ids(annotations)
    by_path = {_path(example.image_name): example for example in examples}
    by_base: dict[str, list[str]] = {}
    for called in by_path:
        by_base.setdefault(PurePosixPath(called).name, []).append(called)
    found: dict[str, dict[str, list[tuple[Place, float]]]] = {}
    strangers = []
    results = _json(path)
    for number, result in enumerate(results, start=1):
        try:
            image, category = images[result["image_id"]], categories[result["category_id"]]
            x, y, width, height = (float(value) for value in result["bbox"])
            score = float(result.get("score", 1.0))
        except KeyError as error:
            known = {"image_id": images, "category_id": categories}
            field = next((name for name in known if result.get(name) not in known[name]), None)
            what = f"has no {error}" if field not in result else f"{field} {result[field]!r} is not in it"
            raise DataError(f"{path}, result {number}, is no COCO result of {annotations}: {what}") from None
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"{path}, result {number}, is no COCO result of {annotations} "
                f"({type(error).__name__}: {error})"
            ) from None
        check_score(score, f"{path}, result {number},")
        same = _same_file(_path(image), by_base.get(PurePosixPath(_path(image)).name, ()))
        if same is None:
            strangers.append(image)
            continue
        example = by_path[same]
        name = _name_in(example, category)
        box = finite_or_none((x, y, x + width, y + height))
        found.setdefault(example.id, {}).setdefault(name, []).append((box, score))
    pairs = []
    for example in examples:  # an image that is not mentioned has no detection: it was looked at all the same
        by_name = found.get(example.id, {})
        ranked = {name: sorted(items, key=lambda item: -item[1]) for name, items in by_name.items()}
        pairs.append(
            (
                example.id,
                Prediction(
                    example.id,
                    {name: tuple(place for place, _ in items) for name, items in ranked.items()},
                    {name: tuple(score for _, score in items) for name, items in ranked.items()},
                ),
            )
        )
    if results and not found:
        raise DataError(f"{path} speaks of none of the {len(examples)} examples; it names {_some(strangers)}")
    strangers = list(dict.fromkeys(strangers))
    remark = f"{len(strangers)} images are not in the benchmark, such as {_some(strangers)}"
    joined = _joined("coco", path, pairs, examples, {e.id for e in examples})
    return replace(joined, remarks=(*joined.remarks, *([remark] if strangers else [])))


def _ids(annotations: Path) -> tuple[dict[Any, str], dict[Any, str]]:
    """Names of images and of categories by id."""
    document = _json(annotations)
    try:
        images = {i["id"]: str(i.get("file_name") or i["coco_url"]) for i in document["images"]}
        return images, {c["id"]: str(c["name"]) for c in document["categories"]}
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"{annotations} is no COCO annotation file ({type(error).__name__}: {error}); expected an object "
            "with images and categories"
        ) from None


def _name_in(example: Example, category: str) -> str:
    """The example's own spelling of a category: LVIS writes aerosol_can where blanks are asked for."""
    wanted = _spelling(category)
    truth = example.truth
    names = (*truth.boxes, *truth.masks, *truth.polygons, *truth.crowd)
    return next((name for name in names if _spelling(name) == wanted), category)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def _begins_with(path: Path) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read(4096).lstrip()[:1]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
