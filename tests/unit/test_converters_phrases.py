"""Expressions and instructions with boxes: RefCOCO and ScreenSpot style files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from locany.data.check import check
from locany.data.converters import FaultKind, open_dataset, read_samples, write_samples
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError
from locany.tasks import Task

SIZE = (201, 97)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phrases")
    for name in ("a.png", "b.png"):
        Image.new("RGB", SIZE).save(path / name)
    return path


def read(folder: Path, document: Any, format: str | None = None) -> list[Sample]:
    (folder / "x.json").write_text(json.dumps(document))
    return list(read_samples(folder / "x.json", format))


def found(sample: Sample) -> list[tuple[Task, list[tuple[float, ...] | None]]]:
    return [(question.task, [target.xyxy for target in question.targets]) for question in sample.questions]


def test_the_fields_of_expressions(folder: Path) -> None:
    document = [
        {
            "file_name": "b.png",
            "bbox": [1, 2, 30, 40],
            "sentences": [{"sent": "left cat", "raw": "."}, "the cat"],
        },
        {
            "image": "a.png",
            "bboxes": [[1, 2, 3, 4], [5, 6, 7, 8]],
            "expression": "both  cats",
            "split": "val",
        },
        {"img_path": "b.png", "bboxes": [], "expression": "a dog"},
        {"file_name": "b.png", "bbox": None, "expression": "the cow"},
    ]
    first, second = read(folder, document)
    assert found(first) == [
        (Task.refer("left cat"), [(1, 2, 31, 42)]),
        (Task.refer("the cat"), [(1, 2, 31, 42)]),
        (Task.ground("a dog"), []),
        (Task.refer("the cow"), []),
    ]
    assert first.provenance == {"file": str(folder / "x.json"), "records": [1, 3, 4]}
    assert found(second) == [(Task.ground("both cats"), [(1, 2, 4, 6), (5, 6, 12, 14)])]
    assert open_dataset(folder / "x.json").categories == ()


def test_boxes_by_annotation_id(folder: Path) -> None:
    annotations = [{"id": 7, "bbox": [1, 2, 3, 4]}, {"id": 8, "bbox": [5, 6, 7, 8]}]
    (folder / "instances.json").write_text(json.dumps({"annotations": annotations}))
    refs = [
        {"file_name": "a.png", "ann_id": 7, "ref_id": 0, "sentences": [{"sent": "one"}]},
        {"file_name": "a.png", "ann_id": [8, 7], "sentences": [{"sent": "two"}]},
        {"file_name": "a.png", "ann_id": [-1], "sentences": [{"sent": "none"}]},
    ]
    (sample,) = read(folder, {"refs": refs})
    assert found(sample) == [
        (Task.refer("one"), [(1, 2, 4, 6)]),
        (Task.ground("two"), [(5, 6, 12, 14), (1, 2, 4, 6)]),
        (Task.ground("none"), []),
    ]
    with pytest.raises(DataError, match=r"record 1: ann_id 9 is no annotation of instances\.json"):
        read(folder, [{**refs[0], "ann_id": 9}])


def test_the_three_forms_of_instructions(folder: Path) -> None:
    document = [
        {
            "img_filename": "a.png",
            "bbox": [1, 2, 30, 40],
            "instruction": "close",
            "data_type": "icon",
            "data_source": "ios",
        },
        {
            "img_filename": "b.png",
            "bbox": [1, 2, 30, 40],
            "instruction": "save",
            "img_size": list(SIZE),
            "ui_type": "text",
            "group": "CAD",
            "application": "x",
            "platform": "linux",
            "id": "x_1",
        },
        {"file_name": "a.png", "answer": [5, 6, 7, 8], "instruction": "open"},
    ]
    first, second = read(folder, document)
    assert found(first) == [(Task.gui("close"), [(1, 2, 31, 42)]), (Task.gui("open"), [(5, 6, 7, 8)])]
    assert found(second) == [(Task.gui("save"), [(1, 2, 30, 40)])]
    assert first.questions[0].targets[0].attributes == {"data_type": "icon", "data_source": "ios"}
    assert second.questions[0].targets[0].attributes == {
        "ui_type": "text",
        "group": "CAD",
        "application": "x",
        "platform": "linux",
    }


def test_the_same_record_twice_is_one_question(folder: Path) -> None:
    record = {"img_filename": "a.png", "bbox": [1, 2, 30, 40], "instruction": "close"}
    (sample,) = read(folder, [record, record])
    assert len(sample.questions) == 1


whole = st.integers(0, 90)
spans = st.tuples(whole, whole).map(sorted).filter(lambda s: s[0] < s[1])
boxes = st.tuples(spans, spans).map(lambda s: (s[0][0] / 2, s[1][0] / 2, s[0][1] / 2, s[1][1] / 2))
phrases = st.lists(
    st.sampled_from(["the cat", "left, of it", "Größe 猫", 'a "b"', "x"]), min_size=1, max_size=4, unique=True
)


@settings(max_examples=40, deadline=None)
@given(phrases, st.data())
def test_questions_survive(folder: Path, names: list[str], data: st.DataObject) -> None:
    image = ImageRef(folder / "a.png", SIZE)
    asked = []
    for phrase in names:
        single = data.draw(st.booleans())
        places = data.draw(st.lists(boxes, max_size=1 if single else 3, unique=True))
        task = Task.refer(phrase) if single else Task.ground(phrase)
        asked.append(Question(task, tuple(Target(phrase, place) for place in places)))
    write_samples([Sample(image, tuple(asked))], folder / "r.json", "refer")
    (back,) = read_samples(folder / "r.json")
    assert back.questions == tuple(asked)

    clicks = tuple(
        Question(Task.gui(p), (Target(p, data.draw(boxes), attributes={"data_type": "icon"}),)) for p in names
    )
    write_samples([Sample(image, clicks)], folder / "s.json", "screenspot")
    (back,) = read_samples(folder / "s.json")
    assert back.questions == clicks


@pytest.mark.parametrize(
    ("format", "question", "words"),
    [
        ("refer", Question(Task.detect("cat")), "question of kind detect"),
        (
            "refer",
            Question(Task.refer("x"), (Target("x", (1, 2, 3, 4)), Target("x", (5, 6, 7, 8)))),
            "2 boxes",
        ),
        ("refer", Question(Task.ground("x"), (Target("x", point=(1, 2)),)), "has no box"),
        ("screenspot", Question(Task.gui("x")), "with 0 targets"),
        ("screenspot", Question(Task.gui("x", point=True), (Target("x", point=(1, 2)),)), "one box each"),
        ("screenspot", Question(Task.ground("x"), (Target("x", (1, 2, 3, 4)),)), "questions of kind gui"),
        ("recipe", Question(Task.ground("x")), "recipe cannot be written"),
    ],
)
def test_what_cannot_be_written(folder: Path, format: str, question: Question, words: str) -> None:
    with pytest.raises(DataError, match=words):
        write_samples([Sample(ImageRef(folder / "a.png", SIZE), (question,))], folder / "no.json", format)
    assert not (folder / "no.json").exists()


# --- shards ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["shards", "parquet"])
def test_shards_hold_everything(folder: Path, tmp_path: Path, format: str) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow")
    Image.new("RGB", SIZE).save(tmp_path / "c.bmp")  # which shards do not hold as it is
    target = Target(
        "x", (1.25, 2.5, 30.0, 40.0), (3.0, 4.0), ((1.0, 2.0), (3.0, 2.0), (3.0, 4.0)), "y", {"z": [1]}
    )
    asked = (Question(Task.ground("x"), (target,)), Question(Task.gui("w", point=True)))
    images = [folder / "a.png", tmp_path / "c.bmp"]
    samples = [Sample(ImageRef(image, SIZE), asked, (target,), {"file": "f"}) for image in images]
    write_samples(samples, tmp_path / "out", format)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.format.name == format
    back = list(dataset.samples())
    assert [(s.questions, s.objects, s.provenance) for s in back] == [(asked, (target,), {"file": "f"})] * 2
    assert isinstance(back[0].image, ImageRef)
    assert back[0].image.source == (folder / "a.png").read_bytes()
    assert check(tmp_path / "out") == []


def test_faults_of_shards(folder: Path, tmp_path: Path) -> None:
    image = ImageRef(folder / "a.png", SIZE)
    wrong = [
        Question(Task.ground("x"), (Target("x", (30, 2, 1, 40)),)),
        Question(Task.ground("x"), (Target("x", (1, 2, 3000, 40)),)),
        Question(Task.ground("x"), (Target("other", (1, 2, 30, 40)),)),
        Question(Task.ground("x"), (Target("x", point=(1, 2)),)),
        Question(Task.ground("x"), (Target("x", (1, 2, 30, 40)),)),
    ]
    write_samples([Sample(image, (question,)) for question in wrong], tmp_path / "out", "shards")
    kinds = [(fault.kind, fault.message.partition(":")[0]) for fault in check(tmp_path / "out")]
    assert kinds == [
        (FaultKind.INVERTED_BOX, "sample 000000000"),
        (FaultKind.OUTSIDE_IMAGE, "sample 000000001"),
        (FaultKind.DISAGREEMENT, "sample 000000002"),
        (FaultKind.DISAGREEMENT, "sample 000000003"),
    ]
    (shard,) = (tmp_path / "out").glob("*.tar")
    shard.write_bytes(shard.read_bytes()[:-600])
    (fault,) = check(tmp_path / "out")
    assert (fault.kind, Path(fault.file)) == (FaultKind.UNREADABLE, shard)
    with pytest.raises(DataError, match=r"shard-00000\.tar: has .* bytes"):
        list(read_samples(shard))
