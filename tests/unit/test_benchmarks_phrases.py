"""Expressions, screens and data sets of the user's own: exact truth and questions, and what damage says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locany.data.converters import write_samples
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError
from locany.eval.benchmarks import BENCHMARKS, open_benchmark
from locany.eval.example import Example, Prediction, Query, Truth
from locany.eval.metrics.profile import Profile
from locany.eval.metrics.table import HEADLINES, SCORERS
from locany.tasks import Task
from tests.unit.benchmark_fixtures import RLE, bundle, image, instances, json_file, text
from tests.unit.test_benchmarks import only

PHRASE = "the man, in red"
DIGEST = hashlib.sha256(PHRASE.encode()).hexdigest()[:10]
BOX = (1.0, 2.0, 30.0, 40.0)
ROW = {"image_path": "x/a.jpg", "categories": [PHRASE], "gt": {PHRASE: [list(BOX)]}}


# --- HumanRef -------------------------------------------------------------------------------------


def test_humanref_of_the_bundle(tmp_path: Path) -> None:
    bundle(tmp_path, "box_eval", "HumanRef", {**ROW, "domain": "attribute"})
    bundle(tmp_path, "point_eval", "HumanRef", {**ROW, "gt": {"gt_mask": {PHRASE: [RLE]}}})
    example = only("humanref", tmp_path)
    assert example.id == f"a.jpg#{DIGEST}"
    assert example.queries == (Query(Task.ground(PHRASE), PHRASE),)
    assert example.truth == Truth({PHRASE: (BOX,)})
    assert example.groups == {"subset": "attribute"}
    points = only("humanref-point", tmp_path)
    assert points.queries == (Query(Task.point(PHRASE), PHRASE),)
    assert points.truth == Truth(masks={PHRASE: (RLE,)})


def human_row(phrase: str, domain: str, *boxes: list[int]) -> dict[str, Any]:
    return {
        "id": 1,
        "image_name": "a.jpg",
        "referring": phrase,
        "domain": domain,
        "sub_domain": f"500_{domain}",
        "candidate_boxes": [],
        "answer_boxes": list(boxes),
        "answer_segmentations": [RLE] * len(boxes),
    }


def test_humanref_from_its_own_file(tmp_path: Path) -> None:
    rows = [human_row("two men", "position", [0, 0, 5, 5], [6, 0, 9, 5]), human_row("a robot", "rejection")]
    path = text(tmp_path / "annotations.jsonl", "".join(map(_line, rows)))
    image(tmp_path / "images/a.jpg")
    example = only("humanref", tmp_path)
    assert example.truth == Truth({"two men": ((0.0, 0.0, 5.0, 5.0), (6.0, 0.0, 9.0, 5.0))})
    assert example.groups == {"subset": "position"}
    assert only("humanref-point", tmp_path).truth == Truth(masks={"two men": (RLE, RLE)})
    both = open_benchmark("humanref", tmp_path, rejection=True).examples
    assert both[1].truth == Truth({"a robot": ()})
    assert both[1].groups == {"subset": "rejection"}
    path.write_text(_line(rows[0]) + _line({**rows[0], "answer_boxes": [[1, 2]]}), encoding="utf-8")
    with pytest.raises(DataError, match=r"HumanRef: .*annotations\.jsonl:2: a box has 4 numbers, got 2"):
        open_benchmark("humanref", tmp_path)


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row) + "\n"


# --- RefCOCOg -------------------------------------------------------------------------------------


def test_refcocog_of_the_bundle(tmp_path: Path) -> None:
    for split in ("val", "test"):
        bundle(tmp_path, "box_eval", f"RefCOCOg_{split}", ROW)
        bundle(tmp_path, "point_eval", f"RefCOCOg_{split}", {**ROW, "gt": {"gt_mask": {PHRASE: [RLE]}}})
        example = only(f"refcocog-{split}", tmp_path)
        assert example.queries == (Query(Task.refer(PHRASE), PHRASE),)
        assert example.truth == Truth({PHRASE: (BOX,)})
        points = only(f"refcocog-{split}-point", tmp_path)
        assert points.queries == (Query(Task.point(PHRASE), PHRASE),)


def test_a_row_of_two_expressions_is_refused(tmp_path: Path) -> None:
    bundle(tmp_path, "box_eval", "RefCOCOg_val", {**ROW, "categories": ["one", "two"]})
    with pytest.raises(DataError, match=r"the row about x/a\.jpg has one expression, got \['one', 'two'\]"):
        open_benchmark("refcocog-val", tmp_path)


def refs() -> list[dict[str, Any]]:
    """As in the published pickle: `file_name` names no image."""
    common = {"category_id": 1, "image_id": 42, "file_name": "COCO_train2014_000000000042_7.jpg"}
    sentences = [
        {"sent": "the red  cup", "raw": "The red cup.", "sent_id": 0, "tokens": ["the"]},
        {"sent": "a cup"},
    ]
    return [
        {**common, "ref_id": 1, "ann_id": 7, "split": "val", "sentences": sentences, "sent_ids": [0, 1]},
        {
            **common,
            "ref_id": 2,
            "ann_id": 8,
            "split": "test",
            "sentences": [{"sent": "a dog"}],
            "sent_ids": [2],
        },
    ]


def refcocog(folder: Path, records: list[dict[str, Any]]) -> Path:
    listed = [{"id": 42, "file_name": "COCO_train2014_000000000042.jpg"}]
    document = instances(listed, [(42, 1, [1, 2, 3, 4]), (42, 1, [5, 5, 5, 5])], ["thing"])
    for annotation, number in zip(document["annotations"], (7, 8), strict=True):
        annotation["id"] = number
    json_file(folder / "instances.json", document)
    image(folder / "train2014/COCO_train2014_000000000042.jpg")
    return json_file(folder / "refs.json", records)


def test_refcocog_from_its_own_files(tmp_path: Path) -> None:
    refcocog(tmp_path, refs())
    contents = open_benchmark("refcocog-val", tmp_path)
    assert [e.queries for e in contents.examples] == [
        (Query(Task.refer("the red cup"), "the red cup"),),
        (Query(Task.refer("a cup"), "a cup"),),
    ]
    assert contents.examples[0].image == tmp_path / "train2014/COCO_train2014_000000000042.jpg"
    assert contents.examples[0].truth == Truth({"the red cup": ((1.0, 2.0, 4.0, 6.0),)})
    assert only("refcocog-test", tmp_path).truth == Truth({"a dog": ((5.0, 5.0, 10.0, 10.0),)})
    points = open_benchmark("refcocog-test-point", tmp_path)
    assert points.examples[0].queries == (Query(Task.point("a dog"), "a dog"),)
    assert "held against boxes" in points.remarks[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ann_id": 99}, r"refs\.json: ref 1 of the list: ann_id 99 is no annotation"),
        ({"split": 3}, "ref 1 of the list: field 'split' is a text"),
        ({"sentences": [{}]}, "ref 1 of the list: has no field 'sent'"),
        ({"bbox": [1, 2]}, "ref 1 of the list: bbox has 4 numbers"),
    ],
)
def test_damaged_refs(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    records = refs()
    records[0].update(change)
    refcocog(tmp_path, records)
    with pytest.raises(DataError, match=message):
        open_benchmark("refcocog-val", tmp_path)


# --- ScreenSpot -----------------------------------------------------------------------------------

V2 = {
    "desktop": ("pc_1.png", "icon", "windows", "Desktop"),
    "mobile": ("mobile_1.png", "text", "ios", "Mobile"),
    "web": ("web_1.png", "text", "shop", "Web"),
}


def screenspot_v2(folder: Path) -> None:
    for number, (device, (name, kind, source, _)) in enumerate(V2.items()):
        record = {
            "img_filename": name,
            "bbox": [10, 20, 5 + number, 6],
            "instruction": "close  this window",
            "data_type": kind,
            "data_source": source,
        }
        json_file(folder / f"screenspot_{device}_v2.json", [record])
        image(folder / "screenspotv2_image" / name)


def test_screenspot_v2_from_its_files(tmp_path: Path) -> None:
    screenspot_v2(tmp_path)
    examples = open_benchmark("screenspot-v2", tmp_path).examples
    phrase = "close this window"
    for number, (example, (name, kind, _, source)) in enumerate(zip(examples, V2.values(), strict=True)):
        assert example.image == tmp_path / "screenspotv2_image" / name
        assert example.queries == (Query(Task.gui(phrase, point=True), phrase),)
        assert example.truth == Truth({phrase: ((10.0, 20.0, 15.0 + number, 26.0),)})
        assert example.groups == {"source": source, "type": kind}
    asked = open_benchmark("screenspot-v2", tmp_path, boxes=True).examples
    assert asked[0].queries == (Query(Task.gui(phrase), phrase),)
    assert [e.id for e in asked] == [e.id for e in examples]
    (tmp_path / "screenspot_web_v2.json").unlink()
    with pytest.raises(DataError, match=r"has none of: screenspot_web_v2\.json"):
        open_benchmark("screenspot-v2", tmp_path)


def pro_record(**more: Any) -> dict[str, Any]:
    return {
        "img_filename": "android_studio_mac/shot.png",
        "bbox": [10, 20, 50, 60],
        "instruction": "run",
        "instruction_cn": "x",
        "id": "android_studio_macos_0",
        "application": "android_studio",
        "platform": "macos",
        "img_size": [200, 100],
        "ui_type": "icon",
        "group": "Dev",
        **more,
    }


def test_screenspot_pro_from_its_files(tmp_path: Path) -> None:
    json_file(tmp_path / "annotations/android_studio_macos.json", [pro_record()])
    spec_form = {
        "file_name": "b/x.png",
        "instruction": "stop",
        "answer": [1, 2, 3, 4],
        "data_type": "Unknown",
    }
    json_file(tmp_path / "annotations/blender.json", [{**spec_form, "ui_type": "text", "group": "Creative"}])
    image(tmp_path / "images/android_studio_mac/shot.png")
    image(tmp_path / "images/b/x.png")
    first, second = open_benchmark("screenspot-pro", tmp_path).examples
    assert first.truth == Truth({"run": ((10.0, 20.0, 50.0, 60.0),)})
    assert first.groups == {"source": "Dev", "type": "icon"}
    assert first.image_name == "android_studio_mac/shot.png"
    assert second.truth == Truth({"stop": ((1.0, 2.0, 3.0, 4.0),)})
    assert second.groups == {"source": "Creative", "type": "text"}


def test_screenspot_of_the_bundle(tmp_path: Path) -> None:
    row = {
        "image_path": "screenspot_v2/pc_1.png",
        "categories": ["run"],
        "gt": [10, 20, 50, 60],
        "data_type": "icon",
    }
    for name, benchmark in (("ScreenSpot_v2", "screenspot-v2"), ("ScreenSpotPro", "screenspot-pro")):
        bundle(tmp_path, "gui_eval", name, row)
        example = only(benchmark, tmp_path)
        assert example.queries == (Query(Task.gui("run", point=True), "run"),)
        assert example.truth == Truth({"run": ((10.0, 20.0, 50.0, 60.0),)})
        assert example.groups == {"source": "Desktop", "type": "icon"}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (pro_record(bbox=[1, 2, 3]), "record 1: bbox has 4 numbers"),
        (pro_record(instruction=" "), "record 1: the instruction ' ' cannot be asked for"),
        (pro_record(img_filename="gone.png"), r"record 1: image 'gone\.png' is missing"),
        ("x", "record 1: a record is an object"),
    ],
)
def test_damaged_records_of_screens(record: Any, message: str, tmp_path: Path) -> None:
    json_file(tmp_path / "annotations/a.json", [record])
    image(tmp_path / "images/android_studio_mac/shot.png")
    with pytest.raises(DataError, match=rf"ScreenSpot-Pro: .*annotations/a\.json: {message}"):
        open_benchmark("screenspot-pro", tmp_path)


# --- with the scorers -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["box_eval", "point_eval", "gui_eval"])
def test_right_answers_get_full_marks(kind: str, tmp_path: Path) -> None:
    names = {
        "box_eval": {
            n: n for n in ("dense200", "visdrone", "coco", "lvis", "doclaynet", "m6doc", "ic15", "humanref")
        },
        "point_eval": {f"{n}-point": n for n in ("dense200", "visdrone", "coco", "lvis", "humanref")},
        "gui_eval": {"screenspot-v2": "screenspot-v2", "screenspot-pro": "screenspot-pro"},
    }[kind]
    truth: Any = {PHRASE: [list(BOX)]}
    if kind == "point_eval":
        truth = {"gt_mask": {PHRASE: [RLE]}}
    for benchmark, name in names.items():
        bundle(tmp_path, kind, name, {**ROW, "gt": list(BOX) if kind == "gui_eval" else truth})
        about = BENCHMARKS[benchmark]
        example = only(benchmark, tmp_path)
        place = (5.0, 5.0) if about.metric in ("points", "points_referring", "gui") else BOX
        answers = {example.id: Prediction(example.id, {PHRASE: (place,)})}
        for profile in Profile:
            numbers = SCORERS[about.metric]([example], answers, profile)
            assert numbers[HEADLINES[about.metric]] == pytest.approx(1.0), (benchmark, profile)


# --- data sets of the user's own ------------------------------------------------------------------


def own(folder: Path, *objects: Target, name: str = "a.png") -> Sample:
    asked = tuple(dict.fromkeys(target.label for target in objects))
    questions = (Question(Task.detect(asked), objects),) if asked else ()
    return Sample(ImageRef(image(folder / name), (200, 100)), questions, objects)


FISH = Target("fish", (10.0, 10.0, 50.0, 40.0))
CRAB = Target("crab", (60.0, 10.0, 90.0, 40.0))


@pytest.mark.parametrize("format", ["coco", "yolo", "voc", "labelme"])
def test_folders_of_any_detection_format(format: str, tmp_path: Path) -> None:
    path = tmp_path / ("set.json" if format == "coco" else "set")
    write_samples(
        [own(tmp_path, FISH), own(tmp_path, FISH, CRAB, name="b.png")], path, format, ["fish", "crab"]
    )
    first, second = open_benchmark("folder", path).examples
    assert first.id == "a.png"
    assert first.queries == (Query(Task.detect("fish")),)
    assert first.truth.boxes["fish"][0] == pytest.approx((10, 10, 50, 40))
    assert second.queries == (Query(Task.detect(["fish", "crab"])),)
    absent = open_benchmark("folder", path, negatives=1).examples[0]
    assert absent.queries[1:] == (Query(Task.detect("crab"), "crab"),)
    assert absent.truth.boxes["crab"] == ()
    every = open_benchmark("folder", path, ask="all").examples[0]
    assert {*every.queries[0].task.categories} == {"fish", "crab"}
    assert every.truth.boxes["crab"] == ()


def test_crowds_of_ones_own_are_crowds(tmp_path: Path) -> None:
    listed = [{"id": 1, "file_name": "a.png", "width": 200, "height": 100}]
    found = [(1, 1, [0, 0, 9, 9]), (1, 2, [0, 0, 99, 50], {"iscrowd": 1})]
    path = json_file(tmp_path / "set.json", instances(listed, found, ["fish", "crab"]))
    image(tmp_path / "images/a.png")
    example = only("folder", path, root=tmp_path / "images")
    assert example.queries == (Query(Task.detect("fish")),)
    crowd = {"crab": ((0.0, 0.0, 99.0, 50.0),)}
    assert example.truth == Truth({"fish": ((0.0, 0.0, 9.0, 9.0),)}, crowd=crowd)


def test_expressions_of_ones_own_are_asked_one_by_one(tmp_path: Path) -> None:
    records = [
        {"file_name": "a.png", "expression": "left fish", "bbox": [1, 2, 3, 4]},
        {"file_name": "a.png", "expression": "all fish", "bboxes": []},
    ]
    path = json_file(tmp_path / "refs.json", records)
    image(tmp_path / "a.png")
    one, none = open_benchmark("folder", path).examples
    assert one == Example(
        "a.png#0",
        tmp_path / "a.png",
        "a.png",
        (Query(Task.refer("left fish"), "left fish"),),
        Truth({"left fish": ((1.0, 2.0, 4.0, 6.0),)}),
    )
    assert none.queries == (Query(Task.ground("all fish"), "all fish"),)
    assert none.truth == Truth({"all fish": ()})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d["annotations"][0].update(bbox=[0, 0, 0, 9]), "annotation 1: the box"),
        (lambda d: d["images"][0].update(file_name="b.png"), "image 'b.png' is missing"),
    ],
)
def test_ones_own_faults_are_told(spoil: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    listed = [{"id": 1, "file_name": "a.png", "width": 200, "height": 100}]
    document = instances(listed, [(1, 1, [0, 0, 9, 9])], ["fish"])
    spoil(document)
    path = json_file(tmp_path / "set.json", document)
    image(tmp_path / "a.png")
    with pytest.raises(DataError, match=message):
        open_benchmark("folder", path)
    with pytest.raises(DataError, match="ask is one of present, all, got 'some'"):
        open_benchmark("folder", path, ask="some")
