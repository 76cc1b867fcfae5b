"""Detection data sets: there and back within what each format can hold, and what their lists mean."""

from __future__ import annotations

import base64
import io
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from locany.data.converters import FORMATS, Fault, open_dataset, read_samples, write_samples
from locany.data.converters.formats import writable
from locany.data.encode import encode_sample
from locany.data.sample import ImageRef, Question, Sample, Target
from locany.errors import DataError
from locany.image import PreprocessConfig
from locany.tasks import Task
from tests.unit.cli_fixtures import Cli

SIZE = (201, 97)
DETECTION = ("coco", "lvis", "yolo", "voc", "labelme")
FILES = {"coco": "x.json", "lvis": "x.json"}  # of the formats that are one file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detection")
    Image.new("RGB", SIZE).save(path / "a.png")
    return path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def make(folder: Path, *objects: Target, negatives: Sequence[str] = ()) -> Sample:
    names = [*dict.fromkeys(target.label for target in objects), *negatives]
    questions = (Question(Task.detect(names), objects),) if names else ()
    return Sample(ImageRef(folder / "a.png", SIZE), questions, objects)


def there_and_back(format: str, path: Path, *samples: Sample) -> list[Sample]:
    out = path / FILES.get(format, format)
    write_samples(samples, out, format)
    assert open_dataset(out).format.name == (format if format != "lvis" else open_dataset(out).format.name)
    return list(read_samples(out, format))


# --- there and back -------------------------------------------------------------------------------

names = st.sampled_from(["cat", "traffic light", "Größe 猫", "a & <b>", "true", "7", "no: 1"])
spans = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted).filter(lambda s: s[1] - s[0] > 0.01)
boxes = st.tuples(spans, spans).map(
    lambda s: (s[0][0] * SIZE[0], s[1][0] * SIZE[1], s[0][1] * SIZE[0], s[1][1] * SIZE[1])
)
targets = st.builds(Target, names, boxes)
TOLERANCE = {"coco": 1e-9, "lvis": 1e-9, "yolo": 1e-6, "voc": 1e-9, "labelme": 0.0}  # pixels


@pytest.mark.parametrize("format", DETECTION)
@settings(max_examples=25, deadline=None)
@given(objects=st.lists(targets, max_size=6, unique_by=lambda t: (t.label, t.xyxy)))
def test_boxes_survive(
    format: str, objects: list[Target], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (back,) = there_and_back(format, tmp_path_factory.mktemp(format), make(folder, *objects))
    assert back.size_wh == SIZE
    assert [target.label for target in back.objects] == [target.label for target in objects]
    for found, target in zip(back.objects, objects, strict=True):
        assert np.abs(np.subtract(found.xyxy, target.xyxy)).max() <= TOLERANCE[format]  # type: ignore[arg-type]
    present = list(dict.fromkeys(target.label for target in objects))
    assert [q.task for q in back.questions] == ([Task.detect(present)] if present else [])
    assert all(q.targets == back.objects for q in back.questions)


TRIANGLE = ((1.5, 2.5), (31.75, 2.5), (31.75, 43.25))
OUTLINED = Target("cat", (1.5, 2.5, 31.75, 43.25), polygon=TRIANGLE)


@pytest.mark.parametrize("format", ["coco", "lvis", "yolo", "labelme"])
def test_outlines_survive(format: str, folder: Path, tmp_path: Path) -> None:
    loose = Target("dog", (0.0, 0.0, 60.0, 60.0), polygon=TRIANGLE)  # its outline is not its extent
    (back,) = there_and_back(format, tmp_path, make(folder, OUTLINED, loose))
    found = back.objects
    assert np.allclose(found[0].polygon, TRIANGLE, atol=1e-6)
    assert np.allclose([t.xyxy for t in found], [t.xyxy for t in (OUTLINED, loose)], atol=1e-6)


def test_what_coco_knows_more(folder: Path, tmp_path: Path) -> None:
    runs = {"counts": [0, 10, 19487], "size": [97, 201]}
    parts = [[1, 1, 9, 1, 9, 9], [20, 20, 30, 20, 30, 30]]
    crowd = Target("cat", (5.0, 5.0, 90.0, 90.0), attributes={"segmentation": runs, "iscrowd": 1})
    split = Target("dog", (1.0, 1.0, 30.0, 30.0), attributes={"segmentation": parts})
    (back,) = there_and_back("coco", tmp_path, make(folder, OUTLINED, crowd, split))
    assert back.objects == (OUTLINED, crowd, split)
    assert [q.task for q in back.questions] == [Task.detect("dog")]  # cats are not all boxed one by one
    assert back.provenance["incomplete"] == ["cat"]
    written = json.loads((tmp_path / "x.json").read_text())
    assert [a["area"] for a in written["annotations"]] == [30.25 * 40.75 / 2, 85.0 * 85.0, 32 + 50]


def test_what_lvis_knows_more(folder: Path, tmp_path: Path) -> None:
    document = {
        "images": [
            {
                "id": 1,
                "coco_url": "http://images.example.org/train/a.png",
                "width": SIZE[0],
                "height": SIZE[1],
                "neg_category_ids": [4, 2],
                "not_exhaustive_category_ids": [3],
            }
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate("abcd", start=1)],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": category, "bbox": [n, 1, 5, 5]}
            for n, category in enumerate([3, 1, 3], start=1)
        ],
    }
    (tmp_path / "train").mkdir()
    Image.new("RGB", SIZE).save(tmp_path / "train" / "a.png")
    (tmp_path / "lvis.json").write_text(json.dumps(document))
    dataset = open_dataset(tmp_path / "lvis.json")
    assert (dataset.format.name, dataset.categories, dataset.absent) == ("lvis", tuple("abcd"), ())
    (sample,) = dataset.samples()
    assert [q.task for q in sample.questions] == [
        Task.detect(["a", "d", "b"])
    ]  # never c, not all of it is boxed
    assert [t.label for t in sample.questions[0].targets] == ["a"]
    assert [t.label for t in sample.objects] == ["c", "a", "c"]

    write_samples([sample], tmp_path / "again.json", "lvis", dataset.categories)
    again = open_dataset(tmp_path / "again.json")
    assert again.format.name == "lvis"
    assert again.categories == dataset.categories
    (back,) = again.samples()
    assert (back.questions, back.objects) == (sample.questions, sample.objects)


def test_flags_of_voc_survive(folder: Path, tmp_path: Path) -> None:
    flags = {"pose": "Left", "truncated": 1, "difficult": 0, "occluded": 1}
    target = Target("cat", (0.0, 0.0, 10.0, 20.5), attributes=flags)
    (back,) = there_and_back("voc", tmp_path, make(folder, target))
    assert back.objects == (target,)
    text = (tmp_path / "voc" / "Annotations" / "a.xml").read_text()
    assert "<xmin>1</xmin>" in text  # pixels count from 1 and the last is inside
    assert "<xmax>10</xmax>" in text
    assert "<ymax>20.5</ymax>" in text


def test_groups_and_points_of_labelme_survive(folder: Path, tmp_path: Path) -> None:
    parts = [[[1.0, 1.0], [9.0, 1.0], [9.0, 9.0]], [[20.0, 20.0], [30.0, 40.0]]]
    grouped = Target("cat", (1.0, 1.0, 30.0, 40.0), attributes={"parts": parts})
    pointing = Question(Task.point("eye"), (Target("eye", point=(3.5, 4.5)), Target("eye", point=(5.0, 6.0))))
    first = make(folder, grouped, OUTLINED)
    sample = Sample(first.image, (*first.questions, pointing), first.objects)
    picture = tmp_path / "points.png"
    Image.new("RGB", SIZE).save(picture)
    only_points = Sample(ImageRef(picture, SIZE), (pointing,))
    back = there_and_back("labelme", tmp_path, sample, only_points)
    assert [(s.questions, s.objects) for s in back] == [
        (s.questions, s.objects) for s in (sample, only_points)
    ]


def test_shapes_of_labelme(folder: Path, tmp_path: Path) -> None:
    shapes = [
        {"label": "c", "points": [[50, 50], [53, 54]], "shape_type": "circle"},
        {"label": "r", "points": [[30, 40], [10, 20]], "shape_type": "rectangle"},
        {"label": "m", "points": [[1, 2], [3, 4]], "shape_type": "mask", "mask": "..."},
    ]
    data = base64.b64encode((folder / "a.png").read_bytes()).decode()
    record = {"imagePath": "gone\\a.png", "imageData": data, "shapes": shapes}
    (tmp_path / "x.json").write_text(json.dumps(record))
    (sample,) = read_samples(tmp_path / "x.json")
    assert [t.xyxy for t in sample.objects] == [(45, 45, 55, 55), (10, 20, 30, 40), (1, 2, 3, 4)]
    assert sample.pixels().shape == (SIZE[1], SIZE[0], 3)


# --- where things lie -----------------------------------------------------------------------------


def test_the_places_of_yolo(folder: Path, tmp_path: Path) -> None:
    for place in ("train/images", "train/labels", "valid/images", "valid/labels", "beside"):
        (tmp_path / place).mkdir(parents=True)
    for image in ("train/images/b.png", "train/images/a.png", "valid/images/v.png", "beside/t.png"):
        Image.new("RGB", SIZE).save(tmp_path / image)
    (tmp_path / "train/labels/a.txt").write_text("1 .5 .5 1 1\n")
    (tmp_path / "beside/t.txt").write_text("3 .5 .5 1 1")
    (tmp_path / "test.txt").write_text("beside/t.png\n")
    settings_ = {
        "train": "../train/images",
        "val": ["valid/images"],
        "test": "test.txt",
        "names": {1: "cat", 3: "dog"},
    }
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(settings_))
    dataset = open_dataset(tmp_path)
    assert dataset.categories == dataset.absent == ("cat", "dog")
    found = [(s.provenance["split"], Path(s.image.source).name, len(s.objects)) for s in dataset.samples()]  # type: ignore[union-attr,arg-type]
    assert found == [("train", "a.png", 1), ("train", "b.png", 0), ("val", "v.png", 0), ("test", "t.png", 1)]


def test_written_yolo_is_what_others_read(folder: Path, tmp_path: Path) -> None:
    write_samples([make(folder, OUTLINED), make(folder)], tmp_path / "y", "yolo", ["dog", "cat"])
    written = sorted(str(p.relative_to(tmp_path / "y")) for p in (tmp_path / "y").rglob("*.*"))
    assert written == [
        *("data.yaml", "images/train/a.png", "images/train/a_2.png"),
        *("labels/train/a.txt", "labels/train/a_2.txt"),
    ]
    assert (tmp_path / "y" / "labels" / "train" / "a_2.txt").read_text() == ""
    assert (tmp_path / "y" / "labels" / "train" / "a.txt").read_text().startswith("1 ")
    settings_ = yaml.safe_load((tmp_path / "y" / "data.yaml").read_text())
    assert settings_ == {"train": "images/train", "val": "images/val", "names": {0: "dog", 1: "cat"}}
    assert list((tmp_path / "y" / "images" / "val").iterdir()) == []


@pytest.mark.parametrize("format", ["coco", "voc", "yolo"])
def test_supervision_reads_what_we_write(format: str, folder: Path, tmp_path: Path) -> None:
    sv = pytest.importorskip("supervision")
    target = Target("cat", (10.0, 20.0, 60.0, 90.0))
    out = tmp_path / FILES.get(format, format)
    write_samples([make(folder, target)], out, format)
    if format == "coco":
        dataset = sv.DetectionDataset.from_coco(str(folder), str(out))
    elif format == "voc":
        dataset = sv.DetectionDataset.from_pascal_voc(str(out / "JPEGImages"), str(out / "Annotations"))
    else:
        places = [str(out / "images" / "train"), str(out / "labels" / "train"), str(out / "data.yaml")]
        dataset = sv.DetectionDataset.from_yolo(*places)
    (found,) = dataset.annotations.values()
    assert dataset.classes == ["cat"]
    assert np.allclose(found.xyxy, [target.xyxy], atol=1e-3)


def test_folders_are_not_mixed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    for format in ("yolo", "voc", "labelme"):
        with pytest.raises(DataError, match="is not an empty folder"):
            write_samples([make(folder)], tmp_path, format)


def test_images_are_found_by_root(folder: Path, tmp_path: Path) -> None:
    write_samples([make(folder, OUTLINED)], folder / "here.json", "coco")
    moved = tmp_path / "here.json"
    moved.write_bytes((folder / "here.json").read_bytes())
    with pytest.raises(DataError, match=r"image 1: image 'a\.png' is missing"):
        list(read_samples(moved))
    assert len(list(read_samples(moved, root=folder))) == 1


# --- images ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "options"), [("jpg", {}), ("png", {}), ("webp", {}), ("tiff", {})])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_sizes_are_those_of_the_upright_image(
    tmp_path: Path, suffix: str, options: dict[str, Any], orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (40, 30)).save(tmp_path / f"a.{suffix}", exif=exif, **options)
    document = {"images": [{"id": 1, "file_name": f"a.{suffix}"}], "annotations": [], "categories": []}
    (tmp_path / "x.json").write_text(json.dumps(document))
    (sample,) = read_samples(tmp_path / "x.json")
    assert sample.size_wh == ((30, 40) if orientation > 4 else (40, 30))
    assert sample.pixels().shape == (sample.size_wh[1], sample.size_wh[0], 3)


def test_images_are_not_decoded(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue()[:200])  # a header and little more
    write_samples([make(tmp_path, OUTLINED)], tmp_path / "x.json", "coco")
    (sample,) = read_samples(tmp_path / "x.json")
    assert sample.size_wh == SIZE


# --- what is asked --------------------------------------------------------------------------------


def test_negatives_may_be_drawn_where_images_are_annotated_exhaustively(folder: Path, tmp_path: Path) -> None:
    write_samples([make(folder, OUTLINED)], tmp_path / "x.json", "coco", ["dog", "cat"])
    dataset = open_dataset(tmp_path / "x.json")
    assert dataset.categories == dataset.absent == ("dog", "cat")
    for name in ("voc", "labelme"):
        write_samples([make(folder, OUTLINED, Target("ant", (1, 1, 9, 9)))], tmp_path / name, name)
        assert open_dataset(tmp_path / name).absent == ("ant", "cat")
    assert all(FORMATS[name].has_categories for name in DETECTION)


def test_read_samples_can_be_encoded(tokenizer: Any, folder: Path, tmp_path: Path) -> None:
    for format in DETECTION:
        (sample,) = there_and_back(format, tmp_path / format, make(folder, OUTLINED))
        assert len(encode_sample(tokenizer, sample, PreprocessConfig()).grids) == 1


def test_boxes_of_questions_are_written_where_there_are_no_objects(folder: Path, tmp_path: Path) -> None:
    other = Target("dog", (5.0, 5.0, 9.0, 9.0))
    questions = (
        Question(Task.detect(["cat", "ant"]), (OUTLINED,)),
        Question(Task.layout(["cat", "dog"]), (OUTLINED, other)),
        Question(Task.refer("it"), (Target("it", (1, 1, 2, 2)),)),
    )
    (back,) = there_and_back("coco", tmp_path, Sample(ImageRef(folder / "a.png", SIZE), questions))
    assert back.objects == (OUTLINED, other)


def test_phrases_have_no_place_in_a_detection_format(folder: Path, tmp_path: Path) -> None:
    question = Question(Task.refer("it"), (Target("it", (1, 1, 2, 2)),))
    sample = Sample(ImageRef(folder / "a.png", SIZE), (question,), provenance={"file": "f.jsonl", "line": 3})
    with pytest.raises(DataError, match=r"f\.jsonl:3 has no objects"):
        write_samples([sample], tmp_path / "x.json", "coco")


def test_a_faulty_box_takes_its_image_with_it(folder: Path, tmp_path: Path) -> None:
    write_samples([make(folder, OUTLINED), make(folder, OUTLINED)], tmp_path / "x.json", "coco")
    document = json.loads((tmp_path / "x.json").read_text())
    document["annotations"].append({**document["annotations"][0], "id": 9, "bbox": [0, 0, -1, 1]})
    (tmp_path / "x.json").write_text(json.dumps(document))
    faults: list[Fault] = []
    assert [s.provenance["image_id"] for s in read_samples(tmp_path / "x.json", report=faults.append)] == [2]
    assert len(faults) == 1


def test_boxes_on_the_edge_are_fine(folder: Path, tmp_path: Path) -> None:
    over = Target("cat", (-0.5, 0.0, SIZE[0] + 0.9, 97.0))
    (back,) = there_and_back("coco", tmp_path, make(folder, over))
    assert math.isclose(back.objects[0].xyxy[2], SIZE[0] + 0.9)  # type: ignore[index]


# --- the command ----------------------------------------------------------------------------------


def test_the_command_converts_and_checks_its_own(cli: Cli, folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "x.json"
    write_samples([make(folder, OUTLINED, Target("dog", (5.0, 5.0, 9.5, 9.5)))], source, "coco", ["ant"])
    boxes = None
    for format in ("labelme", "yolo", "voc", "lvis", "coco", "jsonl"):
        out = (
            tmp_path / format / {"jsonl": "x.jsonl", "coco": "x.json", "lvis": "x.json"}.get(format, "folder")
        )
        done = cli("data", "convert", source, out, "--to", format, model=False)
        assert (done.code, done.out) == (0, f"{out}: 1 sample, 1 question\n")
        assert ("1 category (ant)" in done.err) == (format in ("labelme", "voc", "jsonl"))
        assert ("1 outline that" in done.err) == (format in ("voc", "jsonl"))
        assert done.err == "" or format in ("labelme", "voc", "jsonl")
        assert cli("data", "check", out, model=False).code == 0
        (sample,) = read_samples(out)
        found = [t.xyxy for t in sample.questions[0].targets]
        boxes = boxes or found
        assert np.allclose(found, boxes, atol=1e-6 if format != "jsonl" else 0.2)


def test_the_command_stops_at_a_fault_or_skips_it(cli: Cli, folder: Path, tmp_path: Path) -> None:
    write_samples([make(folder, OUTLINED), make(folder, OUTLINED)], tmp_path / "x.json", "coco")
    document = json.loads((tmp_path / "x.json").read_text())
    document["images"][0]["file_name"] = "no.png"
    (tmp_path / "x.json").write_text(json.dumps(document))
    convert = (
        "data",
        "convert",
        tmp_path / "x.json",
        tmp_path / "out.jsonl",
        "--to",
        "jsonl",
        "--root",
        folder,
    )
    done = cli(*convert, model=False)
    assert done.code == 1
    assert "image 1: image 'no.png' is missing" in done.err
    assert not list(tmp_path.glob("out*"))
    document["images"][1]["file_name"] = "a.png"
    (tmp_path / "x.json").write_text(json.dumps(document))
    done = cli(*convert, "--skip-faults", model=False)
    assert (done.code, done.out) == (
        0,
        f"{tmp_path / 'out.jsonl'}: 1 sample, 1 question; 1 fault, see above\n",
    )
    assert "left out: " in done.err
    assert len(list(read_samples(tmp_path / "out.jsonl"))) == 1
    assert cli("data", "convert", folder, tmp_path / "o", "--to", "tfrecord", model=False).code == 2


# --- what is written, and where -------------------------------------------------------------------


def pixels_sample(value: int, width: int) -> Sample:
    cat = Target("cat", (1.0, 1.0, 9.0, 9.0))
    pixels = np.full((20, width, 3), value, np.uint8)
    return Sample(pixels, (Question(Task.detect(["cat"]), (cat,)),), (cat,))


def test_images_of_two_data_sets_do_not_mix(tmp_path: Path) -> None:
    write_samples([pixels_sample(9, 20)], tmp_path / "x.json", "coco")
    with pytest.raises(DataError, match="perhaps the images of another data set"):
        write_samples([pixels_sample(5, 30)], tmp_path / "x.jsonl", "jsonl")
    (sample,) = read_samples(tmp_path / "x.json")
    assert sample.pixels()[0, 0, 0] == 9
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.json", "x_images"]


@pytest.mark.parametrize("format", ["coco", "jsonl", "refer"])
def test_a_conversion_that_fails_leaves_no_images(tmp_path: Path, format: str) -> None:
    def samples() -> Any:
        yield Sample(np.zeros((20, 20, 3), np.uint8), (Question(Task.ground("cat"), ()),), ())
        raise DataError("the second one is faulty")

    with pytest.raises(DataError, match=r"faulty|cannot hold"):
        write_samples(samples(), tmp_path / "x", format)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", sorted(set(writable()) - {"parquet"}))
def test_only_a_file_gives_way_to_a_file(
    tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="name"):
        write_samples([pixels_sample(1, 20)], Path("."), format)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match=r"no ordinary file|not an empty folder|cannot be written"):
        write_samples([], pipe, format)
    assert pipe.is_fifo()
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_an_object_without_a_box_is_a_fault(tmp_path: Path) -> None:
    sample = Sample(np.zeros((20, 20, 3), np.uint8), (), (Target("cat", None, (3.0, 3.0)),))
    write_samples([sample], tmp_path / "x", "shards")
    with pytest.raises(DataError, match="the object 'cat' has no box"):
        list(read_samples(tmp_path / "x"))
