"""Data sets of one's own: images with nothing in them, and what is known by a point alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locany.errors import DataError
from locany.eval.benchmarks import open_benchmark
from locany.eval.example import Query
from locany.tasks import Task

GREY = np.zeros((80, 100, 3), np.uint8)


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Four images: a cat, a dog, and two with nothing; a bird is in none of them."""
    for i in range(4):
        Image.fromarray(GREY).save(tmp_path / f"{i}.png")
    document = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 100, "height": 80} for i in range(4)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": i, "bbox": [10, 10, 30, 30]} for i in range(2)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(("cat", "dog", "bird"))],
    }
    path = tmp_path / "set.json"
    path.write_text(json.dumps(document))
    return path


def test_images_without_an_object_are_told(coco: Path) -> None:
    contents = open_benchmark("folder", coco)
    assert [example.id for example in contents.examples] == ["0.png", "1.png"]
    assert contents.remarks == (
        "2 images without a box of one thing are not asked about (--negatives N asks them for absent names)",
    )


def test_images_for_training_are_measured_where_asked_alone(tmp_path: Path) -> None:
    """A YOLO folder knows its splits: what was learnt from is not mixed in unasked."""
    for split, count in (("train", 3), ("val", 2)):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(GREY + number).save(tmp_path / "images" / split / f"{split}{number}.png")
            (tmp_path / "labels" / split / f"{split}{number}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat]\n")
    contents = open_benchmark("folder", tmp_path)
    assert {example.id[:3] for example in contents.examples} == {"val"}
    assert contents.remarks == (
        "the 2 images for val are measured, of 5 in all; --option split=val|test|train|all says otherwise",
    )
    counts = {name: len(open_benchmark("folder", tmp_path, split=name).examples) for name in ("train", "all")}
    assert counts == {"train": 3, "all": 5}
    with pytest.raises(DataError, match="split is one of val, test, train, all, got 'dev'"):
        open_benchmark("folder", tmp_path, split="dev")


def test_faulty_records_can_be_left_out(coco: Path) -> None:
    document = json.loads(coco.read_text())
    document["annotations"][0]["bbox"] = [10, 10, -3, 30]
    coco.write_text(json.dumps(document))
    with pytest.raises(DataError, match="--option skip_faults=true") as told:
        open_benchmark("folder", coco)
    assert "Give the file" not in str(told.value)
    contents = open_benchmark("folder", coco, skip_faults=True)
    assert any("1 faults, their records are left out" in remark for remark in contents.remarks)


def test_images_of_nothing_alone_say_what_to_do(coco: Path) -> None:
    document = json.loads(coco.read_text())
    coco.write_text(json.dumps(document | {"annotations": []}))
    with pytest.raises(DataError, match=r"none of its 4 images has a box .*--negatives N") as told:
        open_benchmark("folder", coco)
    assert "Give the file" not in str(told.value)


def test_images_without_an_object_are_asked_for_absent_names(coco: Path) -> None:
    contents = open_benchmark("folder", coco, negatives=2)
    assert contents.remarks == ()
    assert [len(example.queries) for example in contents.examples] == [3, 3, 2, 2]
    empty = contents.examples[2]
    names = [query.name for query in empty.queries]
    assert set(names) < {"cat", "dog", "bird"}
    assert empty.queries == tuple(Query(Task.detect([name]), name) for name in names)
    assert empty.truth.boxes == dict.fromkeys(names, ())
    every = open_benchmark("folder", coco, ask="all")
    assert len(every.examples) == 4
    assert every.examples[3].truth.boxes == {"cat": (), "dog": (), "bird": ()}
    assert every.remarks == ()


def test_lvis_is_asked_for_what_it_lists_as_absent(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "0.png")
    image = {"id": 1, "file_name": "0.png", "width": 100, "height": 80, "neg_category_ids": [3, 4]}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 30, 30], "area": 900}
    names = ("cat", "dog", "bird", "fish")
    document = {
        "images": [{**image, "not_exhaustive_category_ids": []}],
        "annotations": [box],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
    }
    (tmp_path / "lvis.json").write_text(json.dumps(document))
    plain = open_benchmark("folder", tmp_path / "lvis.json")
    assert plain.examples[0].truth.boxes.keys() == {"cat"}
    asked = open_benchmark("folder", tmp_path / "lvis.json", negatives=3)
    assert set(asked.examples[0].truth.boxes) == {"cat", "bird", "fish"}  # of dogs nothing is known
    assert asked.remarks == ()


def test_negatives_that_cannot_be_asked_for_are_told(coco: Path) -> None:
    every = open_benchmark("folder", coco, negatives=2, ask="all")
    assert every.remarks == ("negatives=2 adds nothing: ask=all asks for every name already",)
    with pytest.raises(DataError, match="at least 0"):
        open_benchmark("folder", coco, negatives=-1, ask="all")


def test_points_among_boxes_are_told_and_are_not_absent(tmp_path: Path) -> None:
    def shape(label: str, kind: str, *points: Any) -> dict[str, Any]:
        return {"label": label, "points": list(points), "shape_type": kind}

    eyes = [shape("eye", "point", [20, 20]), shape("eye", "point", [30, 20])]
    box = shape("cat", "rectangle", [10, 10], [40, 40])
    for name, shapes in (("a", [box, *eyes]), ("b", [box]), ("c", eyes)):
        Image.fromarray(GREY).save(tmp_path / f"{name}.png")
        record = {"shapes": shapes, "imagePath": f"{name}.png", "imageHeight": 80, "imageWidth": 100}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    contents = open_benchmark("folder", tmp_path, negatives=1)
    assert "4 points are left out: of a data set of boxes only boxes are measured" in contents.remarks
    asked = {e.id: [q.name for q in e.queries if q.name] for e in contents.examples}
    assert asked == {"a.png": [], "b.png": ["eye"], "c.png": ["cat"]}, "an eye is in a and in c"
    every = {
        e.id: e.queries[0].task.categories for e in open_benchmark("folder", tmp_path, ask="all").examples
    }
    assert every == {"a.png": ("cat",), "b.png": ("cat", "eye"), "c.png": ("cat",)}


def test_bare_points_have_room_around_them(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "0.png")
    turns = [
        {"from": "human", "value": "Point to: the red button."},
        {"from": "gpt", "value": "<ref>the red button</ref><box><500><250></box>"},
    ]
    (tmp_path / "points.jsonl").write_text(json.dumps({"image": "0.png", "conversations": turns}) + "\n")
    (example,) = open_benchmark("folder", tmp_path / "points.jsonl").examples
    (box,) = example.truth.boxes["the red button"]
    assert box == pytest.approx((48, 18, 52, 22))  # 2 % of 100 pixels
