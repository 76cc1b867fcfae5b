"""Answers of the command line as a data set: findings become labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locany.data.check import check, check_each
from locany.data.converters import FaultKind, open_dataset, read_samples
from locany.data.converters.detection import INCOMPLETE
from locany.data.sample import Question, Sample
from locany.errors import DataError
from locany.results import Detections, Provenance
from locany.tasks import Task
from tests.unit.cli_fixtures import Cli, needs_checkpoint, write_picture

CAT, DOG = (10.0, 12.0, 30.5, 40.0), (1.0, 2.0, 9.0, 9.5)
K = FaultKind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (64, 48)).save(tmp_path / "photos" / name)
    return tmp_path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def answer(task: Task, *found: tuple[str, tuple[float, ...]], **facts: Any) -> dict[str, Any]:
    """The document of an image; a place of two numbers is a point."""
    places = [(*place, *place) if len(place) == 2 else place for _, place in found]
    made = Detections(
        xyxy=np.array(places),
        labels=[label for label, _ in found],
        scores=np.full(len(found), 0.5),
        provenance=[Provenance.PARALLEL] * len(found),
        size_wh=(64, 48),
        is_point=np.array([len(place) == 2 for _, place in found], bool),
        task=task,
        **{"image_name": "photos/a.png", **facts},
    )
    return json.loads(made.to_json())


def several(*answers: dict[str, Any]) -> dict[str, Any]:
    return {"results": [*answers], "errors": [], "settings": {"exif": True}}


def save(folder: Path, document: Any) -> Path:
    (folder / "found.json").write_text(json.dumps(document))
    return folder / "found.json"


def one(folder: Path, document: Any) -> Sample:
    (sample,) = read_samples(save(folder, document))
    return sample


def test_what_is_said_twice_is_one_label(folder: Path) -> None:
    task = Task.detect(["dog", "cat"])
    sample = one(folder, answer(task, ("cat", CAT), ("dog", CAT), ("cat", CAT), ("cat", DOG)))
    assert [(t.label, t.xyxy) for t in sample.objects] == [("cat", CAT), ("dog", CAT), ("cat", DOG)]


def test_boxes_and_what_is_absent(folder: Path) -> None:
    task = Task.detect(["dog", "cat", "key", "sun"])
    document = answer(task, ("cat", CAT), ("dog", DOG), absent=("key",), unanswered=("sun",))
    sample = one(folder, document)
    assert sample.size_wh == (64, 48)
    assert [(t.label, t.xyxy) for t in sample.objects] == [("cat", CAT), ("dog", DOG)]
    assert sample.questions == (Question(Task.detect(["cat", "dog", "key"]), sample.objects),)
    assert sample.provenance[INCOMPLETE] == ["sun"]
    assert dict(sample.objects[0].attributes) == {"score": 0.5}
    dataset = open_dataset(folder / "found.json")
    assert (dataset.format.name, dataset.categories) == ("answers", ("dog", "cat", "key", "sun"))
    assert dataset.absent == (), "of the sun nothing is known"


def test_several_images_are_a_data_set_and_errors_are_passed_over(folder: Path) -> None:
    task = Task.detect("cat")
    document = several(answer(task, ("cat", CAT)), answer(task, image_name="photos/b.png", absent=("cat",)))
    document["errors"] = [{"image": "photos/c.png", "error": "no image", "type": "ImageLoadError"}]
    first, second = read_samples(save(folder, document))
    assert [target.label for target in first.objects] == ["cat"]
    assert (second.objects, second.questions) == ((), (Question(task),))
    assert check_each(folder / "found.json", lambda fault: None) == 2


@pytest.mark.parametrize(
    ("task", "asked"),
    [
        (Task.ground("the cat"), Task.ground("the cat")),
        (Task.refer("the cat"), Task.refer("the cat")),
        (Task.gui("the cat"), Task.gui("the cat")),
        (Task.find_text("the cat"), Task.find_text("the cat")),
        (Task.layout(["the cat"]), Task.detect(["the cat"])),
        (Task.text(), Task.text()),
    ],
)
def test_phrases_are_asked_for_and_are_labels(folder: Path, task: Task, asked: Task) -> None:
    sample = one(folder, answer(task, ("the cat", CAT)))
    assert [(target.label, target.xyxy) for target in sample.objects] == [("the cat", CAT)]
    assert sample.questions == (Question(asked, sample.objects),)
    if task.phrase:
        assert one(folder, answer(task, absent=("the cat",))).questions == (Question(asked),)
    assert one(folder, answer(task)).questions == (), "nothing is known"


@pytest.mark.parametrize("task", [Task.point("cat"), Task.gui("cat", point=True), Task.detect("cat")])
def test_points_are_pointed_at(folder: Path, task: Task) -> None:
    sample = one(folder, answer(task, ("cat", (3.0, 4.0)), ("cat", (5.0, 6.0))))
    assert sample.objects == ()
    (question,) = sample.questions
    assert question.task == Task.point("cat")
    assert [(target.point, target.xyxy) for target in question.targets] == [((3, 4), None), ((5, 6), None)]


@pytest.mark.parametrize("facts", [{"truncated": True}, {"stats": {"finish": "repeat"}}])
def test_a_cut_answer_teaches_no_end(folder: Path, facts: dict[str, Any]) -> None:
    """By a limit, or where it began to repeat itself."""
    cut = answer(Task.detect(["cat", "key"]), ("cat", CAT), absent=("key",), **facts)
    sample = one(folder, cut)
    assert [target.label for target in sample.objects] == ["cat"]
    assert sample.questions == (Question(Task.detect("key")),)
    assert sample.provenance[INCOMPLETE] == ["cat"]
    sample = one(folder, answer(Task.ground("the cat"), ("the cat", CAT), **facts))
    assert (sample.questions, sample.provenance[INCOMPLETE]) == ((), ["the cat"])
    sample = one(folder, answer(Task.point("cat"), ("cat", (3.0, 4.0)), **facts))
    assert len(sample.questions[0].targets) == 1, "points have no other place"


def test_images_by_path_by_root_and_by_bare_name(folder: Path) -> None:
    document = answer(Task.detect("cat"), ("cat", CAT))
    (folder / "out").mkdir()
    path = save(folder / "out", document)
    with pytest.raises(DataError, match=r"'photos/a\.png' is missing.*the folder given with --root"):
        list(read_samples(path))
    for root in (folder, folder / "photos"):
        (sample,) = read_samples(path, root=root)
        assert sample.image.source == folder / "photos" / "a.png"  # type: ignore[union-attr]
    for name in (str(folder / "photos" / "a.png"), "photos\\a.png", "https://example.org/x/a.png"):
        (sample,) = read_samples(save(folder / "out", {**document, "image": name}), root=folder / "photos")
        assert sample.size_wh == (64, 48)
    twice = several({**document, "image": "x/a.png"}, {**document, "image": "y/a.png"})
    faults = check(save(folder / "out", twice), root=folder / "photos")
    assert [fault.kind for fault in faults] == [K.MISSING_IMAGE] * 2
    assert "stands for several" in faults[0].message


BOX = {"label": "cat", "box": list(CAT), "score": 0.5, "provenance": "parallel"}


@pytest.mark.parametrize(
    ("changes", "item", "kind"),
    [
        ({}, {"box": [5, 5, 5, 9]}, K.EMPTY_BOX),
        ({}, {"box": [9, 5, 5, 9]}, K.INVERTED_BOX),
        ({}, {"box": [5, 5, 90, 9]}, K.OUTSIDE_IMAGE),
        ({}, {"box": [5, 5, 9]}, K.MALFORMED),
        ({}, {"box": "x"}, K.MALFORMED),
        ({}, {"point": [1, 2]}, K.MALFORMED),
        ({}, {"label": 3}, K.MALFORMED),
        ({}, {"label": " "}, K.MALFORMED),
        ({}, {"score": "high"}, K.MALFORMED),
        ({"detections": [{"label": "cat", "point": [99, 1], "score": 0.5}]}, {}, K.OUTSIDE_IMAGE),
        ({"detections": [3]}, {}, K.MALFORMED),
        ({"detections": None}, {}, K.MALFORMED),
        ({"image": "<stdin>"}, {}, K.MISSING_IMAGE),
        ({"image": ""}, {}, K.MISSING_IMAGE),
        ({"image": "photos/c.png"}, {}, K.MISSING_IMAGE),
        ({"image": 3}, {}, K.MALFORMED),
        ({"size": [48, 64]}, {}, K.IMAGE_SIZE),
        ({"size": [48]}, {}, K.MALFORMED),
        ({"absent": "key"}, {}, K.MALFORMED),
        ({"absent": [3]}, {}, K.MALFORMED),
        ({"absent": [" "]}, {}, K.MALFORMED),
        ({"truncated": "no"}, {}, K.MALFORMED),
        ({"task": 3}, {}, K.MALFORMED),
        ({"task": {"kind": "count"}}, {}, K.MALFORMED),
        ({"task": {"kind": "ground", "categories": ["cat"]}}, {}, K.MALFORMED),
    ],
)
def test_faults_of_answers(
    folder: Path, changes: dict[str, Any], item: dict[str, Any], kind: FaultKind
) -> None:
    good = answer(Task.detect("cat"), ("cat", CAT), image_name="photos/b.png")
    bad = {**good, "image": "photos/a.png", "detections": [{**BOX, **item}], **changes}
    faults = check(save(folder, several(good, bad)))
    assert [fault.kind for fault in faults] == [kind]
    assert faults[0].message.startswith("result 2")
    assert len(list(read_samples(folder / "found.json", report=lambda fault: None))) == 1
    if bad.get("detections"):
        assert [fault.kind for fault in check(save(folder, bad))] == [kind], "alone, too"


def test_an_image_that_failed_is_no_label(folder: Path) -> None:
    document = {"image": "a.png", "error": "not an image", "type": "ImageLoadError", "settings": {}}
    with pytest.raises(DataError, match="was not answered: not an image"):
        list(read_samples(save(folder, document)))


def test_boxes_of_the_stored_image_are_not_those_of_the_upright_one(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down: of the same size
    Image.new("RGB", (64, 48)).save(folder / "photos" / "a.jpg", exif=exif)
    document = answer(Task.detect("cat"), ("cat", CAT), image_name="photos/a.jpg")
    assert check(save(folder, {**document, "settings": {"exif": True}})) == []
    (fault,) = check(save(folder, {**document, "settings": {"exif": False}}))
    assert fault.kind is K.IMAGE_SIZE
    assert "--no-exif" in fault.message


@pytest.mark.parametrize("format", ["coco", "lvis", "yolo", "voc", "labelme", "jsonl", "shards"])
def test_the_command_converts_answers(cli: Cli, folder: Path, format: str) -> None:
    task = Task.ground("red cup")
    empty = answer(task, image_name="photos/b.png", absent=("red cup",))
    path = save(folder, several(answer(task, ("red cup", CAT), ("red cup", DOG)), empty))
    suffix = {"coco": ".json", "lvis": ".json", "jsonl": ".jsonl"}.get(format, "")
    out = folder / f"labels{suffix}"
    done = cli("data", "convert", path, out, "--to", format, model=False)
    assert (done.code, done.out, done.err) == (0, f"{out}: 2 samples, 2 questions\n", "")
    assert cli("data", "check", out, model=False).code == 0
    first, second = read_samples(out)
    places = [target.xyxy for target in first.objects or first.questions[0].targets]
    atol = 0.05 if format == "jsonl" else 1e-4
    np.testing.assert_allclose(sorted(places), sorted([CAT, DOG]), atol=atol)  # type: ignore[type-var]
    assert second.objects == ()
    assert not any(question.targets for question in second.questions)


def test_points_go_where_points_can(cli: Cli, folder: Path) -> None:
    path = save(folder, answer(Task.gui("save", point=True), ("save", (3.0, 4.0))))
    assert cli("data", "convert", path, folder / "labels", "--to", "labelme", model=False).code == 0
    (shape,) = json.loads((folder / "labels" / "a.json").read_text())["shapes"]
    assert (shape["label"], shape["shape_type"], shape["points"]) == ("save", "point", [[3, 4]])
    told = cli("data", "convert", path, folder / "labels.json", "--to", "coco", model=False)
    assert told.code == 1
    assert "write labelme, which has points, or jsonl" in told.err


@pytest.mark.parametrize("facts", [{"truncated": True}, {"unanswered": ("dog",)}])
def test_convert_warns_of_what_is_not_known(cli: Cli, folder: Path, facts: dict[str, Any]) -> None:
    path = save(folder, answer(Task.detect(["cat", "dog"]), ("cat", CAT), **facts))
    told = cli("data", "convert", path, folder / "labels", "--to", "labelme", model=False)
    assert told.code == 0
    assert "in 1 image some categories are not annotated exhaustively" in told.err


@needs_checkpoint
def test_from_the_question_to_the_labels(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png"):
        write_picture(folder / "photos" / name)
    monkeypatch.chdir(folder)
    for source, expected in (("photos", 2), ("photos/a.png", 1)):
        told = cli("detect", source, "red square", "blue circle", "--json")
        Path("found.json").write_text(told.out)
        out = f"labels{expected}.json"
        assert cli("data", "convert", "found.json", out, "--to", "coco", model=False).code == 0
        document = json.loads(Path(out).read_text())
        assert len(document["images"]) == expected
        assert [one["name"] for one in document["categories"]] == ["red square", "blue circle"]
        assert document["annotations"][0]["bbox"] == pytest.approx([28, 28, 28, 28], abs=0.3)
