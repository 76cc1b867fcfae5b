"""Numbers that look fine and are wrong: limits, thresholds, kinds of answers, names of files and of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locany.cli.main import run
from locany.eval.benchmarks import BENCHMARKS, open_benchmark
from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.foreign import read_foreign
from locany.eval.measure import measure, positives
from locany.eval.metrics.boxes import score_boxes
from locany.eval.metrics.mixed import score_mixed
from locany.eval.metrics.profile import Profile
from locany.tasks import Task
from tests.unit.eval_fixtures import write_bundle

GREY = np.zeros((80, 100, 3), np.uint8)
BOX = (10.0, 10.0, 40.0, 40.0)


def example(name: str, task: Task, boxes: dict[str, Any], **truth: Any) -> Example:
    return Example(name, GREY, f"{name}.png", (Query(task),), Truth(boxes, **truth))


def test_an_example_without_an_answer_is_not_right_because_nothing_is_there() -> None:
    asked = [example("1", Task.refer("cat"), {"cat": (BOX,)}), example("2", Task.refer("dog"), {"dog": ()})]
    right = Prediction("1", {"cat": (BOX,)})
    for scorer in (score_boxes, score_mixed):
        both = {"1": right, "2": Prediction("2", {})}
        assert scorer(asked[1:], both, Profile.FIXED)["f1@0.5"] == 1
        assert scorer(asked[1:], {"1": right}, Profile.FIXED)["f1@0.5"] == 0
        failed = {"1": right, "2": Prediction("2", {}, error="EngineError: no")}
        assert scorer(asked[1:], failed, Profile.FIXED)["f1@0.5"] == 0


def test_average_precision_is_about_boxes_only() -> None:
    pytest.importorskip("faster_coco_eval")
    asked = [
        example("1", Task.detect(["cat"]), {"cat": (BOX,)}),
        example("2", Task.point("dog"), {"dog": (BOX,)}),
        example("3", Task.text(), {"left": (BOX,), "right": ((50.0, 10.0, 60.0, 30.0),)}),
    ]
    found = {
        "1": Prediction("1", {"cat": (BOX,)}, {"cat": (0.9,)}),
        "2": Prediction("2", {"dog": ((20.0, 20.0),)}, {"dog": (0.9,)}),
        "3": Prediction("3", {"lefl": (BOX,)}, {"lefl": (0.9,)}),
    }
    ap = measure(BENCHMARKS["folder"], asked, found)["more"]["ap"]
    assert (ap["ap@0.5"], ap["num_names"]) == (1.0, 1)


def test_average_precision_looks_below_a_threshold_that_was_chosen() -> None:
    pytest.importorskip("faster_coco_eval")
    boxes = tuple((10.0 * k, 10.0, 10.0 * k + 8, 20.0) for k in range(4))
    asked = [example("1", Task.detect(["cat"]), {"cat": boxes})]
    ranked = {"1": Prediction("1", {"cat": boxes}, {"cat": (0.9, 0.8, 0.3, 0.2)})}
    kept = {"1": Prediction("1", {"cat": boxes[:2]}, {"cat": (0.9, 0.8)})}
    found = measure(BENCHMARKS["coco"], asked, kept, ranked=ranked)
    assert found["more"]["ap"]["ap@0.5"] == pytest.approx(1.0)
    assert found["profiles"]["fixed"]["scores"]["recall@0.5"] == 0.5


def test_absent_names_do_not_count_in_published_pointing_against_masks() -> None:
    mask = {"size": [80, 100], "counts": [0, 8000]}
    asked = example("1", Task.point("dog"), {"cat": ()}, masks={"dog": (mask,)})
    found = {"1": Prediction("1", {"dog": ((5.0, 5.0),), "cat": ((9.0, 9.0),)})}
    (left,), given = positives([asked], found)
    assert left.truth.boxes == {}
    assert given["1"].found == {"dog": ((5.0, 5.0),)}


def test_a_limit_does_not_give_an_answer_to_another_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two expressions about one image; with one of them left the other's row is about nothing."""
    Image.fromarray(GREY).save(tmp_path / "a.png")
    refs = [
        {"file_name": "a.png", "expression": phrase, "bbox": box}
        for phrase, box in (("right man", [50, 10, 10, 20]), ("left man", [10, 10, 30, 30]))
    ]
    (tmp_path / "refs.json").write_text(json.dumps(refs))
    rows = [
        {"image_path": "a.png", "categories": [name], "extracted_predictions": {name: [box]}}
        for name, box in (("left man", [10, 10, 40, 40]), ("right man", [50, 10, 60, 30]))
    ]
    (tmp_path / "found.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["eval", "folder", str(tmp_path / "refs.json"), "--predictions", str(tmp_path / "found.jsonl")]
    for more in ([], ["--limit", "1"]):
        out = tmp_path / f"out{len(more)}"
        assert run([*command, "--out", str(out), *more]) == 0
        metrics = json.loads((out / "metrics.json").read_text())
        assert metrics["profiles"]["fixed"]["scores"]["f1@0.5"] == 1.0
    capsys.readouterr()


def test_files_of_one_name_in_several_folders(tmp_path: Path) -> None:
    images, boxes = [], []
    for number, folder in enumerate(("cam1", "cam2")):
        (tmp_path / folder).mkdir()
        Image.fromarray(GREY).save(tmp_path / folder / "0001.png")
        images.append({"id": number, "file_name": f"{folder}/0001.png", "width": 100, "height": 80})
        boxes.append(
            {"id": number, "image_id": number, "category_id": 1, "bbox": [10 + 30 * number, 10, 20, 20]}
        )
    path = tmp_path / "set.json"
    path.write_text(
        json.dumps({"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]})
    )
    examples = open_benchmark("folder", path).examples
    assert [e.image_name for e in examples] == ["cam1/0001.png", "cam2/0001.png"]
    (tmp_path / "found.json").write_text(json.dumps([{**box, "score": 0.9} for box in boxes]))
    read = read_foreign(tmp_path / "found.json", examples, path)
    assert [p.found["cat"][0][0] for p in read.predictions] == [10, 40]
    rows = [
        {"image_path": f"/data/x/{e.image_name}", "categories": ["cat"],
         "extracted_predictions": {"cat": [[n, 0, 9, 9]]}}
        for n, e in reversed(list(enumerate(examples)))
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = read_foreign(tmp_path / "rows.jsonl", examples)
    assert sorted((p.id, p.found["cat"][0][0]) for p in read.predictions) == [
        ("cam1/0001.png", 0), ("cam2/0001.png", 1),
    ]  # fmt: skip


def test_the_bundle_is_not_taken_for_the_original_files_of_visdrone(tmp_path: Path) -> None:
    root = write_bundle(tmp_path / "EvalData", 1)
    folder = root / "_annotations" / "box_eval"
    row = json.loads((folder / "COCO.jsonl").read_text())
    (folder / "VisDrone.jsonl").write_text(json.dumps({**row, "dataset_name": "VisDrone"}) + "\n")
    (root / "_annotations").rename(root / "annotations")
    assert len(open_benchmark("visdrone", root).examples) == 1
