"""Data sets as they come: what other programs read of ours, and what of theirs must not get lost silently."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from locany.data.converters import open_dataset, read_samples, write_samples
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError
from locany.tasks import Task
from tests.unit.cli_fixtures import Cli

SIZE = (200, 100)
TRIANGLE = ((20.0, 10.0), (60.0, 10.0), (60.0, 50.0))
OUTLINED = Target("cat", (20.0, 10.0, 60.0, 50.0), polygon=TRIANGLE)
BOX = Target("dog", (100.0, 50.0, 150.0, 75.0))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE).save(path)
    return path


def sample(image: Path, *objects: Target, **provenance: Any) -> Sample:
    names = list(dict.fromkeys(target.label for target in objects))
    questions = (Question(Task.detect(names), objects),) if names else ()
    return Sample(ImageRef(image, SIZE), questions, objects, provenance)


def names_of(samples: Sequence[Sample]) -> list[str]:
    return [s.image.source.name for s in samples]  # type: ignore[union-attr]


# -- YOLO for other programs ------------------------------------------------------------------------------


def test_a_label_file_has_rows_of_one_form(tmp_path: Path) -> None:
    """Ultralytics takes every row of a file for corners as soon as one has more than six columns."""
    image = picture(tmp_path / "a.png")
    write_samples([sample(image, OUTLINED, BOX), sample(image, BOX)], tmp_path / "y", "yolo")
    labels = tmp_path / "y" / "labels" / "train"
    rows = [[float(v) for v in line.split()] for line in (labels / "a.txt").read_text().splitlines()]
    assert rows == [[0, 0.1, 0.1, 0.3, 0.1, 0.3, 0.5], [1, 0.5, 0.5, 0.75, 0.5, 0.75, 0.75, 0.5, 0.75]]
    assert len((labels / "a_2.txt").read_text().split()) == 5
    first, second = read_samples(tmp_path / "y")
    assert [t.xyxy for t in first.objects] == [OUTLINED.xyxy, BOX.xyxy]
    assert [t.xyxy for t in second.objects] == [BOX.xyxy]


@pytest.mark.parametrize("format", ["yolo", "labelme"])
def test_the_box_comes_back_where_its_outline_is_a_little_off(format: str, tmp_path: Path) -> None:
    off = Target("cat", (20.0, 10.0, 60.4, 50.0), polygon=TRIANGLE)
    write_samples([sample(picture(tmp_path / "a.png"), off)], tmp_path / "out", format)
    (back,) = read_samples(tmp_path / "out")
    assert back.objects[0].xyxy == pytest.approx(off.xyxy, abs=1e-6)


def test_a_split_that_the_data_lack_is_named_and_said_to_be_empty(tmp_path: Path) -> None:
    write_samples([sample(picture(tmp_path / "a.png"), BOX)], tmp_path / "y", "yolo")
    text = (tmp_path / "y" / "data.yaml").read_text()
    settings = yaml.safe_load(text)
    assert "path" not in settings  # Ultralytics looks from the folder of data.yaml then
    assert (settings["train"], settings["val"]) == ("images/train", "images/val")
    assert all((tmp_path / "y" / settings[split]).is_dir() for split in ("train", "val"))
    assert "no images of 'val': put some into images/val" in text
    assert "of 'train'" not in text


# -- what a format cannot say -----------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["yolo", "voc", "labelme"])
def test_crowd_regions_do_not_become_objects(format: str, cli: Cli, tmp_path: Path) -> None:
    crowd = Target("cat", (0.0, 0.0, 90.0, 90.0), attributes={"iscrowd": 1})
    image = picture(tmp_path / "a.png")
    write_samples([sample(image, crowd, BOX)], tmp_path / "x.json", "coco")
    done = cli("data", "convert", tmp_path / "x.json", tmp_path / "out", "--to", format, model=False)
    assert done.code == 0
    assert f"locany: note: not written, since {format} has no such thing: 1 crowd region;" in done.err
    (back,) = read_samples(tmp_path / "out")
    assert [t.label for t in back.objects] == ["dog"]
    for kept in ("coco", "lvis"):
        done = cli(
            "data", "convert", tmp_path / "x.json", tmp_path / f"{kept}.json", "--to", kept, model=False
        )
        assert (done.code, done.err) == (0, "")
        (back,) = read_samples(tmp_path / f"{kept}.json", kept)
        assert back.objects[0].attributes["iscrowd"] == 1


def test_categories_that_are_not_exhaustive_are_told_where_they_get_lost(cli: Cli, tmp_path: Path) -> None:
    partly = replace(sample(picture(tmp_path / "a.png"), BOX), provenance={"incomplete": ["dog"]})
    write_samples([partly], tmp_path / "x.json", "lvis")
    for format, told in (("coco", True), ("yolo", True), ("lvis", False), ("shards", False)):
        done = cli("data", "convert", tmp_path / "x.json", tmp_path / format, "--to", format, model=False)
        assert ("in 1 image some categories are not annotated exhaustively" in done.err) == told, format


DETECT = "Locate all the instances that matches the following description: "
GROUND = "Locate all the instances that match the following description: "
CAT = "<ref>cat</ref><box><100><100><300><500></box>"
DOG = "<ref>dog</ref><box><500><500><750><750></box>"


def talks(path: Path, *said: tuple[str, str, str]) -> Path:
    """Conversations: an image, which is drawn, what is asked of it, and the answer."""
    records = [
        {
            "image": picture(path.parent / image).name,
            "conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}],
        }
        for image, asked, answer in said
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def labelme(folder: Path, *shapes: tuple[str, str, list[list[float]]]) -> Path:
    """One image, and an empty one, so that what the first lacks may be asked of the second."""
    for name, drawn in (("a", shapes), ("b", ())):
        picture(folder / f"{name}.png")
        listed = [{"label": label, "shape_type": kind, "points": points} for label, kind, points in drawn]
        (folder / f"{name}.json").write_text(json.dumps({"imagePath": f"{name}.png", "shapes": listed}))
    return folder


@pytest.mark.parametrize("format", ["coco", "lvis", "yolo", "voc"])
def test_points_are_not_lost_silently_nor_taught_as_absent(format: str, cli: Cli, tmp_path: Path) -> None:
    shapes = [("cat", "rectangle", [[1, 2], [30, 40]]), *[("eye", "point", [[5, n]]) for n in (5, 9)]]
    source, out = labelme(tmp_path / "in", *shapes), tmp_path / "out"
    done = cli("data", "convert", source, out, "--to", format, model=False)
    told = (
        f"not written, since {format} holds boxes by category: 1 question for phrases, text or points (2 po"
    )
    assert (done.code, done.out) == (0, f"{out}: 2 samples, 1 question\n")
    assert told in done.err
    assert open_dataset(source).categories == ("cat", "eye")
    assert open_dataset(out, format).categories == ("cat",)
    assert cli("data", "convert", source, tmp_path / "s", "--to", "shards", model=False).code == 0
    assert cli("data", "convert", tmp_path / "s", tmp_path / "o", "--to", format, model=False).code == 0
    assert open_dataset(tmp_path / "o", format).categories == ("cat",)
    done = cli("data", "convert", source, tmp_path / "again", "--to", "labelme", model=False)
    assert (done.code, done.err) == (0, "")


def test_a_category_with_points_in_one_image_and_boxes_in_another_is_told(cli: Cli, tmp_path: Path) -> None:
    path = talks(tmp_path / "x.jsonl", ("a.png", "Point to: cat.", "<box><5><5></box>"),
                 ("a.png", f"{DETECT}dog.", DOG), ("b.png", f"{DETECT}cat</c>dog.", CAT + DOG))  # fmt: skip
    done = cli("data", "convert", path, tmp_path / "x.json", "--to", "coco", model=False)
    assert "1 question for phrases, text or points (1 point)" in done.err
    assert "in 1 image not every category was asked for, which coco cannot say" in done.err
    assert done.out.endswith(": 2 samples, 2 questions\n")


def test_what_was_asked_of_some_images_only_is_told(cli: Cli, tmp_path: Path) -> None:
    path = talks(tmp_path / "x.jsonl", ("a.png", f"{DETECT}cat.", CAT), ("b.png", f"{DETECT}dog.", DOG),
                 ("b.png", f"{DETECT}owl.", "<ref>owl</ref><box>None</box>"),
                 ("b.png", f"{GROUND}a red hat.", "<box>None</box>"))  # fmt: skip
    for format in ("coco", "yolo", "voc", "labelme"):
        done = cli("data", "convert", path, tmp_path / format, "--to", format, model=False)
        assert (
            f"in 2 images not every category was asked for, which {format} cannot say; the others" in done.err
        )
        assert "1 question for phrases" in done.err
        assert "since no image has a box of it: 1 category (owl)" in done.err
        assert done.out == f"{tmp_path / format}: 2 samples, 3 questions\n"
    done = cli("data", "convert", path, tmp_path / "lvis", "--to", "lvis", model=False)
    assert "asked for" not in done.err
    assert "1 question for phrases" in done.err


def test_images_without_a_question_are_counted(cli: Cli, tmp_path: Path) -> None:
    crowd = Target("cat", (0.0, 0.0, 90.0, 90.0), attributes={"iscrowd": 1})
    images = [picture(tmp_path / f"{name}.png") for name in "abc"]
    samples = [sample(images[0], BOX, crowd), sample(images[1]), sample(images[2])]
    write_samples(samples, tmp_path / "x.json", "coco", ["dog", "owl"])
    done = cli("data", "convert", tmp_path / "x.json", tmp_path / "x.jsonl", "--to", "jsonl", model=False)
    assert "not written, since jsonl holds questions: 2 images without any" in done.err
    assert "not written, since jsonl holds questions: 1 object that none asks for" in done.err
    assert "since no question asks for it: 2 categories (owl, cat)" in done.err
    assert done.out == f"{tmp_path / 'x.jsonl'}: 1 sample, 1 question\n"


def test_outlines_are_counted_where_they_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    parts = [[20, 10, 40, 10, 40, 30], [50, 40, 60, 40, 60, 50]]
    several = Target("dog", (20.0, 10.0, 60.0, 50.0), attributes={"segmentation": parts})
    image = picture(tmp_path / "a.png")
    write_samples([sample(image, OUTLINED, several)], tmp_path / "x.json", "coco")
    for format, told in (
        ("yolo", "1 outline"),
        ("labelme", "1 outline"),
        ("voc", "2 outlines"),
        ("coco", ""),
    ):
        done = cli("data", "convert", tmp_path / "x.json", tmp_path / format, "--to", format, model=False)
        assert done.err == (
            f"locany: note: not written: {told} that {format} cannot hold; boxes are\n" * bool(told)
        )
    grouped = labelme(tmp_path / "l", *[("cat", "rectangle", [[n, 2], [n + 30, 40]]) for n in (1, 50)])
    text = (grouped / "a.json").read_text().replace('"label"', '"group_id": 1, "label"')
    (grouped / "a.json").write_text(text)
    done = cli("data", "convert", grouped, tmp_path / "l.json", "--to", "coco", model=False)
    assert "1 outline that coco cannot hold" in done.err


def test_nothing_is_written_where_there_is_no_sample(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    write_samples([sample(picture(tmp_path / "a.png"))], tmp_path / "empty.json", "coco", ["dog"])
    for name, format in (("none", "jsonl"), ("none", "yolo"), ("empty", "jsonl"), ("empty", "refer")):
        out = tmp_path / "out"
        done = cli("data", "convert", tmp_path / f"{name}.json", out, "--to", format, model=False)
        assert (done.code, done.out, out.exists()) == (1, "", False)
        assert f"error: {tmp_path / name}.json: there is no sample in it" in done.err
    assert "; not written, since refer holds questions: 1 image without any" in done.err


# -- folders with more in them ----------------------------------------------------------------------------


def test_a_folder_of_labelme_may_hold_other_files(cli: Cli, tmp_path: Path) -> None:
    folder = labelme(tmp_path / "in", ("cat", "rectangle", [[1, 2], [30, 40]]))
    (folder / "._a.json").write_bytes(b"\x00\x05\x16\x07")
    (folder / "Settings.json").write_text('{"theme": "dark"}')
    (folder / "list.json").write_text("[1]")
    done = cli("data", "check", folder, model=False)
    assert (done.code, done.out) == (0, "2 good records, no faults\n")
    assert open_dataset(folder).format.name == "labelme"
    assert open_dataset(folder).categories == ("cat",)
    (folder / "broken.json").write_text("{")
    with pytest.raises(DataError, match=r"broken\.json: not JSON"):
        list(read_samples(folder))
    for name in ("a.json", "b.json", "broken.json"):
        (folder / name).unlink()
    with pytest.raises(DataError, match="none of the 2 JSON files has 'shapes'"):
        list(read_samples(folder, "labelme"))


# -- conversations about one image ------------------------------------------------------------------------


@pytest.mark.parametrize("is_recipe", [False, True])
def test_conversations_go_word_for_word_and_elsewhere_only_samples(
    is_recipe: bool, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    path = talks(tmp_path / "in" / "x.jsonl", ("a.png", "<image>\nWhat is here?", "A cat."),
                 ("a.png", "<image>\nPoint to: cat.", "<box><5><5></box>"),
                 ("b.png", f"{DETECT}dog.", DOG))  # fmt: skip
    records = [json.loads(line) for line in path.read_text().splitlines()]
    records[0]["id"] = 7
    records.append({"image_list": ["a.png", "b.png"], "conversations": records[0]["conversations"][:0]})
    records[-1]["conversations"] = [
        {"from": "human", "value": "<image-1> or <image-2>?"}, {"from": "gpt", "value": "Both."}
    ]  # fmt: skip
    records.append({"conversations": [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Hello."}]})
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    if is_recipe:
        path = tmp_path / "recipe.json"
        path.write_text(json.dumps({"mine": {"annotation": "in/x.jsonl", "root": "in"}}))
    out = tmp_path / "deep" / "x.jsonl"
    done = cli("data", "convert", path, out, "--to", "jsonl", model=False)
    assert (done.code, done.out, done.err) == (0, f"{out}: 5 samples, 5 questions\n", "")
    moved = {name: f"../in/{name}" for name in ("a.png", "b.png")}
    for record in records:
        record |= {"image": moved[record["image"]]} if "image" in record else {}
        record |= {"image_list": [*moved.values()]} if "image_list" in record else {}
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert found == records
    assert [list(record) for record in found] == [list(record) for record in records]
    assert cli("data", "check", out, model=False).code == 0

    done = cli("data", "convert", path, tmp_path / "x.json", "--to", "lvis", model=False)
    assert (done.code, done.out) == (1, "")  # pointing alone
    out = tmp_path / "labels"
    done = cli("data", "convert", path, out, "--to", "labelme", model=False)
    assert (done.code, done.out) == (0, f"{out}: 2 samples, 2 questions\n")
    assert "note: 3 conversations are no sample and passed over; the first: " in done.err
    assert "left out" not in done.err


def test_faulty_lines_are_not_copied(cli: Cli, tmp_path: Path) -> None:
    path = talks(tmp_path / "x.jsonl", ("a.png", f"{DETECT}cat.", DOG), ("a.png", "What?", "A cat."))
    convert = ("data", "convert", path, tmp_path / "y.jsonl", "--to", "jsonl")
    assert cli(*convert, model=False).code == 1
    assert not (tmp_path / "y.jsonl").exists()
    done = cli(*convert, "--skip-faults", model=False)
    assert done.out.endswith("y.jsonl: 1 sample, 1 question; 2 faults, see above\n")


def lines(folder: Path) -> Path:
    """Two lines about one image with one about another between them."""
    detect = "Locate all the instances that matches the following description: "
    said = [
        ("a.png", "cat.", "<ref>cat</ref><box><100><100><300><500></box>"),
        ("b.png", "dog.", "<ref>dog</ref><box><500><500><750><750></box>"),
        ("a.png", "dog</c>cat.", "<ref>dog</ref><box><500><500><750><750></box>"
         "<ref>cat</ref><box><100><100><300><500></box>"),
    ]  # fmt: skip
    records = [
        {"image": picture(folder / image).name,
         "conversations": [{"from": "human", "value": detect + asked}, {"from": "gpt", "value": answer}]}
        for image, asked, answer in said
    ]  # fmt: skip
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize("format", ["coco", "lvis", "yolo", "voc", "labelme"])
def test_lines_about_one_image_become_one_image(format: str, tmp_path: Path) -> None:
    out = tmp_path / ("x.json" if format in ("coco", "lvis") else "out")
    write_samples(read_samples(lines(tmp_path)), out, format)
    found = {s.image.source.name: {t.label for t in s.objects} for s in read_samples(out)}  # type: ignore[union-attr]
    assert found == {"a.png": {"cat", "dog"}, "b.png": {"dog"}}
    assert [len(s.objects) for s in read_samples(out)] == [2, 1]


# -- splits -----------------------------------------------------------------------------------------------


def yolo(folder: Path, **settings: Any) -> Path:
    """A YOLO folder with an image of its own, and a dog in it, for each of three splits."""
    for split in ("train", "val", "test"):
        picture(folder / "images" / split / f"{split}.png")
        label = folder / "labels" / split / f"{split}.txt"
        label.parent.mkdir(parents=True)
        label.write_text("1 .625 .625 .25 .25\n")
    places = {split: f"images/{split}" for split in ("train", "val", "test")}
    settings = {**places, "names": ["cat", "dog"], **settings}
    (folder / "data.yaml").write_text(yaml.safe_dump({k: v for k, v in settings.items() if v is not None}))
    return folder


def test_splits_are_kept_where_the_format_has_them(cli: Cli, tmp_path: Path) -> None:
    done = cli("data", "convert", yolo(tmp_path / "x"), tmp_path / "y", "--to", "yolo", model=False)
    assert (done.code, done.err) == (0, "")
    found = [(s.provenance["split"], s.image.source.name) for s in read_samples(tmp_path / "y")]  # type: ignore[union-attr]
    assert found == [(split, f"{split}.png") for split in ("train", "val", "test")]
    assert "#" not in (tmp_path / "y" / "data.yaml").read_text()


def test_splits_that_flow_together_are_named(cli: Cli, tmp_path: Path) -> None:
    convert = ("data", "convert", yolo(tmp_path / "x"))
    done = cli(*convert, tmp_path / "all.json", "--to", "coco", model=False)
    assert "several splits are together now: train (1), val (1), test (1); --split takes one" in done.err
    done = cli(*convert, tmp_path / "val.json", "--to", "coco", "--split", "val", model=False)
    assert (done.code, done.err) == (0, "")
    assert names_of(list(read_samples(tmp_path / "val.json"))) == ["val.png"]


def test_a_split_that_is_not_there_is_refused(cli: Cli, tmp_path: Path) -> None:
    folder = yolo(tmp_path / "x", val=None)
    with pytest.raises(DataError, match=r"names no image of 'val'; the splits it names: train, test"):
        list(open_dataset(folder, split="val").samples())
    write_samples(read_samples(folder), tmp_path / "x.json", "coco")
    with pytest.raises(DataError, match=r"is coco, which knows no splits \(yolo does\)"):
        open_dataset(tmp_path / "x.json", split="val")
    done = cli("data", "convert", folder, tmp_path / "o", "--to", "voc", "--split", "dev", model=False)
    assert done.code == 2


def test_a_test_split_that_was_never_handed_out_is_passed_over(cli: Cli, tmp_path: Path) -> None:
    folder = yolo(tmp_path / "x", test="../test/images")
    with pytest.warns(UserWarning, match=r"'test' leads to .*, where nothing is; the others are read"):
        assert names_of(list(read_samples(folder))) == ["train.png", "val.png"]
    done = cli("data", "check", folder, model=False)
    assert (done.code, done.out) == (0, "2 good records, no faults\n")
    assert "locany: warning: " in done.err
    assert names_of(list(open_dataset(folder, split="train").samples())) == ["train.png"]
    with pytest.raises(DataError, match="'test' leads to"):
        list(open_dataset(folder, split="test").samples())


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("[no, yes]", ("no", "yes")),
        ("{0: on, 1: Off}", ("on", "Off")),
        ("[007, 1.10]", ("007", "1.10")),
        ("['null', 2026-02-30]", None),
        ("[2026-02-20, 'true']", ("2026-02-20", "true")),
        ("[cat, null]", None),
        ("[cat, [dog]]", None),
    ],
)
def test_names_are_taken_as_they_are_written(
    names: str, expected: tuple[str, ...] | None, tmp_path: Path
) -> None:
    folder = yolo(tmp_path / "x")
    (folder / "data.yaml").write_text(f"train: images/train\nnames: {names}\n")
    if expected is None:
        with pytest.raises(DataError, match=r"data\.yaml: "):
            list(read_samples(folder))
    else:
        assert open_dataset(folder).categories == expected
        assert next(read_samples(folder)).objects[0].label == expected[1]


def test_labels_without_an_image_are_reported(cli: Cli, tmp_path: Path) -> None:
    folder = yolo(tmp_path / "x")
    labels = folder / "labels" / "train"
    for name in ("orphan.txt", "moving.txt", ".hidden.txt"):
        (labels / name).write_text("1 .5 .5 .2 .2\n")
    (labels / "empty.txt").write_text("\n")
    (labels / "classes.txt").write_text("cat\ndog\n")
    Image.new("RGB", SIZE).save(folder / "images" / "train" / "moving.gif")
    (folder / "images" / "train" / "._train.png").write_bytes(b"macOS")
    done = cli("data", "check", folder, model=False)
    told, last = done.out.splitlines()[:-1], done.out.splitlines()[-1]
    assert (done.code, last) == (1, "2 faults (2 missing-image); 3 good records")
    assert f"{labels / 'moving.txt'}: there is no image" in told[0]
    assert "; moving.gif is there, which is no image by its suffix" in told[0]
    assert (
        f"{labels / 'orphan.txt'}: there is no image {folder / 'images' / 'train' / 'orphan'} with" in told[1]
    )
    assert "images with the suffix .gif are not read; known: .bmp" in done.err
    with pytest.raises(DataError, match="or delete this file"), pytest.warns(UserWarning, match=r"\.gif"):
        list(read_samples(folder))


def test_an_image_that_is_named_again_counts_once(cli: Cli, tmp_path: Path) -> None:
    folder = yolo(tmp_path / "x", train=["images/train", "images/train", "train.txt"], test="images/val")
    (folder / "train.txt").write_text("./images/train/train.png\n" * 2)
    with pytest.warns(UserWarning, match="1 of its images are in several splits; they count once, for the"):
        assert names_of(list(read_samples(folder))) == ["train.png", "val.png"]
    assert names_of(list(open_dataset(folder, split="test").samples())) == ["val.png"]
    done = cli("data", "check", folder, model=False)
    assert (done.code, done.out) == (0, "2 good records, no faults\n")
    (folder / "images" / "train" / "link.png").symlink_to(folder / "images" / "train" / "train.png")
    done = cli("data", "check", folder, model=False)  # the same image, said to be empty
    assert (done.code, done.out.splitlines()[1]) == (1, "1 fault (1 duplicate-image); 1 good record")


@pytest.mark.parametrize("places", [{"train": "no"}, {"train": None, "val": "no", "test": "no"}])
def test_no_place_for_training_is_a_fault(places: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"leads to .*no, where nothing is"):
        list(read_samples(yolo(tmp_path / "x", **places)))


# -- paths ------------------------------------------------------------------------------------------------


def test_paths_written_on_windows_are_found(tmp_path: Path) -> None:
    folder = yolo(tmp_path / "x", train="images\\train", val="val.txt", test="..\\images\\test")
    (folder / "val.txt").write_text("images\\val\\val.png\n")
    assert names_of(list(read_samples(folder))) == ["train.png", "val.png", "test.png"]
    assert all(s.objects for s in read_samples(folder))
    write_samples([sample(picture(tmp_path / "pictures" / "a.png"), BOX)], tmp_path / "x.json", "coco")
    text = (tmp_path / "x.json").read_text()
    (tmp_path / "x.json").write_text(text.replace("pictures/a.png", "pictures\\\\a.png"))
    assert names_of(list(read_samples(tmp_path / "x.json"))) == ["a.png"]


def test_a_backslash_in_a_name_is_one_where_such_a_file_is(tmp_path: Path) -> None:
    name = "a\\b.png"
    write_samples([sample(picture(tmp_path / name), BOX)], tmp_path / "x.json", "coco")
    assert names_of(list(read_samples(tmp_path / "x.json"))) == [name]


@pytest.mark.parametrize("format", ["coco", "labelme", "jsonl"])
def test_images_are_found_from_behind_a_symbolic_link(format: str, tmp_path: Path) -> None:
    (tmp_path / "far" / "away" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away" / "deep")
    (tmp_path / "pictures").mkdir()
    picture(tmp_path / "store" / "0815.png")
    (tmp_path / "pictures" / "a.png").symlink_to(tmp_path / "store" / "0815.png")
    out = tmp_path / "link" / {"coco": "x.json", "labelme": "folder", "jsonl": "x.jsonl"}[format]
    write_samples([sample(tmp_path / "pictures" / "a.png", BOX)], out, format)
    assert names_of(list(read_samples(out))) == ["a.png"]


def test_convert_writes_over_nothing_unasked(cli: Cli, tmp_path: Path) -> None:
    folder = yolo(tmp_path / "x")
    for source, out in ((folder, folder / "data.yaml"), (folder / "data.yaml", folder / "data.yaml")):
        before = out.read_bytes()
        for more in ((), ("--overwrite",)):
            done = cli("data", "convert", source, out, "--to", "coco", *more, model=False)
            assert (done.code, out.read_bytes()) == (2, before)
            assert "which is being read; give another OUT" in done.err
    for out in (f"{tmp_path}/new/", tmp_path):
        done = cli("data", "convert", folder, out, "--to", "coco", model=False)
        assert done.code == 2
        assert "is one file and OUT" in done.err
        assert not (tmp_path / "new").exists()
    (tmp_path / "notes.md").write_text("mine")
    convert = ("data", "convert", folder, tmp_path / "notes.md", "--to", "coco")
    done = cli(*convert, model=False)
    assert done.code == 2
    assert "is there already; give another OUT, or --overwrite" in done.err
    assert (tmp_path / "notes.md").read_text() == "mine"
    assert cli(*convert, "--overwrite", model=False).code == 0
    assert json.loads((tmp_path / "notes.md").read_text())["images"]


def test_the_numbers_of_a_set_of_ones_own(cli: Cli, tmp_path: Path) -> None:
    write_samples([sample(picture(tmp_path / "a.png"), BOX)], tmp_path / "x.json", "coco")
    done = cli("data", "stats", tmp_path / "x.json", model=False)
    assert done.out.startswith("1 sample, 1 question, 1 target, ")
    assert "unknown" not in done.out
