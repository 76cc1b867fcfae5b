"""Benchmarks from the bundle and from original files: exact truth and questions, and what damage says."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from locany.errors import DataError
from locany.eval.benchmarks import BENCHMARKS, find_benchmark, open_benchmark
from locany.eval.benchmarks.rows import ANY_NAME, unique
from locany.eval.example import Example, Query, Truth
from locany.tasks import Task
from tests.unit.benchmark_fixtures import RLE, bundle, image, instances, json_file, text


def only(name: str, folder: Path, **options: Any) -> Example:
    examples = open_benchmark(name, folder, **options).examples
    assert len(examples) == 1
    return examples[0]


# --- the registry ---------------------------------------------------------------------------------


def test_every_benchmark_has_a_scorer_and_says_what_it_needs() -> None:
    from locany.eval.metrics.table import SCORERS

    for name, benchmark in BENCHMARKS.items():
        assert benchmark.name == name
        assert benchmark.metric in SCORERS, name
        assert len(benchmark.needs) > 40
    assert {n for n, b in BENCHMARKS.items() if b.short_side} == {"coco", "lvis"}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_folder_without_files_says_which_benchmark_what_to_get_and_where(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        open_benchmark(name, tmp_path)
    message = str(error.value)
    assert message.startswith(f"{BENCHMARKS[name].title}: ")
    assert str(tmp_path) in message
    assert message.endswith(BENCHMARKS[name].needs)


def test_names_and_options_that_are_none() -> None:
    with pytest.raises(DataError, match="no benchmark 'cocoa'; there are: home, coco"):
        find_benchmark("cocoa")
    with pytest.raises(DataError, match="coco has no option polygons; its options are: negatives"):
        open_benchmark("coco", "x", polygons=True)
    with pytest.raises(DataError, match="option negatives of coco is a whole number, got 'two'"):
        open_benchmark("coco", "x", negatives="two")
    with pytest.raises(DataError, match="option boxes of screenspot-pro is true or false, got 1"):
        open_benchmark("screenspot-pro", "x", boxes=1)
    with pytest.raises(DataError, match="COCO: x is not a folder"):
        open_benchmark("coco", "x")


# --- the bundle -----------------------------------------------------------------------------------

ROW = {
    "image_path": "dense/a.jpg",
    "categories": ["car", "bus"],
    "gt": {"car": [[0, 0, 10, 10], [20, 0, 30, 10]], "bus": [[5, 5, 50, 50]]},
    "dataset_name": "Dense200",
    "task_name": "dense_object_detection",
}
CARS = {"car": ((0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)), "bus": ((5.0, 5.0, 50.0, 50.0),)}


def test_boxes_of_the_bundle(tmp_path: Path) -> None:
    path = bundle(tmp_path, "box_eval", "Dense200", ROW)
    contents = open_benchmark("dense200", tmp_path)
    assert contents.source == path
    assert contents.remarks == ("1 rows; the published numbers are about 200",)
    groups = {"task_name": "dense_object_detection", "dataset_name": "Dense200"}
    query = Query(Task.detect(["car", "bus"]))
    assert contents.examples == (
        Example("a.jpg", tmp_path / "dense/a.jpg", "dense/a.jpg", (query,), Truth(CARS), groups),
    )


def test_the_folder_of_annotations_has_two_names(tmp_path: Path) -> None:
    bundle(tmp_path, "box_eval", "Dense200", ROW)
    (tmp_path / "_annotations").rename(tmp_path / "annotations")
    assert only("dense200", tmp_path).truth == Truth(CARS)


def test_points_of_the_bundle_are_asked_as_published(tmp_path: Path) -> None:
    masks = {"gt_mask": {"car": [RLE, RLE], "bus": [RLE]}}
    row = {**ROW, "gt": masks, "task_name": "pointing"}
    for name in ("Dense200", "VisDrone", "COCO", "LVIS"):
        bundle(tmp_path, "point_eval", name, row)
    joined = only("dense200-point", tmp_path)
    assert joined.queries == (Query(Task.point("car, bus")),)
    assert joined.truth == Truth(masks={"car": (RLE, RLE), "bus": (RLE,)})
    lengths = {"counts": [0, 400], "size": [20, 20]}
    bundle(tmp_path / "b", "point_eval", "Dense200", {**row, "gt": {"gt_mask": {"car": [lengths]}}})
    assert only("dense200-point", tmp_path / "b").truth == Truth(masks={"car": (lengths,)})
    for name in ("visdrone-point", "coco-point", "lvis-point"):
        each = only(name, tmp_path)
        assert each.queries == (Query(Task.point("car"), "car"), Query(Task.point("bus"), "bus"))
        assert each.truth == joined.truth


def test_names_are_spelled_as_tasks_spell_them(tmp_path: Path) -> None:
    row = {**ROW, "categories": ["cafe\u0301 sign", "car"], "gt": {"cafe\u0301  sign": [[0, 0, 1, 1]]}}
    bundle(tmp_path, "box_eval", "Dense200", row)
    example = only("dense200", tmp_path)
    assert example.queries[0].task.categories == ("caf\u00e9 sign", "car")
    assert list(example.truth.boxes) == ["caf\u00e9 sign"]


def test_rows_that_stand_twice_are_taken_once_and_others_told_apart(tmp_path: Path) -> None:
    other = {**ROW, "gt": {"car": [[1, 1, 2, 2]]}, "categories": ["car"]}
    bundle(tmp_path, "box_eval", "Dense200", ROW, other, ROW)
    contents = open_benchmark("dense200", tmp_path)
    assert [e.id for e in contents.examples] == ["a.jpg", "a.jpg~2"]
    assert contents.remarks[0] == "1 rows stand there twice and were taken once"
    again, remarks = unique(contents.examples * 2)
    assert tuple(again) == contents.examples
    assert len(remarks) == 1


def test_absent_names_are_asked_one_by_one_and_chosen_by_the_id(tmp_path: Path) -> None:
    more = [
        {**ROW, "image_path": f"b{i}.jpg", "categories": [n], "gt": {n: [[0, 0, 1, 1]]}}
        for i, n in enumerate("xyzw")
    ]
    bundle(tmp_path, "box_eval", "Dense200", ROW, *more)
    examples = open_benchmark("dense200", tmp_path, negatives=2).examples
    first = examples[0]
    absent = [name for name, boxes in first.truth.boxes.items() if not boxes]
    assert len(absent) == 2
    assert set(absent) <= set("xyzw")
    assert first.queries[1:] == tuple(Query(Task.detect(name), name) for name in absent)
    assert all(len(e.queries) == 3 for e in examples)
    assert open_benchmark("dense200", tmp_path, negatives=2).examples == examples
    bundle(tmp_path, "box_eval", "Dense200", *reversed(more), ROW)  # the order of rows changes nothing
    assert {e.id: e for e in open_benchmark("dense200", tmp_path, negatives=2).examples}["a.jpg"] == first
    with pytest.raises(DataError, match="at least 0, got -1"):
        open_benchmark("dense200", tmp_path, negatives=-1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_path": "gone.jpg"}, "image 'gone.jpg' is missing"),
        ({"image_path": None}, "'image_path' is a text"),
        ({"gt": {"car": [[0, 0, 10]]}}, "has 4 numbers, or 6 and more"),
        ({"gt": {"car": [0, 0, 10, 10]}}, "is a list of numbers, got 0"),
        ({"gt": {"car": {}}}, "are a list, got dict"),
        ({"gt": {"gt_mask": {"car": [{"counts": 7, "size": [2, 2]}]}}}, "'counts' is a text"),
        ({"gt": {"gt_mask": {"car": [{"counts": "0`", "size": [2, 2]}]}}}, "run lengths in COCO's letters"),
        ({"gt": [1, 2, 3, 4]}, "'gt' is one box, so 'categories' is one instruction"),
        ({"gt": {}, "categories": []}, "names nothing that could be asked for"),
        ({"categories": "car"}, "'categories' is a list"),
    ],
)
def test_a_damaged_row_names_file_and_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = bundle(tmp_path, "box_eval", "Dense200", ROW)
    path.write_text(f"{json.dumps(ROW)}\n\n{json.dumps({**ROW, **change})}\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        open_benchmark("dense200", tmp_path)
    assert f"Dense200: {path}:3: " in str(error.value)
    assert message in str(error.value)


def test_a_cut_row_names_file_and_line(tmp_path: Path) -> None:
    path = bundle(tmp_path, "box_eval", "Dense200", ROW)
    path.write_text(json.dumps(ROW)[:-5], encoding="utf-8")
    with pytest.raises(DataError, match=r"Dense200\.jsonl:1: not JSON"):
        open_benchmark("dense200", tmp_path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="has no row to ask about"):
        open_benchmark("dense200", tmp_path)


# --- COCO and LVIS --------------------------------------------------------------------------------


def coco_file(folder: Path, name: str = "annotations/instances_val2017.json") -> Path:
    listed = [{"id": i, "file_name": f"{i:012d}.jpg", "width": 200, "height": 100} for i in (7, 3, 5)]
    found = [
        (7, 1, [10, 20, 30, 40]),
        (7, 1, [10, 20, 30, 40]),  # stands there twice, as in the published file
        (7, 2, [0, 0, 5, 0.5], {"iscrowd": 0}),
        (3, 1, [0, 0, 100, 50], {"iscrowd": 1}),
        (3, 2, [1, 1, 2, 2]),
    ]
    return json_file(folder / name, instances(listed, found, ["person", "traffic light", "dog"]))


def check_coco(examples: tuple[Example, ...], places: Callable[[int], Path]) -> None:
    first, second = examples
    assert first.id == "000000000007.jpg"
    assert first.image == places(7)
    assert first.queries == (Query(Task.detect(["person", "traffic light"])),)
    box = (10.0, 20.0, 40.0, 60.0)
    assert first.truth == Truth({"person": (box, box), "traffic light": ((0.0, 0.0, 5.0, 0.5),)})
    assert second.queries == (Query(Task.detect("traffic light")),)
    crowd = {"person": ((0.0, 0.0, 100.0, 50.0),)}
    assert second.truth == Truth({"traffic light": ((1.0, 1.0, 3.0, 3.0),)}, crowd=crowd)


def test_coco_from_the_original_files(tmp_path: Path) -> None:
    coco_file(tmp_path)
    for i in (7, 3):
        image(tmp_path / f"val2017/{i:012d}.jpg")
    contents = open_benchmark("coco", tmp_path)
    check_coco(contents.examples, lambda i: tmp_path / f"val2017/{i:012d}.jpg")
    assert contents.remarks[0] == "1 images without a box of one thing are not asked about"
    assert contents.names == ("person", "traffic light", "dog"), "those that occur nowhere, too"
    absent = open_benchmark("coco", tmp_path, negatives=5).examples[1]
    assert absent.queries[1:] == (Query(Task.detect("dog"), "dog"),), "a crowd is not absent"


def test_coco_from_the_bundle_with_its_annotations_or_without(tmp_path: Path) -> None:
    names = {7: {"person": [[10, 20, 40, 60]]}, 3: {"traffic light": [[1, 1, 3, 3]]}}
    rows = [
        {"image_path": f"coco/some/{i:012d}.jpg", "categories": list(gt), "gt": gt} for i, gt in names.items()
    ]
    bundle(tmp_path, "box_eval", "COCO", *reversed(rows))
    alone = open_benchmark("coco", tmp_path)
    assert [e.id for e in alone.examples] == ["000000000003.jpg", "000000000007.jpg"]
    assert any("instances_val2017.json) is not there" in remark for remark in alone.remarks)
    coco_file(tmp_path, "coco/instances_val2017.json")
    check_coco(open_benchmark("coco", tmp_path).examples, lambda i: tmp_path / f"coco/some/{i:012d}.jpg")


def test_points_without_masks_are_held_against_boxes(tmp_path: Path) -> None:
    coco_file(tmp_path)
    for i in (7, 3):
        image(tmp_path / f"val2017/{i:012d}.jpg")
    contents = open_benchmark("coco-point", tmp_path)
    assert contents.examples[1].queries == (Query(Task.point("traffic light"), "traffic light"),)
    assert contents.examples[1].truth.boxes == {"traffic light": ((1.0, 1.0, 3.0, 3.0),)}
    assert any("held against boxes" in remark for remark in contents.remarks)


def lvis_file(folder: Path) -> Path:
    listed = [
        {
            "id": 9,
            "coco_url": "http://images.cocodataset.org/train2017/000000000009.jpg",
            "neg_category_ids": [2],
            "not_exhaustive_category_ids": [3],
        }
    ]
    names = ["aerosol_can", "bow_(weapon)", "cup", "dog"]
    found: list[tuple[Any, ...]] = [(9, 1, [0, 0, 10, 10]), (9, 3, [5, 5, 5, 5])]
    return json_file(folder / "lvis_v1_val.json", instances(listed, found, names))


def test_lvis_asks_in_words_and_knows_what_is_partial_and_what_absent(tmp_path: Path) -> None:
    lvis_file(tmp_path)
    image(tmp_path / "train2017/000000000009.jpg")
    example = only("lvis", tmp_path)
    assert example.image == tmp_path / "train2017/000000000009.jpg"
    assert example.queries == (Query(Task.detect(["aerosol can", "cup"])),)
    boxes = {"aerosol can": ((0.0, 0.0, 10.0, 10.0),), "cup": ((5.0, 5.0, 10.0, 10.0),)}
    assert example.truth == Truth(boxes, partial=frozenset({"cup"}))
    asked = only("lvis", tmp_path, negatives=3)
    assert asked.queries[1:] == (Query(Task.detect("bow (weapon)"), "bow (weapon)"),), (
        "only what was verified"
    )


def test_lvis_of_the_bundle_alone_knows_nothing_absent(tmp_path: Path) -> None:
    bundle(tmp_path, "box_eval", "LVIS", ROW)
    assert only("lvis", tmp_path).truth == Truth(CARS)
    with pytest.raises(DataError, match=r"known from lvis_v1_val\.json alone"):
        open_benchmark("lvis", tmp_path, negatives=1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d.pop("categories"), "has no field 'categories'"),
        (
            lambda d: d["annotations"][1].update(bbox=[1, 2, 3]),
            "annotation 2 of the list: bbox has 4",
        ),
        (lambda d: d["annotations"][0].update(image_id=99), "annotation 1 of the list: there is no image 99"),
        (lambda d: d["annotations"][0].update(category_id=99), "category_id 99 is no category"),
        (lambda d: d["images"][0].pop("file_name"), "image 1 of the list: has no field 'file_name'"),
        (lambda d: d["images"][0].update(file_name="gone.jpg"), "image 'gone.jpg' is missing"),
    ],
)
def test_damaged_instances(spoil: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    path = coco_file(tmp_path)
    for i in (7, 3):
        image(tmp_path / f"val2017/{i:012d}.jpg")
    document = json.loads(path.read_text())
    spoil(document)
    json_file(path, document)
    with pytest.raises(DataError) as error:
        open_benchmark("coco", tmp_path)
    assert f"COCO: {path}: " in str(error.value)
    assert message in str(error.value)
    assert "cocodataset.org" in str(error.value)


# --- VisDrone and layout --------------------------------------------------------------------------


def test_visdrone_from_its_text_files(tmp_path: Path) -> None:
    folder = tmp_path / "VisDrone2019-DET-test-dev"
    lines = "684,8,273,116,0,0,0,0\n406,119,265,70,1,4,0,1,\n10,10,5,6,1,8,0,0\n1,1,2,2,1,11,0,0\n\n"
    text(folder / "annotations/0001.txt", lines)
    image(folder / "images/0001.jpg")
    example = only("visdrone", tmp_path)
    assert example.image == folder / "images/0001.jpg"
    assert example.queries == (Query(Task.detect(["car", "awning-tricycle"])),)
    regions = ((684.0, 8.0, 957.0, 124.0), (1.0, 1.0, 3.0, 3.0))
    boxes = {"car": ((406.0, 119.0, 671.0, 189.0),), "awning-tricycle": ((10.0, 10.0, 15.0, 16.0),)}
    assert example.truth == Truth(boxes, crowd=dict.fromkeys(boxes, regions))
    points = only("visdrone-point", tmp_path)
    assert [query.name for query in points.queries] == ["car", "awning-tricycle"]


@pytest.mark.parametrize("line", ["1,2,3", "a,8,273,116,0,0,0,0", "1,2,3,4,1,12,0,0"])
def test_a_damaged_line_of_visdrone(line: str, tmp_path: Path) -> None:
    path = text(tmp_path / "annotations/0001.txt", f"1,2,3,4,1,4,0,0\n{line}\n")
    image(tmp_path / "images/0001.jpg")
    with pytest.raises(
        DataError, match=r"annotations/0001\.txt:2: (a line is eight|the category is 0 to 11)"
    ):
        open_benchmark("visdrone", tmp_path)
    path.write_text("1,2,3,4,1,4,0,0\n", encoding="utf-8")
    (tmp_path / "images/0001.jpg").unlink()
    with pytest.raises(DataError, match=r"image '0001\.jpg' is missing"):
        open_benchmark("visdrone", tmp_path)


def test_layout_from_original_files_and_the_bundle(tmp_path: Path) -> None:
    listed = [{"id": 1, "file_name": "0a3a.png", "width": 200, "height": 100}]
    document = instances(listed, [(1, 2, [0, 0, 20, 10])], ["Caption", "Section-header"])
    json_file(tmp_path / "COCO/val.json", document)
    image(tmp_path / "PNG/0a3a.png")
    expected = Truth({"Section-header": ((0.0, 0.0, 20.0, 10.0),)})
    example = only("doclaynet", tmp_path)
    assert example.queries == (Query(Task.detect("Section-header")),)
    assert example.truth == expected
    with pytest.raises(DataError, match=r"has none of: COCO/test\.json"):
        open_benchmark("doclaynet", tmp_path, split="test")
    with pytest.raises(DataError, match="split is one of val, test, got 'train'"):
        open_benchmark("doclaynet", tmp_path, split="train")
    json_file(tmp_path / "m6/annotations/instances_test2017.json", document)
    image(tmp_path / "m6/test2017/0a3a.png")
    assert only("m6doc", tmp_path / "m6").truth == expected
    bundle(
        *(tmp_path / "b", "box_eval", "M6Doc"),
        {"image_path": "m6doc/x.jpg", "categories": ["figure"], "gt": {"figure": [[1, 2, 3, 4]]}},
    )
    assert only("m6doc", tmp_path / "b").truth == Truth({"figure": ((1.0, 2.0, 3.0, 4.0),)})


# --- text -----------------------------------------------------------------------------------------

WORDS = {"image_path": "ic15/img_1.jpg", "categories": ["word"], "gt": {"Hello,  you": [[0, 0, 10, 5]]}}


@pytest.mark.parametrize(
    ("name", "file"),
    [("ic15", "IC15"), ("sroie", "SROIE"), ("totaltext", "TotalText"), ("hiertext", "HierText")],
)
def test_text_of_the_bundle(name: str, file: str, tmp_path: Path) -> None:
    outline = {"gt": {"Hello": [[0, 0, 10, 0, 10, 5]]}}
    bundle(tmp_path, "box_eval", file, WORDS, {**WORDS, **outline})
    boxes, polygons = open_benchmark(name, tmp_path).examples
    assert boxes.queries == polygons.queries == (Query(Task.text()),)
    assert boxes.truth == Truth({"Hello, you": ((0.0, 0.0, 10.0, 5.0),)})
    assert polygons.truth == Truth(polygons={"Hello": ((0.0, 0.0, 10.0, 0.0, 10.0, 5.0),)})


def test_ic15_from_its_text_files(tmp_path: Path) -> None:
    lines = "377,117,463,117,465,130,378,130,Genaxis, Theatre\r\n493,115,519,115,519,131,493,131,###\r\n"
    text(tmp_path / "Challenge4_Test_Task4_GT/gt_img_1.txt", lines, "utf-8-sig")
    text(tmp_path / "Challenge4_Test_Task4_GT/gt_img_2.txt", "1,1,2,1,2,2,1,2,###\n")
    for number in (1, 2):
        image(tmp_path / f"ch4_test_images/img_{number}.jpg")
    contents = open_benchmark("ic15", tmp_path)
    assert [e.id for e in contents.examples] == ["img_1.jpg"]
    assert contents.remarks[0] == "1 images where nothing can be read are not asked about"
    boxes = {"Genaxis, Theatre": ((377.0, 117.0, 465.0, 130.0),)}
    assert contents.examples[0].truth == Truth(boxes, crowd={ANY_NAME: ((493.0, 115.0, 519.0, 131.0),)})


def test_sroie_from_its_text_files(tmp_path: Path) -> None:
    text(tmp_path / "text/X001.txt", "72,25,326,25,326,64,72,64,TAN WOON YANN\n")
    image(tmp_path / "fulltext_test(361p)/X001.jpg")
    assert only("sroie", tmp_path).truth == Truth({"TAN WOON YANN": ((72.0, 25.0, 326.0, 64.0),)})


@pytest.mark.parametrize("line", ["1,2,3,4,5,6,7,8", "a,2,3,4,5,6,7,8,x", "1,2,nan,4,5,6,7,8,x"])
def test_a_damaged_line_of_text(line: str, tmp_path: Path) -> None:
    text(tmp_path / "text/X001.txt", f"1,1,2,1,2,2,1,2,fine\n{line}\n")
    image(tmp_path / "images/X001.jpg")
    with pytest.raises(DataError, match=r"SROIE: .*text/X001\.txt:2: a line is eight numbers"):
        open_benchmark("sroie", tmp_path)


def test_a_line_of_text_in_another_encoding(tmp_path: Path) -> None:
    image(tmp_path / "images/X001.jpg")
    path = text(tmp_path / "text/X001.txt", "")
    path.write_bytes(b"1,1,2,1,2,2,1,2,caf\xe9\n5,5,6,5,6,6,5,6,caf\xc3\xa9\n")
    boxes = {"caf\u00e9": ((1.0, 1.0, 2.0, 2.0), (5.0, 5.0, 6.0, 6.0))}
    assert only("sroie", tmp_path).truth == Truth(boxes)


def test_totaltext_from_its_text_files(tmp_path: Path) -> None:
    content = (
        "x: [[115 503 494 115]], y: [[322 346\n 426 404]], ornt: [u'm'], transcriptions: [u'nauGHTY']\n"
        "x: [[ 1  9 9]], y: [[1 1 5]], ornt: [u'c'], transcriptions: [u\"it's\"]\n"
        "x: [[2 3 3]], y: [[2 2 4]], ornt: [u'#'], transcriptions: [u'#']\n"
    )
    path = text(tmp_path / "txt_format/Test/poly_gt_img1.txt", content)
    image(tmp_path / "Images/Test/img1.jpg")
    boxes = {"nauGHTY": ((115.0, 322.0, 503.0, 426.0),), "it's": ((1.0, 1.0, 9.0, 5.0),)}
    assert only("totaltext", tmp_path).truth == Truth(boxes, crowd={ANY_NAME: ((2.0, 2.0, 3.0, 4.0),)})
    path.write_text(content.replace("[[ 1  9 9]]", "[[ 1  9]]"), encoding="utf-8")
    with pytest.raises(DataError, match=r"poly_gt_img1\.txt:3: a word is x, y, ornt, transcriptions"):
        open_benchmark("totaltext", tmp_path)


def hiertext_document() -> dict[str, Any]:
    def item(word: str, x: int, **more: Any) -> dict[str, Any]:
        return {"vertices": [[x, 0], [x + 9, 0], [x + 9, 5], [x, 5]], "text": word, "legible": True, **more}

    words = [item("to", 0), item("let", 10), item("", 20, legible=False)]
    line = {**item("to let", 0), "words": words}
    found = {"image_id": "0a1", "image_width": 200, "image_height": 100, "paragraphs": [{"lines": [line]}]}
    return {"info": {"date": "", "version": ""}, "annotations": [found]}


@pytest.mark.parametrize("packed", [False, True])
def test_hiertext_from_its_file(packed: bool, tmp_path: Path) -> None:
    content = json.dumps(hiertext_document())
    path = text(tmp_path / "gt/validation.jsonl", content)
    if packed:
        path.unlink()
        path = tmp_path / "gt/validation.jsonl.gz"
        path.write_bytes(gzip.compress(content.encode()))
    image(tmp_path / "validation/0a1.jpg")
    boxes = {"to": ((0.0, 0.0, 9.0, 5.0),), "let": ((10.0, 0.0, 19.0, 5.0),)}
    crowd = {ANY_NAME: ((20.0, 0.0, 29.0, 5.0),)}
    assert only("hiertext", tmp_path).truth == Truth(boxes, crowd=crowd)
    assert only("hiertext", tmp_path, level="line").truth == Truth({"to let": ((0.0, 0.0, 9.0, 5.0),)})
    with pytest.raises(DataError, match="level is one of word, line"):
        open_benchmark("hiertext", tmp_path, level="page")
    if packed:
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(DataError, match=r"validation\.jsonl\.gz: .*cannot be unpacked"):
            open_benchmark("hiertext", tmp_path)


def test_damaged_hiertext_names_the_image(tmp_path: Path) -> None:
    document = hiertext_document()
    document["annotations"][0]["paragraphs"][0]["lines"][0]["words"][1]["vertices"] = [[0, 0], [1, 1]]
    json_file(tmp_path / "gt/validation.jsonl", document)
    image(tmp_path / "validation/0a1.jpg")
    with pytest.raises(DataError, match=r"image 0a1\.jpg: 'vertices' of a word are at least three corners"):
        open_benchmark("hiertext", tmp_path)
