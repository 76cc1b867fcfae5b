"""Every kind of fault by name, with the least file that has it; and the command that prints them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from locany.cli.data.check import FormatName, WrittenName
from locany.data.check import check, check_each
from locany.data.converters import FORMATS, Fault, FaultKind, read_samples
from locany.data.converters.formats import writable
from locany.errors import DataError
from tests.unit.cli_fixtures import Cli

K = FaultKind
DETECT = "Locate all the instances that matches the following description: "
GROUND = "Locate all the instances that match the following description: "
REFER = "Locate a single instance that matches the following description: "
TEXT = "Detect all the text in box format."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    return tmp_path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def line(*texts: str, image: Any = "a.png", **fields: Any) -> dict[str, Any]:
    turns = [{"from": ("human", "gpt")[i % 2], "value": text} for i, text in enumerate(texts)]
    return {"image": image, "conversations": turns, **fields}


def write_lines(path: Path, *records: Any) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records))
    return path


# --- conversations --------------------------------------------------------------------------------

CAT = "<ref>cat</ref>"
BOX = "<box><1><2><3><4></box>"
Faults = list[tuple[FaultKind, str]]

LINES: list[tuple[Any, Faults]] = [
    # fine
    (line(f"<image>\n{DETECT}cat</c>dog.", f"{CAT}{BOX}<ref>dog</ref><box>None</box>"), []),
    (line(f"{DETECT}cat.", f"{CAT}{BOX}{CAT}<box><5><6><7><8></box>"), []),  # as the docs repeat the label
    (line("Point to: the eye.", "<box><5><6></box>"), []),
    (line(f"{GROUND}x.", "<box>none</box>"), []),
    (line(TEXT, "<box>None</box>"), []),
    (line("Where?", "Here: at 10, 20."), []),
    (line("What?", "<ref>a</ref><box><1><2></box>"), []),
    ({"conversations": line("a", "b")["conversations"]}, []),
    # the file
    ("{oops", [(K.UNREADABLE, "not JSON")]),
    ('{"image": NaN}', [(K.UNREADABLE, "NaN is no number")]),
    ("[1]", [(K.MALFORMED, "a line is an object, got list")]),
    (line("a", "b", weight=2), [(K.UNKNOWN_FIELD, "unknown field 'weight'; known: conversations, image")]),
    (
        {"conversations": [{"from": "human", "value": "a", "w": 0}, {"from": "gpt", "value": "b"}]},
        [(K.UNKNOWN_FIELD, "turn 1 has the unknown field 'w'")],
    ),
    # turns
    ({"id": "7"}, [(K.CONVERSATION, "has no 'conversations'")]),
    ({"conversations": {}}, [(K.CONVERSATION, "a conversation is a list of turns")]),
    ({"conversations": []}, [(K.CONVERSATION, "0 turns")]),
    (line("a"), [(K.CONVERSATION, "1 turns")]),
    ({"conversations": [3, 4]}, [(K.CONVERSATION, "turn 1 is of type int")]),
    ({"conversations": [{"from": "gpt", "value": "a"}] * 2}, [(K.CONVERSATION, "turn 1 is from 'gpt'")]),
    (line("a", 3), [(K.CONVERSATION, "turn 2 holds int")]),  # type: ignore[arg-type]
    (line("a <video>", "b"), [(K.CONVERSATION, "videos are not supported")]),
    (line("a <|im_end|>", "b"), [(K.SPECIAL_TOKEN, "turn 1 holds <|im_end|>")]),
    (line("a", "b<null>"), [(K.SPECIAL_TOKEN, "turn 2 holds <null>")]),
    # images
    (line("a", "b", image="no.png"), [(K.MISSING_IMAGE, "'no.png' is missing")]),
    (line("a", "b", image="broken.png"), [(K.UNREADABLE_IMAGE, "'broken.png' cannot be read")]),
    (line("a", "b", image="."), [(K.MISSING_IMAGE, "'.' is not a file")]),
    (line("a", "b", image="\0"), [(K.MISSING_IMAGE, "is missing")]),
    (line("a", "b", image=3), [(K.MALFORMED, "an image is a path, got 3")]),
    (line("a", "b", image={"lmdb": "x"}), [(K.UNSUPPORTED, "LMDB")]),
    (line("a", "b", image_list=["a.png"]), [(K.MALFORMED, "both 'image' and 'image_list'")]),
    ({**line("a", "b"), "video": "v.mp4"}, [(K.UNSUPPORTED, "videos are not supported")]),
    (line("<image-2>a", "b"), [(K.PLACEHOLDER, "<image-2> has no image: the sample has 1")]),
    (line("<image><image>a", "b"), [(K.PLACEHOLDER, "<image-2> has no image")]),
    (line("<image> <image-1>a", "b"), [(K.PLACEHOLDER, "mixed")]),
    (line("a", "<image>"), [(K.PLACEHOLDER, "an answer holds an image placeholder")]),
    ({"conversations": line("<image>a", "b")["conversations"]}, [(K.PLACEHOLDER, "the sample has 0")]),
    # the prompt
    (line("Point to: x", BOX), [(K.PROMPT, "lacks the full stop")]),
    (line("Point to: .", "<box><1><2></box>"), [(K.PROMPT, "its phrase is empty")]),
    (line(f"{DETECT}cat</c>cat.", f"{CAT}{BOX}"), [(K.PROMPT, "'cat' is asked for twice")]),
    *(
        (line(f"{DETECT}{names}.", f"{CAT}{BOX}"), [(K.SEPARATOR, "a separator at an end")])
        for names in ("cat</c>", "</c>cat", "cat</c></c>dog", "cat </c>dog", "cat</c>dog,", " cat")
    ),
    (line("Find a</c></c>b.", f"{CAT}{BOX}"), [(K.SEPARATOR, "at an end or doubled")]),
    (line(f"{GROUND}cat</c>dog.", f"{CAT}{BOX}"), [(K.SEPARATOR, "takes one phrase")]),
    # the answer
    (line(f"{DETECT}cat.", f"{CAT}<box>(1,2,3,4)</box>"), [(K.TEXT_COORDINATES, "a box in digits")]),
    (line(f"{DETECT}cat.", f"{CAT}<box>1 2 3 4</box>"), [(K.TEXT_COORDINATES, "a box in digits")]),
    (line(f"{DETECT}cat.", "[1, 2, 3, 4]"), [(K.TEXT_COORDINATES, "coordinates in digits")]),
    (line(f"{DETECT}cat.", f"{CAT}<box><1>, <2>, <3>, <4></box>"), [(K.SEPARATOR, "between coordinates")]),
    (line(f"{DETECT}cat.", f"{CAT}<box><3><2><1><4></box>"), [(K.INVERTED_BOX, "is inverted")]),
    (line(f"{DETECT}cat.", f"{CAT}<box><1><2><3><1001></box>"), [(K.OUT_OF_RANGE, "<1001> in")]),
    (line(f"{DETECT}cat.", f"{CAT}<box><1><2><3><007></box>"), [(K.OUT_OF_RANGE, "<007> in")]),
    (line(f"{DETECT}cat.", f"{CAT}<box><1><2><3><-4></box>"), [(K.OUT_OF_RANGE, "<0> to <1000>")]),
    (line(f"{DETECT}cat.", f"{CAT}<box><1><{'9' * 5000}></box>"), [(K.OUT_OF_RANGE, "<0> to <1000>")]),
    (line(f"{DETECT}cat.", f"{CAT}<box><1><2><3></box>"), [(K.COORDINATES, "has 3 coordinates")]),
    (line(f"{DETECT}cat.", f"{CAT}<box>NONE</box>"), [(K.COORDINATES, "or None")]),
    (
        line(f"{DETECT}cat.", f"{CAT}<1><2><3><4>"),
        [(K.COORDINATES, "outside of <box>"), (K.CUT_ANSWER, "before its box")],
    ),
    (line(f"{DETECT}cat.", f"{CAT}{BOX},<box>None</box>"), [(K.SEPARATOR, "stray ','")]),
    (line(f"{DETECT}cat.", f"{CAT}\n{BOX}"), [(K.SEPARATOR, "stray '\\n'")]),
    (line(f"{DETECT}cat.", f"{CAT}{BOX}</c>"), [(K.SEPARATOR, "stray '</c>'")]),
    (line(f"{DETECT}cat.", f"<ref>cat</c>dog</ref>{BOX}"), [(K.SEPARATOR, "</c> in the label")]),
    (line(f"{DETECT}cat.", f"<ref> cat</ref>{BOX}"), [(K.SEPARATOR, "blanks at its ends")]),
    (line("What?", "a</c>b"), [(K.SEPARATOR, "</c> in an answer")]),
    (line(f"{DETECT}cat.", f"{CAT}{BOX} and more"), [(K.STRAY_TEXT, "' and more'")]),
    (line(f"{DETECT}cat.", f"<ref>cat{BOX}"), [(K.UNCLOSED, "<ref>cat is not closed before <box>")]),
    (line(f"{DETECT}cat.", f"{CAT}<box><1><2><box><1><2></box>"), [(K.UNCLOSED, "not closed before <box>")]),
    (line(f"{DETECT}cat.", f"{CAT}{BOX}</box>"), [(K.UNCLOSED, "</box> closes nothing")]),
    (line(f"{DETECT}cat.", f"{CAT}<box><1><2>"), [(K.CUT_ANSWER, "ends inside <box>")]),
    (line(f"{DETECT}cat.", CAT), [(K.CUT_ANSWER, "after the label 'cat'")]),
    (line(f"{DETECT}cat.", f"{CAT}<ref>dog</ref>{BOX}"), [(K.CUT_ANSWER, "'cat' has no box")]),
    (line(f"{DETECT}cat.", ""), [(K.CUT_ANSWER, "is empty")]),
    (line(f"{DETECT}cat.", f"<ref></ref>{BOX}"), [(K.NO_LABEL, "an empty label")]),
    (line(f"{DETECT}cat.", BOX), [(K.NO_LABEL, "without <ref>"), (K.DISAGREEMENT, "nothing about it")]),
    (line(TEXT, BOX), [(K.NO_LABEL, "without <ref>")]),
    (line(f"{DETECT}cat.", f"{CAT}{BOX}{BOX}"), [(K.DUPLICATE_BOX, "of 'cat' stands there twice")]),
    (line(f"{DETECT}cat.", f"{CAT}<box>None</box><box>None</box>"), [(K.DUPLICATE_BOX, "twice")]),
    (line(f"{DETECT}cat.", f"{CAT}{BOX}<box>None</box>"), [(K.NONE_AND_BOX, "'cat' has both")]),
    # both
    (
        line(f"{DETECT}cat.", f"{CAT}{BOX}<ref>dog</ref>{BOX}"),
        [(K.DISAGREEMENT, "'dog', which the prompt does not")],
    ),
    (
        line(f"{DETECT}cat</c>dog.", f"{CAT}{BOX}"),
        [(K.DISAGREEMENT, "asks for 'dog', the answer says nothing")],
    ),
    (
        line(f"{DETECT}cat.", f"{CAT}<box><1><2></box>"),
        [(K.DISAGREEMENT, "asks for boxes, the answer has points")],
    ),
    (line("Point to: cat.", f"{CAT}{BOX}"), [(K.DISAGREEMENT, "asks for points, the answer has boxes")]),
    (line(f"{GROUND}a cat.", f"{CAT}{BOX}"), [(K.DISAGREEMENT, "about 'cat'")]),
    (line(f"{REFER}cat.", f"{CAT}{BOX}<box><5><5><6><6></box>"), [(K.DISAGREEMENT, "a single instance")]),
    (line(f"{DETECT}cat.", "There is none."), [(K.DISAGREEMENT, "the answer has none")]),
    # several at once, of several turns
    (
        line("Point to: x.", "<box><1></box>", f"{DETECT}cat.", f"{CAT}{BOX},", image="no.png"),
        [(K.MISSING_IMAGE, "missing"), (K.COORDINATES, "1 coordinates"), (K.SEPARATOR, "stray")],
    ),
]


@pytest.mark.parametrize(("record", "expected"), LINES)
def test_faults_of_a_line(folder: Path, record: Any, expected: Faults) -> None:
    good = line("Point to: x.", "<box><1><2></box>")
    path = write_lines(folder / "x.jsonl", good, record)
    faults = check(path)
    assert [(fault.kind, fault.file, fault.line) for fault in faults] == [
        (k, str(path), 2) for k, _ in expected
    ]
    for fault, (_, words) in zip(faults, expected, strict=True):
        assert words in fault.message
        assert len(str(fault)) < 500
    if expected:  # and what is reported is refused
        with pytest.raises(DataError, match=r"x\.jsonl:2: "):
            list(read_samples(path))


def test_good_lines_are_counted(folder: Path) -> None:
    good = [record for record, faults in LINES if not faults]
    bad = [record for record, faults in LINES if faults]
    assert check_each(write_lines(folder / "x.jsonl", *good, *bad), lambda fault: None) == len(good)


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "x.jsonl").write_bytes(b'{"id": "\xff"}\n')
    (fault,) = check(folder / "x.jsonl")
    assert (fault.kind, fault.line) == (K.UNREADABLE, 1)


def test_pixels_are_looked_at_when_asked(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "whole.png")
    data = (folder / "whole.png").read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    record = line("Point to: x.", "<box><1><2></box>", image="cut.png")
    path = write_lines(folder / "x.jsonl", line("Point to: x.", "<box><1><2></box>"), record, record)
    assert check(path) == []
    assert [(f.kind, f.line) for f in check(path, pixels=True)] == [(K.UNREADABLE_IMAGE, n) for n in (2, 3)]


# --- recipes --------------------------------------------------------------------------------------


def test_faults_of_a_recipe_and_of_what_it_names(folder: Path) -> None:
    write_lines(folder / "x.jsonl", line("Point to: x", "<box><1><2></box>"))
    recipe = {
        "x": {"annotation": "x.jsonl"},
        "y": {"annotation": "y.jsonl"},
        "z": {"annotation": "x", "weight": 1},
    }
    (folder / "r.json").write_text(json.dumps(recipe))
    found = {(Path(f.file).name, f.line, f.kind) for f in check(folder / "r.json")}
    assert found == {
        ("x.jsonl", 1, K.PROMPT),
        ("y.jsonl", None, K.UNREADABLE),
        ("r.json", None, K.UNKNOWN_FIELD),
    }


# --- detection data sets and phrases --------------------------------------------------------------


def coco(folder: Path, **changes: Any) -> Path:
    """A good file, with some keys of its annotation, image or document changed."""
    document: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [{"id": 5, "image_id": 1, "category_id": 3, "bbox": [1, 2, 30, 40]}],
    }
    for key, value in changes.items():
        where, _, name = key.partition("__")
        if name:
            document[where][0][name] = value
        else:
            document[where] = value
    path = folder / "coco.json"
    path.write_text(json.dumps(document))
    return path


def twice(*records: dict[str, Any]) -> list[dict[str, Any]]:
    return [*records, *records]


ANNOTATION = {"id": 5, "image_id": 1, "category_id": 3, "bbox": [1, 2, 30, 40]}
COCO: list[tuple[dict[str, Any], FaultKind, str]] = [
    ({"annotations__bbox": [1, 2, -3, 4]}, K.INVERTED_BOX, "annotation 5"),
    ({"annotations__bbox": [1, 2, 0, 4]}, K.EMPTY_BOX, "annotation 5"),
    ({"annotations__bbox": [1, 2, 90, 4]}, K.OUTSIDE_IMAGE, "image 1, annotation 5"),
    ({"annotations__bbox": [1, 2, 3]}, K.MALFORMED, "bbox has 4 numbers"),
    ({"annotations__bbox": None}, K.MALFORMED, "bbox is a list"),
    ({"annotations__bbox": [1, 2, 3, "4"]}, K.MALFORMED, "bbox is a list of numbers"),
    ({"annotations__category_id": 9}, K.UNKNOWN_CATEGORY, "category_id 9"),
    ({"annotations__category_id": [3]}, K.MALFORMED, "'category_id' is a whole number"),
    ({"annotations__category_id": 3.5}, K.MALFORMED, "'category_id' is a whole number or text, got 3.5"),
    ({"annotations__image_id": 9}, K.MALFORMED, "there is no image 9"),
    ({"annotations__id": None}, K.MALFORMED, "annotation 1 of the list"),
    ({"annotations__segmentation": [[1, 2, 3]]}, K.MALFORMED, "pairs of numbers"),
    ({"annotations__segmentation": {"counts": []}}, K.MALFORMED, "'counts' and 'size'"),
    ({"annotations__iscrowd": "no"}, K.MALFORMED, "'iscrowd' is a whole number"),
    ({"annotations": [3]}, K.MALFORMED, "an annotation is an object"),
    ({"annotations": {}}, K.MALFORMED, "'annotations' is a list"),
    ({"annotations": twice(ANNOTATION)}, K.DUPLICATE_ID, "annotation 5"),
    ({"annotations": [ANNOTATION, {**ANNOTATION, "id": 6}]}, K.DUPLICATE_BOX, "(1, 2, 31, 42) of 'cat'"),
    (
        {"images__file_name": "no.png"},
        K.MISSING_IMAGE,
        "; give the folder that names are relative to",
    ),
    ({"images__file_name": "broken.png"}, K.UNREADABLE_IMAGE, "broken.png"),
    ({"images__file_name": 3}, K.MALFORMED, "'file_name' is a text"),
    ({"images__width": 65}, K.IMAGE_SIZE, "65 x 48, the image is 64 x 48"),
    ({"images__width": 48, "images__height": 64}, K.IMAGE_SIZE, "take the orientation out of the file"),
    ({"images": [3]}, K.MALFORMED, "an image is an object"),
    ({"images": twice({"id": 1, "file_name": "a.png"})}, K.DUPLICATE_ID, "image 1"),
    (
        {"images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "./a.png"}]},
        K.DUPLICATE_IMAGE,
        "image 2: the image a.png is the one of",
    ),
    ({"categories": twice({"id": 3, "name": "cat"})}, K.DUPLICATE_ID, "category 2 of the list"),
    ({"categories__name": " "}, K.MALFORMED, "cannot be asked for"),
    ({"categories__id": None}, K.MALFORMED, "'id' is a whole number"),
    ({"categories__name": "d\x01g"}, K.MALFORMED, "holds '\\x01', which is no character"),
    ({"categories__name": "d\uffffg"}, K.MALFORMED, "which is no character"),
    ({"categories__name": "a</c>b"}, K.MALFORMED, "contains </c>, which has a meaning"),
    ({"categories__name": "the <box>"}, K.MALFORMED, "contains <box>, which has a meaning"),
    ({"categories": None}, K.MALFORMED, "'categories' is a list"),
]


@pytest.mark.parametrize(("changes", "kind", "words"), COCO)
def test_faults_of_coco(folder: Path, changes: dict[str, Any], kind: FaultKind, words: str) -> None:
    assert check(coco(folder), "coco") == []
    faults = check(coco(folder, **changes), "coco")
    assert kind in {fault.kind for fault in faults}
    assert any(words in str(fault) and fault.kind is kind for fault in faults)
    with pytest.raises(DataError, match=r"coco\.json: "):
        list(read_samples(folder / "coco.json", "coco"))


def test_whole_numbers_that_a_table_wrote(folder: Path) -> None:
    floats = {"id": 5.0, "image_id": 1.0, "category_id": 3.0, "iscrowd": False, "bbox": [1, 2, 30, 40]}
    image = {"id": 1.0, "file_name": "a.png", "width": 64.0, "height": 48.0}
    path = coco(folder, annotations=[floats], images=[image], categories__id=3.0)
    assert check(path) == []
    (sample,) = read_samples(path)
    assert sample.objects[0].label == "cat"
    assert sample.objects[0].attributes == {}
    assert sample.provenance["image_id"] == 1
    (sample,) = read_samples(coco(folder, annotations=[{**floats, "iscrowd": True}]))
    assert sample.objects[0].attributes == {"iscrowd": 1}
    record = {**LABELME, "imageWidth": 64.0, "shapes": [{**SHAPE, "group_id": 2.0}]}
    (folder / "a.json").write_text(json.dumps(record))
    assert check(folder / "a.json", "labelme") == []


def test_an_image_of_too_many_pixels_says_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (65, 48)).save(folder / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    (fault,) = check(coco(folder, images__file_name="large.png", images__width=65))
    assert fault.kind is K.UNREADABLE_IMAGE
    assert "has more than the 2,000 pixels that are opened; make it smaller" in fault.message


def test_every_fault_is_reported(folder: Path) -> None:
    wrong = [
        {**ANNOTATION, "id": n, "bbox": box}
        for n, box in enumerate([[1, 2, 0, 4], [1, 2, 3, -4], [9, 9, 9, 9]])
    ]
    faults = check(coco(folder, annotations=wrong))
    assert [f.kind for f in faults] == [K.EMPTY_BOX, K.INVERTED_BOX]
    assert check_each(folder / "coco.json", lambda fault: None) == 0  # the image is left out as a whole


def test_a_faulty_annotation_hides_no_other_of_its_image(folder: Path) -> None:
    wrong = [ANNOTATION, ANNOTATION, {**ANNOTATION, "id": 6, "bbox": [1, 2, 0, 4]}, {"image_id": 1}]
    faults = check(coco(folder, annotations=wrong))
    assert [f.kind for f in faults] == [K.DUPLICATE_ID, K.MALFORMED, K.EMPTY_BOX]
    assert check_each(folder / "coco.json", lambda fault: None) == 0


def test_an_image_whose_id_stands_twice_is_left_out(folder: Path) -> None:
    image = {"id": 1, "file_name": "a.png"}
    path = coco(folder, images=[image, image, {**image, "id": 2}])
    assert check_each(path, lambda fault: None) == 1


def test_two_answers_to_one_phrase_are_both_left_out(folder: Path) -> None:
    other = {**REF, "bbox": [1, 2, 3, 4]}
    (folder / "x.json").write_text(json.dumps([REF, other, REF, {**REF, "sentences": ["a dog"]}]))
    faults: list[Fault] = []
    (sample,) = read_samples(folder / "x.json", report=faults.append)
    assert [question.task.phrase for question in sample.questions] == ["a dog"]
    assert [fault.kind for fault in faults] == [K.DISAGREEMENT] * 2


def test_faults_of_lvis(folder: Path) -> None:
    assert check(coco(folder, images__neg_category_ids=[])) == []
    (fault,) = check(coco(folder, images__neg_category_ids=[3]))
    assert (fault.kind, "lists as absent" in fault.message) == (K.DISAGREEMENT, True)
    (fault,) = check(coco(folder, images__not_exhaustive_category_ids=[4]))
    assert (fault.kind, "not_exhaustive_category_ids has 4" in fault.message) == (K.UNKNOWN_CATEGORY, True)


def yolo(folder: Path, label: str, settings: str = "train: images\nnames: [cat]\n") -> Path:
    (folder / "images").mkdir(exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    Image.new("RGB", (64, 48)).save(folder / "images" / "a.png")
    (folder / "labels" / "a.txt").write_text(label)
    (folder / "data.yaml").write_text(settings)
    return folder


YOLO = [
    ("0 .5 .5 .2", K.MALFORMED, "5 numbers"),
    ("0 .5 .5 .2 .2 .9", K.MALFORMED, "got 6"),
    ("cat .5 .5 .2 .2", K.MALFORMED, "'cat .5 .5 .2 .2'"),
    ("0 .5 .5 nan .2", K.MALFORMED, "no number"),
    ("1 .5 .5 .2 .2", K.UNKNOWN_CATEGORY, "category 1"),
    ("0.5 .5 .5 .2 .2", K.UNKNOWN_CATEGORY, "category 0.5"),
    ("0 .9 .5 .5 .2", K.OUTSIDE_IMAGE, "sticks out"),
    ("0 30 20 10 10", K.OUTSIDE_IMAGE, "from 0 to 1; these look like pixels"),
    ("0 .5 .5 -.2 .2", K.INVERTED_BOX, "inverted"),
    ("0 .5 .5 0 .2", K.EMPTY_BOX, "no area"),
    ("0 .5 .5 .2 .3", K.DUPLICATE_BOX, "twice"),
]


@pytest.mark.parametrize(("label", "kind", "words"), YOLO)
def test_faults_of_yolo(folder: Path, label: str, kind: FaultKind, words: str) -> None:
    (fault,) = check(yolo(folder, f"0 .5 .5 .2 .3\n\n{label}\n"))
    assert (fault.kind, fault.line, Path(fault.file).name) == (kind, 3, "a.txt")
    assert words in fault.message
    with pytest.raises(DataError, match=r"a\.txt:3: "):
        list(read_samples(folder))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("", "the file is an object"),
        ("names: [cat", "not YAML"),
        ("train: images\n", "'names' is a list"),
        ("train: images\nnames: {a: cat}\n", "from number to name"),
        ("train: images\nnames: [cat, cat]\n", "a name twice"),
        ("train: images\nnames: ['']\n", "cannot be asked for"),
        ("train: images\nnames: [cat]\nnc: 5\n", "'nc' says 5 categories, 'names' has 1"),
        ("train: images\nnames: [cat]\nnc: one\n", "'nc' is a whole number"),
        ("train: nowhere\nnames: [cat]\n", "leads to"),
        ("train: 3\nnames: [cat]\n", "'train' is a folder"),
        ("names: [cat]\n", "names no image"),
        ("path: 3\ntrain: images\nnames: [cat]\n", "'path' is a folder"),
        ("train: images\nnames: [cat]\nkpt_shape: [17, 3]\n", "keypoints"),
    ],
)
def test_faults_of_data_yaml(folder: Path, settings: str, words: str) -> None:
    (fault,) = check(yolo(folder, "", settings))
    assert words in fault.message
    assert Path(fault.file).name == "data.yaml"


def test_yolo_without_a_single_label_file(folder: Path) -> None:
    path = yolo(folder, "0 .5 .5 .2 .2")
    assert check(path) == []
    (folder / "labels" / "a.txt").unlink()
    (fault,) = check(path)
    assert "leads to images (1), but to no label file: for a.png it would be" in fault.message


VOC = """<annotation>
<filename>a.png</filename><size><width>64</width><height>48</height></size>
<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
</annotation>
"""


@pytest.mark.parametrize(
    ("old", "new", "kind", "at"),
    [
        ("</annotation>", "", K.UNREADABLE, None),
        ("<annotation>", '<!DOCTYPE a [<!ENTITY x "y">]><annotation>', K.UNSUPPORTED, None),
        ("annotation", "other", K.MALFORMED, None),
        ("<filename>a.png</filename>", "", K.MALFORMED, None),
        ("a.png", "no.png", K.MISSING_IMAGE, None),
        ("<width>64", "<width>65", K.IMAGE_SIZE, None),
        ("<width>64", "<width>wide", K.MALFORMED, None),
        ("<name>cat</name>", "", K.MALFORMED, 3),
        ("<ymin>1</ymin>", "", K.MALFORMED, 3),
        ("bndbox", "box", K.MALFORMED, 3),
        ("<xmax>9", "<xmax>nan", K.MALFORMED, 3),
        ("<xmax>9", "<xmax>99", K.OUTSIDE_IMAGE, 3),
        ("<xmin>1", "<xmin>12", K.INVERTED_BOX, 3),
    ],
)
def test_faults_of_voc(folder: Path, old: str, new: str, kind: FaultKind, at: int | None) -> None:
    (folder / "a.xml").write_text(VOC)
    assert check(folder) == []
    (folder / "a.xml").write_text(VOC.replace(old, new))
    (fault,) = check(folder)
    assert (fault.kind, fault.line, Path(fault.file).name) == (kind, at, "a.xml")


def test_two_files_about_one_image(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / "voc").mkdir(exist_ok=True)
        (folder / "voc" / f"{name}.xml").write_text(VOC)
        (folder / "labelme").mkdir(exist_ok=True)
        (folder / "labelme" / f"{name}.json").write_text(json.dumps(LABELME))
    for format, suffix in (("voc", "xml"), ("labelme", "json")):
        faults: list[Fault] = []
        assert check_each(folder / format, faults.append, format, folder) == 0  # neither tells all
        (fault,) = faults
        assert (fault.kind, Path(fault.file).name) == (K.DUPLICATE_IMAGE, f"b.{suffix}")
        assert f"a.{suffix}, too" in fault.message
        with pytest.raises(DataError, match="put all its boxes into one"):
            list(read_samples(folder / format, format, folder))


SHAPE = {"label": "cat", "points": [[1, 2], [30, 40]], "shape_type": "rectangle"}
LABELME = {"imagePath": "a.png", "imageWidth": 64, "imageHeight": 48, "shapes": [SHAPE]}


@pytest.mark.parametrize(
    ("changes", "shape", "kind"),
    [
        ({"shapes": None}, {}, K.MALFORMED),
        ({"shapes": [3]}, {}, K.MALFORMED),
        ({"imagePath": "no.png"}, {}, K.MISSING_IMAGE),
        ({"imagePath": None}, {}, K.MALFORMED),
        ({"imagePath": None, "imageData": "!!"}, {}, K.UNREADABLE_IMAGE),
        ({"imageWidth": 63}, {}, K.IMAGE_SIZE),
        ({}, {"label": None}, K.MALFORMED),
        ({}, {"points": [[1, 2]]}, K.MALFORMED),
        ({}, {"points": [[1, 2], [3]]}, K.MALFORMED),
        ({}, {"points": [[1, 2], [1, 9]]}, K.EMPTY_BOX),
        ({}, {"points": [[1, 2], [99, 9]]}, K.OUTSIDE_IMAGE),
        ({}, {"shape_type": "linestrip"}, K.UNSUPPORTED),
        ({}, {"group_id": "a"}, K.MALFORMED),
        ({"shapes": [SHAPE, SHAPE]}, {}, K.DUPLICATE_BOX),
    ],
)
def test_faults_of_labelme(
    folder: Path, changes: dict[str, Any], shape: dict[str, Any], kind: FaultKind
) -> None:
    (folder / "a.json").write_text(json.dumps(LABELME))
    assert check(folder, "labelme") == []
    record = {**LABELME, **({"shapes": [{**SHAPE, **shape}]} if shape else {}), **changes}
    (folder / "a.json").write_text(json.dumps(record))
    assert [(f.kind, Path(f.file).name) for f in check(folder, "labelme")] == [(kind, "a.json")]


REF = {"file_name": "a.png", "bbox": [1, 2, 30, 40], "sentences": [{"sent": "the cat"}]}
SPOT = {"img_filename": "a.png", "bbox": [1, 2, 30, 40], "instruction": "save"}


@pytest.mark.parametrize(
    ("format", "record", "kind"),
    [
        ("refer", {**REF, "bbox": [1, 2, 300, 40]}, K.OUTSIDE_IMAGE),
        ("refer", {**REF, "bbox": "x"}, K.MALFORMED),
        ("refer", {**REF, "sentences": []}, K.MALFORMED),
        ("refer", {**REF, "sentences": [{"raw": "x"}]}, K.MALFORMED),
        ("refer", {**REF, "sentences": [" "]}, K.MALFORMED),
        ("refer", {**REF, "file_name": "no.png"}, K.MISSING_IMAGE),
        ("refer", {"bbox": [1, 2, 3, 4], "sentences": ["x"]}, K.MALFORMED),
        ("refer", {"file_name": "a.png", "sentences": ["x"]}, K.MALFORMED),
        ("refer", {"file_name": "a.png", "sentences": ["x"], "ann_id": 3}, K.UNREADABLE),
        ("refer", {**REF, "bbox": [1, 2, 3, 4]}, K.DISAGREEMENT),
        ("refer", 3, K.MALFORMED),
        ("screenspot", {**SPOT, "bbox": [1, 2, 300, 40]}, K.OUTSIDE_IMAGE),
        ("screenspot", {**SPOT, "img_filename": "no.png"}, K.MISSING_IMAGE),
        ("screenspot", {**SPOT, "img_filename": None}, K.MALFORMED),
        ("screenspot", {**SPOT, "instruction": 3}, K.MALFORMED),
        ("screenspot", {**SPOT, "img_size": [64, 50]}, K.IMAGE_SIZE),
        ("screenspot", {"img_filename": "a.png", "instruction": "x"}, K.MALFORMED),
        ("screenspot", {**SPOT, "bbox": [1, 2, 3, 4]}, K.DISAGREEMENT),
        ("screenspot", None, K.MALFORMED),
    ],
)
def test_faults_of_phrases(folder: Path, format: str, record: Any, kind: FaultKind) -> None:
    good = REF if format == "refer" else SPOT
    (folder / "x.json").write_text(json.dumps([good, record]))
    (fault,) = check(folder / "x.json", format)
    assert fault.kind is kind
    if kind is not K.UNREADABLE:
        assert "record 2: " in fault.message
        # The other record stays, unless it is the other side of a dispute.
        expected = 0 if kind is K.DISAGREEMENT else 1
        assert check_each(folder / "x.json", lambda f: None, format) == expected


@pytest.mark.parametrize("format", [name for name in FORMATS if name not in ("yolo", "voc")])
@pytest.mark.parametrize("content", ["", "[", "3", "[[]]", '{"a": 1}', "null", '"x"', "\x00", "[1, null]"])
def test_nonsense_never_escapes_as_another_error(folder: Path, format: str, content: str) -> None:
    (folder / "x.json").write_text(content)
    assert check(folder / "x.json", format) or content == ""
    if content:
        with pytest.raises(DataError, match=r"x\.json"):
            list(read_samples(folder / "x.json", format))


def test_every_kind_is_shown_here() -> None:
    shown = {kind for _, faults in LINES for kind, _ in faults}
    shown |= {row[1] for row in (*COCO, *YOLO)}
    assert set(FaultKind) - shown == {K.NO_SAMPLE}  # a good conversation, and never reported


# --- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [lambda f: f / "none", lambda f: f / "a.png", lambda f: f], ids=["no", "png", "dir"]
)
def test_what_is_not_recognised(folder: Path, make: Callable[[Path], Path]) -> None:
    with pytest.raises(DataError, match=r"no such file|screenspot .a JSON list"):
        check(make(folder))


def test_a_format_that_does_not_exist(folder: Path) -> None:
    with pytest.raises(DataError, match="there is no format 'tfrecord'; there are: jsonl "):
        check(folder, "tfrecord")


# --- the command ----------------------------------------------------------------------------------


def test_the_command_on_good_data(cli: Cli, folder: Path) -> None:
    path = write_lines(folder / "x.jsonl", line("Point to: x.", "<box><1><2></box>"))
    done = cli("data", "check", path, model=False)
    assert (done.code, done.out, done.err) == (0, "1 good record, no faults\n", "")


def test_the_command_on_bad_data(cli: Cli, folder: Path) -> None:
    bad = line("Point to: x", "<box><1><2></box>")
    path = write_lines(folder / "x.jsonl", bad, line("a\x1b[31m", "b", image="no\x1b.png"), bad)
    done = cli("data", "check", path, "--root", folder, model=False)
    assert done.code == 1
    rows = done.out.splitlines()
    assert [row.startswith(f"{path}:{n}: ") for n, row in enumerate(rows[:3], start=1)] == [True] * 3
    assert rows[3] == "3 faults (2 prompt, 1 missing-image); 0 good records"
    assert "\x1b" not in done.out


def test_the_command_in_json(cli: Cli, folder: Path) -> None:
    path = write_lines(folder / "x.jsonl", line("Point to: x", "<box><1><2></box>"))
    done = cli("data", "check", path, "--json", model=False)
    assert done.code == 1
    assert done.document["good"] == 0
    (fault,) = done.document["faults"]
    assert fault == {"file": str(path), "line": 1, "kind": "prompt", "message": fault["message"]}


def test_nothing_to_check_is_a_failure(cli: Cli, folder: Path) -> None:
    (folder / "x.jsonl").write_text("\n")
    done = cli("data", "check", folder / "x.jsonl", model=False)
    assert (done.code, done.out) == (1, "nothing to check: no record found\n")
    assert cli("data", "check", folder / "none.jsonl", model=False).code == 1


def test_the_help_names_every_format() -> None:
    assert get_args(FormatName) == tuple(FORMATS)
    assert get_args(WrittenName) == writable()
