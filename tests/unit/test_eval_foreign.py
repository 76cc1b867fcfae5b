"""Predictions of other models: our form, the published form, COCO results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locany.errors import DataError
from locany.eval.benchmarks import BENCHMARKS, open_benchmark
from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.foreign import best_threshold, filtered, read_foreign
from locany.eval.measure import measure
from locany.eval.predictions import from_json, line_of
from locany.tasks import Task
from tests.unit.eval_fixtures import BOXES, write_bundle, write_instances

PERFECT = {name: tuple(tuple(box) for box in boxes) for name, boxes in BOXES.items()}


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    return list(open_benchmark("coco", write_bundle(tmp_path / "bundle", 3)).examples)


def write(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


def test_our_own_lines(examples: list[Example], tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    given = [Prediction(e.id, PERFECT) for e in (examples[2], examples[0], examples[0])]
    path.write_bytes(b"".join(map(line_of, [*given, Prediction("stranger")])))
    read = read_foreign(path, examples)
    assert read.kind == "locany"
    assert [p.id for p in read.predictions] == [examples[0].id, examples[2].id], (
        "in the order of the examples"
    )
    assert read.remarks == (
        "1 rows are about nothing in the benchmark, such as stranger",
        "1 rows stand there twice; the first counts",
        "1 of 3 examples have no prediction",
    )


def test_published_rows_are_found_by_image(examples: list[Example], tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "image_path": f"{folder}{i}.png",
            "categories": ["cat", "traffic light"],
            "extracted_predictions": {
                "cat": [[10, 10, 40, 40], None, "None", [1, 2]],
                "owl": [["a"], [float("nan")]],
            },
            "raw_response": "text",
        }
        for i, folder in enumerate(("coco/", "", "/elsewhere/"))
    ]
    read = read_foreign(write(tmp_path / "p.jsonl", [*rows, rows[0]]), examples)
    assert read.kind == "published"
    assert [p.id for p in read.predictions] == [e.id for e in examples]
    assert read.predictions[0].found == {"cat": ((10, 10, 40, 40), (1, 2)), "owl": ((), ())}, "odd ones, too"
    assert read.predictions[0].answer == "text"
    assert read.remarks == (
        "1 rows stand there twice; the first counts",  # copies of a sampler that fills up
        "1 names in the answers stand for nothing in their image, such as owl",
    )


def test_names_of_published_rows_get_the_spelling_of_the_benchmark(tmp_path: Path) -> None:
    box, other = (10.0, 10.0, 40.0, 40.0), (50.0, 10.0, 60.0, 30.0)
    grey = np.zeros((80, 100, 3), np.uint8)

    def read(task: Task, truth: Truth, found: Any) -> tuple[Prediction, tuple[str, ...], list[Any]]:
        one = Example("1", grey, "a.png", (Query(task),), truth)
        row = {"image_path": "a.png", "extracted_predictions": found}
        given = read_foreign(write(tmp_path / "p.jsonl", [row]), [one])
        scores = measure(BENCHMARKS["folder"], [one], {"1": given.predictions[0]})["profiles"]
        values = [scores[name]["scores"]["f1@0.5"] for name in ("published", "fixed")]
        return given.predictions[0], given.remarks, values

    truth = Truth({"Cat": (box,), "traffic light": (other,)})
    detect = Task.detect(["Cat", "traffic light"])
    one, remarks, values = read(detect, truth, {"cat": [box], "Traffic_Light": [other]})
    assert list(one.found) == ["Cat", "traffic light"]
    assert (remarks, values) == ((), [1, 1])
    one, remarks, values = read(detect, truth, {"CAT": [other], "cat": [box], "traffic light": [other]})
    assert list(one.found) == ["Cat", "cat", "traffic light"], "the published count takes the last one"
    assert remarks == ("1 names in the answers stand for nothing in their image, such as cat",)
    assert values == [1, pytest.approx(0.4)], "one of three is right, of two"
    text = Truth({"Exit": (box,)})
    assert list(read(Task.text(), text, {"EXIT": [box]})[0].found) == ["EXIT"], "as it was read"
    one, remarks, _ = read(Task.point("hot dog"), Truth({"hot dog": (box,)}), {"hot_dog": [[20, 20]]})
    assert (list(one.found), remarks) == (["hot_dog"], ()), "published pointing takes this for another name"


def test_rows_about_one_image_are_told_apart_by_what_was_asked(tmp_path: Path) -> None:
    def asks(name: str, phrase: str) -> Example:
        query = Query(Task.refer(phrase), phrase)
        return Example(name, np.zeros((8, 8, 3), np.uint8), "a.png", (query,), Truth())

    examples = [asks("1", "the left cat"), asks("2", "The Right_cat"), asks("3", "the left cat")]
    rows = [
        {"image_path": "a.png", "categories": [phrase], "extracted_predictions": {phrase: [[x, 0, 9, 9]]}}
        for x, phrase in enumerate(["the right cat", "the left cat", "the left cat", "no cat"])
    ]
    read = read_foreign(write(tmp_path / "p.jsonl", rows), examples)
    assert [(p.id, next(iter(p.found.values()))[0][0]) for p in read.predictions] == [
        ("1", 1),
        ("2", 0),
        ("3", 2),
    ]
    assert read.remarks[0].startswith("1 rows are about nothing")


def test_coco_results(examples: list[Example], tmp_path: Path) -> None:
    annotations = write_instances(tmp_path / "instances.json", 4)
    results = [
        {"image_id": 101, "category_id": 9, "bbox": [50, 10, 10, 20], "score": 0.2},
        {"image_id": 101, "category_id": 9, "bbox": [70, 10, 10, 20], "score": 0.9},
        {"image_id": 103, "category_id": 7, "bbox": [0, 0, 9, 9], "score": 0.9},
    ]
    (tmp_path / "found.json").write_text(json.dumps(results))
    read = read_foreign(tmp_path / "found.json", examples, annotations)
    assert read.kind == "coco"
    assert len(read.predictions) == 3, "an image without a detection was looked at all the same"
    one = read.predictions[1]
    assert one.found == {"traffic light": ((70, 10, 80, 30), (50, 10, 60, 30))}, "surest first"
    assert one.scores == {"traffic light": (0.9, 0.2)}
    assert read.remarks == ("1 images are not in the benchmark, such as 3.png",)
    with pytest.raises(DataError, match="--annotations FILE"):
        read_foreign(tmp_path / "found.json", examples)


def test_one_threshold_for_all_images() -> None:
    places = ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 2.0, 2.0))
    one = Prediction(
        "a", {"cat": places, "dog": places[:1], "owl": places[:1]}, {"cat": (0.9, 0.3), "dog": (0.2,)}
    )
    kept = filtered(one, 0.25)
    assert kept == replace(one, found={"cat": places, "owl": places[:1]}, scores={"cat": (0.9, 0.3)})
    assert filtered(one, 0.0) == one
    seen: list[int] = []

    def value_of(predictions: Sequence[Prediction]) -> float:
        seen.append(sum(len(found) for p in predictions for found in p.found.values()))
        return -abs(seen[-1] - 2)

    steps: list[None] = []
    assert best_threshold([one], value_of, lambda: steps.append(None)) == 0.31
    assert len(seen) == len(steps) == 101


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no prediction in it"),
        ('{"image": "a"}\n', "in no form that is known"),
        ("not json\n", "line 1, is not JSON"),
        ('{"image_path": "coco/0.png", "extracted_predictions": [1]}\n', "no row of published predictions"),
        (
            '{"image_path": "far.png", "extracted_predictions": {}}\n',
            "none of the 3 examples; it names far.png",
        ),
        ("[{}]", "has no 'image_id'"),
        (
            '[{"image_id": 999, "category_id": 7, "bbox": [1, 2, 3, 4]}]',
            "image_id 999 is not in it",
        ),
        ('[{"image_id": 100, "category_id": 7, "bbox": [1, 2, 3]}]', "result 1"),
        ("[", "cannot be read"),
    ],
)
def test_files_that_cannot_be_used(content: str, words: str, examples: list[Example], tmp_path: Path) -> None:
    (tmp_path / "p").write_text(content)
    with pytest.raises(DataError) as caught:
        read_foreign(tmp_path / "p", examples, write_instances(tmp_path / "instances.json"))
    assert words in str(caught.value)


@pytest.mark.parametrize("score", [-0.5, 90, float("nan"), float("inf")])
def test_scores_that_are_none(score: float, examples: list[Example], tmp_path: Path) -> None:
    annotations = write_instances(tmp_path / "instances.json")
    results = [{"image_id": 100, "category_id": 7, "bbox": [1, 2, 3, 4], "score": s} for s in (0.5, score)]
    (tmp_path / "found.json").write_text(json.dumps(results))
    words = "has the score .*, expected 0 to 1; divide percentages by 100, apply a sigmoid"
    with pytest.raises(DataError, match=f"found.json, result 2, {words}"):
        read_foreign(tmp_path / "found.json", examples, annotations)
    row = {"id": examples[0].id, "found": {"cat": [[1, 2, 3, 4]]}, "scores": {"cat": [score]}}
    with pytest.raises(DataError, match=f"p.jsonl, line 1, {words}"):
        read_foreign(write(tmp_path / "p.jsonl", [row]), examples)


def test_places_that_are_not_finite_are_malformed(examples: list[Example], tmp_path: Path) -> None:
    nan = float("nan")
    found, scores = {"cat": [[nan, 2, 3, 4], [10, 10, 40, 40]]}, {"cat": [0.9, 0.8]}
    path = write(tmp_path / "p.jsonl", [{"id": examples[0].id, "found": found, "scores": scores}])
    results = [
        {"image_id": 100, "category_id": 7, "bbox": [nan, 2, 3, 4], "score": 0.9},
        {"image_id": 100, "category_id": 7, "bbox": [10, 10, 30, 30], "score": 0.8},
    ]
    (tmp_path / "found.json").write_text(json.dumps(results))
    for read in (
        read_foreign(path, examples),
        read_foreign(tmp_path / "found.json", examples, write_instances(tmp_path / "instances.json")),
    ):
        one = read.predictions[0]
        assert one.found == {"cat": ((), (10, 10, 40, 40))}
        assert from_json(json.loads(line_of(one)), "here") == one, "and can be written down"
        document = measure(BENCHMARKS["coco"], examples, {one.id: one})
        assert document["counts"]["num_malformed"] == 1
        assert document["remarks"] == []


def test_missing_files(examples: list[Example], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_foreign(tmp_path / "none", examples)
    (tmp_path / "found.json").write_text("[]")
    (tmp_path / "odd.json").write_text("[]")
    with pytest.raises(DataError, match="is no COCO annotation file"):
        read_foreign(tmp_path / "found.json", examples, tmp_path / "odd.json")
