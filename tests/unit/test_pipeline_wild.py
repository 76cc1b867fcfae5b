"""Builds from data sets as they come: nothing goes missing silently, and what is left out is said."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from locany.data.answers import AnswerConfig
from locany.data.converters import open_dataset as open_converted
from locany.data.converters import read_samples, write_samples
from locany.data.sample import ImageRef, Sample, Target
from locany.data.shard_folder import ShardFolder
from locany.data.shards import read_shards
from locany.errors import DataError
from locany.image import load_image
from locany.pipeline import dataset as datasets
from locany.pipeline.build import build
from locany.pipeline.config import BuildConfig, DatasetSource, RenderSource
from locany.pipeline.dataset import open_dataset
from locany.pipeline.images import EncodeImage
from locany.pipeline.plan import make_part, make_plan
from locany.pipeline.steps import HasQuestions, Item
from locany.tasks import Task, TaskKind
from locany.train.data import DataConfig, SampleStream, chosen_samples
from locany.train.sources import Stored
from tests.unit.cli_fixtures import Cli
from tests.unit.squares import Config
from tests.unit.test_data_wild import BOX, SIZE, lines, sample, yolo


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def noise(path: Path, seed: int) -> Path:
    """An image that looks like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(path)
    return path


def coco(folder: Path, *objects: Sequence[Target], names: Sequence[str] = ("cat", "dog")) -> Path:
    """A COCO file with an image for each sequence of objects."""
    samples = [sample(noise(folder / f"{i}.png", i), *found) for i, found in enumerate(objects)]
    write_samples(samples, folder / "x.json", "coco", names)
    return folder / "x.json"


def built(out: Path, *sources: DatasetSource | RenderSource, **more: object) -> list[Sample]:
    build(BuildConfig(sources, **more), out, workers=0)  # type: ignore[arg-type]
    return list(read_shards(out))


# -- data sets ---------------------------------------------------------------------------------------------


def test_questions_on_several_lines_are_not_taken_for_duplicates(tmp_path: Path) -> None:
    path = lines(tmp_path)
    for number in range(2):
        noise(tmp_path / ("a.png", "b.png")[number], number)
    found = built(tmp_path / "out", DatasetSource(path))
    categories = [[q.task.categories for q in s.questions] for s in found]
    assert categories == [[("cat",), ("dog", "cat")], [("dog",)]]


def test_a_build_names_splits_that_flow_together(tmp_path: Path) -> None:
    folder = yolo(tmp_path / "x")
    for number, split in enumerate(("train", "val", "test")):
        noise(folder / "images" / split / f"{split}.png", number)
    with pytest.warns(UserWarning, match=r"several splits are built together: train \(1\), val \(1\), test"):
        assert len(built(tmp_path / "all", DatasetSource(folder))) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = built(tmp_path / "one", DatasetSource(folder, split="val"))
    assert [s.provenance["split"] for s in found] == ["val"]
    with pytest.raises(DataError, match="split is train, val or test, got 'dev'"):
        DatasetSource(folder, split="dev")


def test_a_data_set_that_a_worker_lacks_ends_the_build(tmp_path: Path) -> None:
    path = coco(tmp_path, [BOX], [BOX])
    plan = make_plan(BuildConfig((DatasetSource(path, name="mine"),)))
    assert make_part(plan, 0).facts["samples"] == 2
    text = path.read_text()
    document = json.loads(text)
    document["images"].pop()
    document["annotations"].pop()
    for content, message in (
        (json.dumps(document), "has 1 samples here, but 2 where"),
        (None, "no such file"),
    ):
        path.unlink()
        if content:
            path.write_text(content)
        datasets._read.cache_clear()  # as in another process
        with pytest.raises(DataError, match=f"source 'mine': .*{message}"):
            make_part(plan, 0)


def test_every_data_set_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [coco(tmp_path / str(number), [BOX], [BOX]) for number in range(10)]
    config = BuildConfig(tuple(DatasetSource(path, name=path.parent.name) for path in paths))
    plan = make_plan(config)
    before = datasets._read.cache_info().misses
    make_part(plan, 0)
    assert datasets._read.cache_info().misses == before


# -- faults ------------------------------------------------------------------------------------------------


def mixed(folder: Path) -> Path:
    """Conversations: two that are samples, one that is none, and a line that is faulty."""
    path = lines(folder)
    for number, name in enumerate(("a.png", "b.png")):
        noise(folder / name, number)
    talk = [{"from": "human", "value": "Say hello."}, {"from": "gpt", "value": "hello"}]
    path.write_text(path.read_text() + json.dumps({"conversations": talk}) + "\n")
    return path


def test_conversations_that_are_no_sample_are_passed_over(cli: Cli, tmp_path: Path) -> None:
    path = mixed(tmp_path)
    for command in ("show", "stats"):
        done = cli("data", command, path, "--out", tmp_path / command, model=False)
        assert done.code == 0, done.err
        assert "locany: note: " in done.err
        assert "1 conversation is no sample and passed over; the first: " in done.err
    with pytest.warns(UserWarning, match="1 conversation is no sample and passed over"):
        assert len(built(tmp_path / "out", DatasetSource(path))) == 2


def test_faults_may_be_left_out(cli: Cli, tmp_path: Path) -> None:
    path = mixed(tmp_path)
    path.write_text("{oops\n" + path.read_text())
    for command in ("show", "stats"):
        refused = cli("data", command, path, "--out", tmp_path / "no", model=False)
        assert refused.code == 1
        assert "x.jsonl:1: not JSON" in refused.err
        done = cli("data", command, path, "--out", tmp_path / command, "--skip-faults", model=False)
        assert done.code == 0, done.err
        assert "1 faults, their records are left out; the first: " in done.err
    with pytest.raises(DataError, match="not JSON"):
        make_plan(BuildConfig((DatasetSource(path),)))
    with pytest.warns(UserWarning, match="1 faults, their records are left out"):
        assert len(built(tmp_path / "out", DatasetSource(path, skip_faults=True))) == 2
    (tmp_path / "y.jsonl").write_text("{oops\n")
    with pytest.raises(DataError, match="there is no sample in it; 1 faults"):
        open_dataset(tmp_path / "y.jsonl", skip_faults=True)


# -- images ------------------------------------------------------------------------------------------------


def test_without_a_step_for_images_files_keep_their_bytes_or_become_png(cli: Cli, tmp_path: Path) -> None:
    kinds = ("jpg", "png", "webp", "bmp", "gif")
    paths = [noise(tmp_path / f"{number}.{kind}", number) for number, kind in enumerate(kinds)]
    paths.append(tmp_path / "lying.tiff")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    with Image.open(paths[1]) as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(paths[-1], exif=exif)
    write_samples([sample(path, BOX) for path in paths], tmp_path / "x.json", "coco")
    found = built(tmp_path / "out", DatasetSource(tmp_path / "x.json"), steps=(HasQuestions(),))
    done = cli("data", "convert", tmp_path / "x.json", tmp_path / "shards", "--to", "shards", model=False)
    assert done.code == 0
    for path, one, converted in zip(paths, found, read_shards(tmp_path / "shards"), strict=True):
        assert isinstance(one.image, ImageRef)
        assert isinstance(converted.image, ImageRef)
        assert one.image == converted.image
        if path.suffix in (".jpg", ".png", ".webp"):
            assert one.image.source == path.read_bytes()
        else:
            assert one.image.source[:4] == b"\x89PNG"  # type: ignore[index]
            assert (one.pixels() == load_image(path).pixels).all()


# -- outlines ----------------------------------------------------------------------------------------------


def test_outlines_in_attributes_shrink_with_the_image() -> None:
    kept = {
        "parts": [[[20.0, 10.0], [40.0, 30.0]]],
        "segmentation": [[20.0, 10.0, 40.0, 10.0, 40.0, 30.0]],
        "area": 200.0,
        "color": "red",
    }
    runs = {"segmentation": {"counts": [0, 10], "size": [100, 200]}, "iscrowd": 1}
    targets = tuple(replace(BOX, attributes=attributes) for attributes in (kept, runs))
    found = Sample(np.zeros((100, 200, 3), np.uint8), (), targets)
    done = EncodeImage(max_side=50).apply(Item("here", 0, found)).sample
    assert done.objects[0].attributes == {
        "parts": [[[5.0, 2.5], [10.0, 7.5]]],
        "segmentation": [[5.0, 2.5, 10.0, 2.5, 10.0, 7.5]],
        "area": 12.5,
        "color": "red",
    }
    assert done.objects[1].attributes == {"iscrowd": 1}
    untouched = EncodeImage(max_side=500).apply(Item("here", 0, found)).sample
    assert untouched.objects == targets


# -- what is absent ----------------------------------------------------------------------------------------


CAT = Target("cat", (20.0, 10.0, 60.0, 50.0))
NEGATIVES = AnswerConfig(negative_rate={TaskKind.DETECT: 0.5})


def asked(path: Path, **config: Any) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Categories present and absent of what training asks in 60 draws."""
    stream = SampleStream(DataConfig((Stored(str(path)),), **{"answers": NEGATIVES, **config}))
    found = set()
    for position in range(60):
        drawn = stream(position)
        assert isinstance(drawn, Sample)
        for question in drawn.questions:
            there = {target.label for target in question.targets}
            found.add((tuple(sorted(there)), tuple(sorted({*question.task.categories} - there))))
    return found


@pytest.mark.parametrize("kind", ["shards", "parquet"])
def test_shards_remember_the_categories_of_their_data_set(kind: str, cli: Cli, tmp_path: Path) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    path = coco(tmp_path, [CAT], [BOX], [])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wanted = asked(path)
        assert wanted == {(("cat",), ("dog",)), (("dog",), ("cat",)), ((), ("cat", "dog"))}
        assert cli("data", "convert", path, tmp_path / "one", "--to", kind, model=False).code == 0
        assert asked(tmp_path / "one") == wanted
        assert (
            len(built(tmp_path / "two", DatasetSource(path), format="tar" if kind == "shards" else kind)) == 3
        )
        assert asked(tmp_path / "two") == wanted
        built(tmp_path / "three", DatasetSource(tmp_path / "two", name="of shards"))
        assert asked(tmp_path / "three") == wanted
        measured = chosen_samples(Stored(str(tmp_path / "two")), 9, DataConfig((Stored(""),), NEGATIVES))
        assert any(set(s.questions[0].task.categories) == {"cat", "dog"} for s in measured)
        done = cli("data", "convert", tmp_path / "two", tmp_path / "back.json", "--to", "coco", model=False)
        assert done.code == 0
    assert open_converted(tmp_path / "back.json").categories == ("cat", "dog")


def test_names_of_one_source_are_not_absent_from_another(tmp_path: Path) -> None:
    """Nobody looked for owls in the images of the first data set."""
    first = coco(tmp_path / "a", [CAT], names=("cat", "dog"))
    (tmp_path / "b").mkdir()
    write_samples(
        [sample(noise(tmp_path / "b" / "9.png", 9), BOX)], tmp_path / "b" / "y.json", "coco", ("owl",)
    )
    built(tmp_path / "out", DatasetSource(first), DatasetSource(tmp_path / "b" / "y.json"))
    found = asked(tmp_path / "out")
    assert {absent for there, absent in found if there == ("cat",)} == {("dog",)}
    assert {absent for there, absent in found if there == ("dog",)} == {("owl",)}
    assert ShardFolder(tmp_path / "out").absent_everywhere == ("dog",)  # a category of both


def annotated(path: Path) -> Counter[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Labels of objects, and what else may be asked for as absent, of every sample of shards."""
    shards = ShardFolder(path)
    return Counter(
        (tuple(sorted({target.label for target in found.objects})), shards.absent(index, found))
        for index, found in enumerate(shards)
    )


def twice(cli: Cli, path: Path, out: Path, kind: str) -> Iterator[Path]:
    """Shards made of shards, and of those again: by builds, by conversion, and by one after the other."""
    built(out / "one", DatasetSource(path, name="mine"), format="tar" if kind == "shards" else kind)
    built(out / "two", DatasetSource(out / "one"))
    for before, name in ((path, "three"), (out / "three", "four"), (out / "two", "five")):
        assert cli("data", "convert", before, out / name, "--to", kind, model=False).code == 0
    built(out / "six", DatasetSource(out / "four"))
    return (out / name for name in ("one", "two", "three", "four", "five", "six"))


@pytest.mark.parametrize("kind", ["shards", "parquet"])
def test_every_image_of_a_mixed_build_keeps_its_categories(kind: str, cli: Cli, tmp_path: Path) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    path = coco(tmp_path, [CAT], [BOX], [])
    squares = RenderSource("tests.unit.squares", 6, Config(max_squares=1), name="icons")
    built(tmp_path / "mixed", squares, DatasetSource(path, name="my-coco"))
    wanted = annotated(tmp_path / "mixed")
    names = ("cat", "dog")
    assert {(("cat",), names), (("dog",), names), ((), names)} <= wanted.keys()
    assert {absent for there, absent in wanted if {*there} & {"red", "green", "blue"}} == {()}
    for again in twice(cli, tmp_path / "mixed", tmp_path, kind):
        assert annotated(again) == wanted, again.name
        assert {(("cat",), ("dog",)), ((), ("cat", "dog"))} <= asked(again), again.name


@pytest.mark.parametrize("by_hand", [False, True])
def test_data_sets_of_other_categories_keep_their_own(by_hand: bool, cli: Cli, tmp_path: Path) -> None:
    """Of one build, or shards of several that were put into one folder, whose lists have the same name."""
    paths = [
        coco(tmp_path / "a", [CAT], [], names=("cat", "dog")),
        coco(tmp_path / "b", [BOX], [], names=("owl", "dog")),
    ]
    lists_no_names = tmp_path / "c" / "x.json"
    seeds = {paths[1]: 50, lists_no_names: 70}
    write_samples([sample(noise(tmp_path / "c" / "0.png", 1), CAT)], lists_no_names, "lvis")
    for path, seed in seeds.items():  # other pictures, or they would be duplicates
        for number, image in enumerate(sorted(path.parent.glob("*.png"))):
            noise(image, seed + number)
    mixed = tmp_path / "mixed"
    paths.append(lists_no_names)
    if by_hand:
        mixed.mkdir()
        for number, path in enumerate(paths):
            options = ["--from", "lvis"] if path == lists_no_names else []
            done = cli("data", "convert", path, tmp_path / "s", "--to", "shards", *options, model=False)
            assert done.code == 0, done.err
            for file in (tmp_path / "s").iterdir():
                file.rename(mixed / file.name.replace("00000", f"0000{number}"))
            (tmp_path / "s").rmdir()
    else:
        sources = [DatasetSource(path, name=path.parent.name) for path in paths]
        built(mixed, *sources[:2], replace(sources[2], format="lvis"))
    first, second = ("cat", "dog"), ("owl", "dog")
    wanted = {(("cat",), first): 1, ((), first): 1, (("dog",), second): 1, ((), second): 1, (("cat",), ()): 1}
    assert annotated(mixed) == wanted
    for again in twice(cli, mixed, tmp_path, "shards"):
        assert annotated(again) == wanted, again.name
    if not by_hand:
        built(tmp_path / "x" / "a", sources[0])  # both name their list "a"
        built(tmp_path / "y" / "a", replace(sources[1], name="a"))
        two = [DatasetSource(tmp_path / x / "a", name=x) for x in "xy"]
        built(tmp_path / "seven", *two, replace(sources[2], name="a", format="lvis"))
        assert annotated(tmp_path / "seven") == wanted
        marker = json.loads((tmp_path / "seven" / "shard-00000.tar.json").read_text())
        assert marker["absent"] == {"a": [*first], "a 2": [*second], "a 3": []}


def test_empty_images_are_dropped_where_nobody_knows_what_is_absent(tmp_path: Path) -> None:
    path = coco(tmp_path, [CAT], [])
    write_samples(read_samples(path), tmp_path / "lvis.json", "lvis")
    out = tmp_path / "out"
    assert len(built(out, DatasetSource(tmp_path / "lvis.json", format="lvis"))) == 1
    assert "no questions" in (out / "drops.jsonl").read_text()
    assert "absent" not in json.loads((out / "shard-00000.tar.json").read_text())


def test_shards_that_say_nothing_of_absent_names_are_told(tmp_path: Path) -> None:
    write_samples([sample(noise(tmp_path / "a.png", 1), CAT)], tmp_path / "old", "shards")
    with pytest.warns(UserWarning, match=r"none of 1 samples asks for something that is absent"):
        assert asked(tmp_path / "old") == {(("cat",), ())}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asked(tmp_path / "old", absent=("car",)) == {(("cat",), ("car",))}
        asked(tmp_path / "old", answers=AnswerConfig())
        both = sample(noise(tmp_path / "a.png", 1), CAT)
        both = replace(both, questions=(replace(both.questions[0], task=Task.detect(["cat", "car"])),))
        write_samples([both], tmp_path / "brings", "shards")
        asked(tmp_path / "brings")
