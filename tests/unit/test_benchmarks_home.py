"""The home benchmark: which questions are asked, what is true, and what the manifest notices."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from locany.data.sample import Question, Sample, Target
from locany.data.shards import write_shard
from locany.errors import DataError
from locany.eval.benchmarks import home, open_benchmark
from locany.eval.example import Prediction, Query, Truth
from locany.eval.metrics.profile import Profile
from locany.eval.metrics.table import SCORERS
from locany.pipeline.held_out import FIRST_SEED, recipe
from locany.tasks import Task

BOX = (10.0, 20.0, 30.0, 40.126)


def page(name: str, number: int, x: float = 10.0) -> Sample:
    box = (x, 20.0, 30.0, 40.126)
    questions = (
        Question(Task.detect(["cup", "bowl"]), (Target("cup", box),)),
        *(Question(Task.find_text(f"word {i}"), (Target(f"word {i}", box),)) for i in range(4)),
        Question(Task.text(), (Target("a  word", box, text="a  word"),)),
        Question(Task.gui("save", point=True), (Target("save", box, point=(15.0, 25.0)),)),
    )
    provenance = {"renderer": "icons", "seed": FIRST_SEED + number, "version": 1, "source": name}
    return Sample(np.full((60, 80, 3), number, np.uint8), questions, provenance=provenance)


def build(folder: Path, samples: Iterable[Sample]) -> Path:
    folder.mkdir(parents=True)
    write_shard(folder / "shard-00000.tar", ((f"{i:06d}", sample) for i, sample in enumerate(samples)))
    return folder


@pytest.fixture
def pages() -> list[Sample]:
    return [page(name, number) for name in ("gui", "icons") for number in range(3)]


def test_questions_of_a_page(pages: list[Sample], tmp_path: Path) -> None:
    examples = open_benchmark("home", build(tmp_path / "a", pages)).examples
    assert len(examples) == 6 * 5, "of four questions of one family two are asked"
    assert [e.groups["set"] for e in examples] == ["icons"] * 15 + ["gui"] * 15
    first = {e.groups["task"]: e for e in examples[:5]}
    assert first["detect"].id == "icons/200000/0"
    assert first["detect"].queries == (Query(Task.detect(["cup", "bowl"])),)
    assert first["detect"].truth == Truth({"cup": (BOX,), "bowl": ()})
    assert first["text"].queries == (Query(Task.text()),)
    assert first["text"].truth == Truth({"a word": (BOX,)})
    assert first["gui_point"].queries == (Query(Task.gui("save", point=True), "save"),)
    assert first["gui_point"].truth == Truth({"save": (BOX,)})
    assert isinstance(first["text"].image, bytes)


def test_the_same_questions_whatever_else_is_in_the_folder(pages: list[Sample], tmp_path: Path) -> None:
    few = open_benchmark("home", build(tmp_path / "a", pages)).examples
    others = [page("icons", number) for number in range(home.IMAGES["icons"], home.IMAGES["icons"] + 2)]
    more = [page("elsewhere", 0), *others, *reversed(pages)]
    assert open_benchmark("home", build(tmp_path / "b", more)).examples == few
    one = open_benchmark("home", tmp_path / "a", per_kind=1)
    assert len(one.examples) == 6 * 4
    assert one.remarks == ("1 questions of a family about an image in place of 2",)


def test_the_manifest_notices_other_pages(pages: list[Sample], tmp_path: Path) -> None:
    folder = build(tmp_path / "a", pages)
    home.write_manifest(folder, tmp_path / "home.json")
    known = home.read_manifest(tmp_path / "home.json")
    assert known["sets"]["icons"]["seeds"] == [FIRST_SEED, FIRST_SEED + 2]
    assert known["sets"]["icons"]["questions"] == 15
    assert home.differences(home._pages(folder), known) == []
    nearly = [page("icons", 0, x=10.004), *pages[4:], *pages[:3]]
    assert home.differences(home._pages(build(tmp_path / "b", nearly)), known) == [], "a hundredth of a pixel"
    moved = [page("icons", 0, x=11.0), *pages[4:], *pages[:2]]
    remarks = home.differences(home._pages(build(tmp_path / "c", moved)), known)
    assert [remark.partition(" (")[0] for remark in remarks] == [
        "icons: 1 of 3 pages are not those of the manifest",
        "gui: 1 of 3 pages of the manifest are not there",
    ]
    newer = [replace(s, provenance={**s.provenance, "version": 2}) for s in pages]
    remarks = home.differences(home._pages(build(tmp_path / "d", newer)), known)
    assert remarks == [], "the version alone changes no page"


def test_a_damaged_manifest_or_folder(tmp_path: Path) -> None:
    path = tmp_path / "home.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"home\.json is damaged .*install locany again"):
        home.read_manifest(path)
    path.write_text('{"format": 9}', encoding="utf-8")
    with pytest.raises(DataError, match="its format is 9"):
        home.read_manifest(path)
    with pytest.raises(DataError, match="has no page of: emoji, icons"):
        open_benchmark("home", build(tmp_path / "a", [page("elsewhere", 0)]))
    with pytest.raises(DataError, match="per_kind is at least 1, got 0"):
        open_benchmark("home", tmp_path / "a", per_kind=0)


def test_the_manifest_of_the_package_is_about_what_the_recipe_draws() -> None:
    known = home.read_manifest()
    sources = {source.name: source for source in recipe(home.IMAGES).sources}
    assert {*known["sets"]} == {*sources} == {*home.IMAGES}
    for name, facts in known["sets"].items():
        assert facts["images"] == sources[name].num_samples == home.IMAGES[name]
        assert facts["seeds"] == [FIRST_SEED, FIRST_SEED + home.IMAGES[name] - 1]
        assert len(facts["pages"]) == facts["images"]
    assert home.FIRST_SEED == FIRST_SEED
    assert len(home.MANIFEST.read_bytes()) < 20_000
    with pytest.raises(DataError, match=r"999 images of 'icons' are asked for; there are: .*icons \(100\)"):
        recipe({"icons": 999})


def test_right_answers_are_right_and_silence_is_not(pages: list[Sample], tmp_path: Path) -> None:
    examples = open_benchmark("home", build(tmp_path / "a", pages)).examples
    score = SCORERS["mixed"]
    right = {}
    for example in examples:
        is_point = example.queries[0].task.expects_points
        place = (20.0, 30.0) if is_point else BOX
        right[example.id] = Prediction(
            example.id, {name: (place,) for name, boxes in example.truth.boxes.items() if boxes}
        )
    numbers = score(examples, right, Profile.FIXED)
    assert numbers["f1@0.5"] == numbers["f1@mean"] == 1.0
    assert numbers["num_scored"] == len(examples)
    assert score(examples, right, Profile.PUBLISHED)["f1@0.5"] == 1.0
    assert score(examples, {}, Profile.FIXED)["f1@0.5"] == 0.0
    assert json.dumps(numbers)
