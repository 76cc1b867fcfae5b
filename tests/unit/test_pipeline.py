"""locany.pipeline: steps over samples, duplicates, images, the plan."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from locany.data.sample import ImageRef, Question, Sample, Target
from locany.data.transform import scale_sample
from locany.errors import DataError
from locany.pipeline.config import BuildConfig, DatasetSource, RenderSource, find_engine, load_recipe
from locany.pipeline.contact_sheet import choose_questions, contact_sheet, sample_picture
from locany.pipeline.duplicates import Deduplicate, difference_hash
from locany.pipeline.images import EncodeImage
from locany.pipeline.lettering import shorten, text_width, wrap
from locany.pipeline.manifest import differences, to_data
from locany.pipeline.plan import PART_SIZE, make_part, make_plan
from locany.pipeline.plots import write_plots
from locany.pipeline.stats import Stats, spread
from locany.pipeline.steps import (
    BoxSide,
    HasQuestions,
    Item,
    NotBlank,
    Step,
    Tally,
    TargetsPerQuestion,
    run_steps,
)
from locany.tasks import Task
from tests.unit import squares

GREY = np.full((60, 80, 3), 128, np.uint8)


def item(*questions: Question, pixels: np.ndarray = GREY, number: int = 0) -> Item:
    return Item("here", number, Sample(pixels, questions))


def asks(phrase: str, *sides: float) -> Question:
    """A question with a square target of each side."""
    return Question(Task.ground(phrase), tuple(Target(phrase, (1.0, 1.0, 1 + s, 1 + s)) for s in sides))


def after(step: Step, *items: Item) -> tuple[list[Item], Tally]:
    tally = Tally()
    return list(run_steps([step], items, tally)), tally


def noise(seed: int, size_wh: tuple[int, int] = (80, 60)) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize(size_wh, Image.Resampling.BICUBIC))


def test_drops_keep_source_number_step_and_reason() -> None:
    done, tally = after(HasQuestions(), item(number=7), item(asks("a"), number=8))
    assert [i.number for i in done] == [8]
    (drop,) = tally.drops
    assert (drop.source, drop.number, drop.step, drop.reason) == ("here", 7, "HasQuestions", "no questions")
    assert tally.forwarded == {"HasQuestions": 1}


def test_questions_with_too_few_or_too_many_targets_are_removed() -> None:
    one, three = asks("a", 9), asks("b", 9, 9, 9)
    done, tally = after(
        TargetsPerQuestion(1, 2), item(one, three, asks("c")), item(three, number=1), item(asks("d", 5))
    )
    assert [i.sample.questions for i in done] == [(one,), (asks("d", 5),)]
    assert tally.removed_questions == {"TargetsPerQuestion": 2}
    assert [drop.number for drop in tally.drops] == [1]
    assert "fewer than 1 or more than 2" in tally.drops[0].reason


def test_questions_for_tiny_boxes_are_removed() -> None:
    point = Question(Task.point("p"), (Target("p", None, (3.0, 3.0)),))
    done, tally = after(
        BoxSide(4.0), item(asks("a", 9, 3), asks("b", 4), point, asks("none")), item(asks("a", 1))
    )
    assert [q.task.phrase for q in done[0].sample.questions] == ["b", "p", "none"]
    assert len(done) == 1
    assert len(tally.drops) == 1


def test_blank_images_are_dropped() -> None:
    nearly = GREY.copy()
    nearly[:5, :5] += 3
    blue = GREY.copy()
    blue[:, :40, 2] = 0
    done, tally = after(NotBlank(), item(), item(pixels=nearly), item(pixels=blue), item(pixels=noise(0)))
    assert len(done) == 2
    assert Counter(drop.reason for drop in tally.drops) == {"blank image": 2}


def test_steps_run_in_order_one_item_at_a_time() -> None:
    seen: list[str] = []

    @dataclass(frozen=True)
    class Note(Step):
        mark: str = ""

        @property
        def name(self) -> str:
            return self.mark

        def apply(self, item: Item) -> Item:
            seen.append(f"{self.mark}{item.number}")
            return item

    list(run_steps([Note("a"), Note("b")], [item(number=0), item(number=1)], Tally()))
    assert seen == ["a0", "b0", "a1", "b1"]


def fingerprints(*images: np.ndarray, step: Deduplicate | None = None) -> list[str]:
    return [(step or Deduplicate()).fingerprint(Sample(image, ())) for image in images]


def as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def test_duplicates_are_found_exactly_and_nearly() -> None:
    a, b = noise(1, (320, 240)), noise(2, (320, 240))
    smaller = np.asarray(Image.fromarray(a).resize((240, 180), Image.Resampling.LANCZOS))
    images = [a, b, a.copy(), as_jpeg(a, 90), as_jpeg(b, 70), smaller, noise(3, (320, 240))]
    assert Deduplicate().find(fingerprints(*images)) == {2: 0, 3: 0, 4: 1, 5: 0}
    exact = Deduplicate(max_distance=None)
    assert exact.find(fingerprints(*images, step=exact)) == {2: 0}


def test_what_looks_alike_from_afar_is_no_duplicate() -> None:
    """Small things on plain ground, lines of text, the same thing in another place."""
    pages = []
    for number in range(30):
        rng = np.random.default_rng(number)
        page = np.full((400, 300, 3), 250, np.uint8)
        for line in range(12):
            for word in range(9):
                page[
                    30 + 28 * line : 38 + 28 * line, 20 + 30 * word : 20 + 30 * word + rng.integers(8, 26)
                ] = 30
        pages.append(page)
    for place in range(10, 260, 40):
        dot = np.full((400, 300, 3), 250, np.uint8)
        dot[place : place + 20, 100:120] = (200, 30, 30)
        pages.append(dot)
    assert Deduplicate().find(fingerprints(*pages)) == {}


def test_duplicates_by_sample_need_equal_questions() -> None:
    a, b = item(asks("a", 5), pixels=noise(1)), item(asks("b", 5), pixels=noise(1))
    by_sample = Deduplicate(by="sample")
    marks = [by_sample.apply(i).fingerprint for i in (a, b, a)]
    assert by_sample.find(marks) == {2: 0}
    assert Deduplicate().find([Deduplicate().apply(i).fingerprint for i in (a, b, a)]) == {1: 0, 2: 0}


@given(st.integers(0, 2**256 - 1), st.sets(st.integers(0, 255), max_size=9), st.integers(0, 8))
def test_near_hashes_are_found_by_their_bands(bits: int, flips: set[int], max_distance: int) -> None:
    thumbnail = "00" * 256
    other = bits
    for flip in flips:
        other ^= 1 << flip
    marks = [f":{i:064x}:{value:064x}:{thumbnail}" for i, value in enumerate((bits, other))]
    found = Deduplicate(max_distance=max_distance).find(marks)
    assert found == ({1: 0} if len(flips) <= max_distance else {})


def test_difference_hash_ignores_what_compression_does() -> None:
    flat = np.full((200, 200, 3), 200, np.uint8)
    flat[50:150, 50:150] = (30, 90, 160)
    assert bin(difference_hash(flat) ^ difference_hash(as_jpeg(flat, 50))).count("1") <= 2


@pytest.mark.parametrize(("format", "start"), [("jpeg", b"\xff\xd8"), ("webp", b"RIFF"), ("png", b"\x89PNG")])
def test_images_are_encoded(format: str, start: bytes) -> None:
    pixels = noise(4)
    (done,), _ = after(EncodeImage(format), item(asks("a", 9), pixels=pixels))  # type: ignore[arg-type]
    image = done.sample.image
    assert isinstance(image, ImageRef)
    assert isinstance(image.source, bytes)
    assert image.source.startswith(start)
    assert abs(done.sample.pixels().astype(int) - pixels).mean() < (0.01 if format == "png" else 4)
    (again,), _ = after(EncodeImage(format), done)  # type: ignore[arg-type]
    assert again.sample.image == image, "what is encoded so already is not encoded twice"


def test_a_grainy_photograph_is_encoded() -> None:
    """Optimised coding has too little room for it in pillow."""
    pixels = np.random.default_rng(7).integers(0, 256, (960, 1280, 3), np.uint8)
    (done,), _ = after(EncodeImage("jpeg", quality=92), item(asks("a", 9), pixels=pixels))
    assert done.sample.pixels().shape == pixels.shape


def test_large_images_shrink_with_their_coordinates() -> None:
    target = Target("a", (10.0, 20.0, 30.0, 60.0), (20.0, 40.0), ((10.0, 20.0), (30.0, 60.0)))
    sample = Sample(noise(5, (400, 200)), (Question(Task.ground("a"), (target,)),), (target,))
    (done,), _ = after(EncodeImage(max_side=100), Item("here", 0, sample))
    assert done.sample.size_wh == (100, 50)
    assert done.sample.pixels().shape == (50, 100, 3)
    small = Target("a", (2.5, 5.0, 7.5, 15.0), (5.0, 10.0), ((2.5, 5.0), (7.5, 15.0)))
    assert done.sample.questions[0].targets == (small,)
    assert done.sample.objects == (small,)
    assert scale_sample(sample, (400, 200)).objects == (target,)


def config(*sizes: int, **more: object) -> BuildConfig:
    sources = tuple(RenderSource("tests.unit.squares", n, name=f"s{i}") for i, n in enumerate(sizes))
    return BuildConfig(sources, **more)  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 90), min_size=1, max_size=4), st.sampled_from(["interleaved", "sequential"]))
def test_parts_hold_every_item_once(sizes: list[int], mixture: str) -> None:
    plan = make_plan(config(*sizes, mixture=mixture))
    items = [item for number in range(plan.num_parts) for item in plan.part(number)]
    assert sorted(items) == [(source, n) for source, size in enumerate(sizes) for n in range(size)]
    assert all(len(plan.part(number)) == PART_SIZE for number in range(plan.num_parts - 1))
    if mixture == "sequential":
        assert items == sorted(items)


def test_interleaved_parts_are_fair_and_a_limit_takes_the_first() -> None:
    plan = make_plan(config(300, 100))
    for number in range(plan.num_parts - 1):
        assert Counter(source for source, _ in plan.part(number))[1] in (7, 8, 9)
    limited = make_plan(config(300, 100), limit=50)
    assert limited.part(0) == plan.part(0)
    assert limited.num_parts == 2
    assert sum(limited.asked) == 50


def test_parts_are_the_same_every_time() -> None:
    plan = make_plan(config(40))
    first, again = make_part(plan, 1), make_part(plan, 1)
    assert (first.content, first.facts) == (again.content, again.facts)
    assert first.content != make_part(plan, 0).content


def test_recipes_that_cannot_work_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no render engine 'sqares'"):
        find_engine(RenderSource("sqares", 1))
    with pytest.raises(DataError, match="no module"):
        find_engine(RenderSource("no.such.engine", 1))
    with pytest.raises(DataError, match="is no render engine: it lacks NAME"):
        find_engine(RenderSource("tests.tiny", 1))
    with pytest.raises(DataError, match="takes a Config"):
        find_engine(RenderSource("tests.unit.squares", 1, config=3))
    with pytest.raises(DataError, match="different names"):
        config(1, 1, steps=(BoxSide(1), BoxSide(2)))
    with pytest.raises(DataError, match="at least one source"):
        BuildConfig(())
    with pytest.raises(DataError, match='"tar" or "parquet"'):
        config(1, format="zip")
    recipes = {
        "def recipe(:": "cannot be run: SyntaxError",
        "x = 1": "has no function recipe",
        "def recipe(): return 3": "returned int, expected a BuildConfig",
        "def recipe(data): return 3": "needs data; expected one without arguments",
        "def recipe(): return 1 / 0": "recipe\\(\\) failed with ZeroDivisionError",
        "import nothing_like_it": "ModuleNotFoundError",
    }
    for number, (text, message) in enumerate(recipes.items()):
        path = tmp_path / f"r{number}.py"
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            load_recipe(path)
    with pytest.raises(DataError, match="no recipe at"):
        load_recipe(tmp_path / "none.py")
    with pytest.raises(DataError, match="max_distance is 0 to 15"):
        Deduplicate(max_distance=99)
    with pytest.raises(DataError, match="quality is 1 to 100"):
        EncodeImage(quality=0)


def test_paths_of_data_sets_do_not_reach_the_manifest(tmp_path: Path) -> None:
    assert str(tmp_path) not in repr(DatasetSource(tmp_path / "set"))
    assert DatasetSource(tmp_path / "set").name == "set"


def test_configs_become_data() -> None:
    @dataclass(frozen=True)
    class Odd:
        names: frozenset[str] = frozenset({"b", "a", "c"})
        task: object = Task.ground("x").kind

    assert to_data(Odd()) == {"names": ["a", "b", "c"], "task": "ground"}
    with pytest.raises(DataError, match="made of plain data"):
        to_data(replace(Odd(), task=print))
    assert differences({"a": [1, {"b": 2}], "c": 3}, {"a": [1, {"b": 5}]}) == [
        "a[1].b was 2, now 5",
        "c was 3, now None",
    ]


def test_stats_count() -> None:
    sample = Sample(
        GREY,
        (
            Question(Task.detect(["red apple", "pear"]), (Target("pear", (0.0, 0.0, 40.0, 30.0)),)),
            Question(Task.ground("the big one")),
            Question(Task.point("dot"), (Target("dot", None, (3.0, 4.0)), Target("dot", None, (3.0, 4.0)))),
        ),
        (),
        {"renderer": "r"},
    )
    data = Stats([sample, sample]).to_data()
    assert (data["samples"], data["questions"], data["targets"]) == (2, 6, 6)
    assert data["negatives_share"] == round(1 / 3, 4)
    assert data["sources"]["r"]["negatives"] == 2
    assert data["tasks"]["detect"]["absent_categories"] == 2
    assert data["tasks"]["detect"]["words"] == 6
    assert data["words_per_question"]["p100"] == 3
    assert data["box_share_of_image"]["mean"] == 0.25
    assert data["labels"] == {"dot": 4, "pear": 2}
    assert spread([]) == {}
    assert Stats().to_data()["samples"] == 0


def test_axes_of_small_data_have_whole_counts_and_a_scale(tmp_path: Path) -> None:
    figures: list[Any] = []
    figure = pytest.importorskip("matplotlib.figure")
    boxes = (Target("cat", (1, 2, 41, 52)), Target("cat", (5, 2, 60, 40)))
    question = Question(Task.detect("cat"), boxes)
    sample = Sample(np.zeros((64, 64, 3), np.uint8), (question,), boxes)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(figure.Figure, "savefig", lambda self, *args, **options: figures.append(self))
        write_plots(Stats([sample]), tmp_path / "plots.png")
    tasks, targets, words, _, sizes, labels = figures[0].axes
    for counted in (tasks.xaxis, targets.yaxis, words.yaxis, sizes.yaxis, labels.xaxis):
        assert all(tick == round(tick) for tick in counted.get_majorticklocs())
    assert len(sizes.get_xticks()) > 1  # both have sides between the powers of two 32 and 64


def test_contact_sheet_holds_every_sample() -> None:
    samples = [squares.render(i) for i in range(5)]
    samples += [Sample(GREY, ()), Sample(np.zeros((3, 900, 3), np.uint8), (asks("x" * 900, 2),))]
    sheet = contact_sheet(samples, columns=3, cell=200, title="seven")
    assert sheet.width == 3 * (200 + 9) + 9
    assert contact_sheet(samples[:1], columns=3, cell=200).width == 200 + 18
    assert sample_picture(samples[0], 1).width >= 96
    many = [Question(Task.ground(str(i))) for i in range(9)] + [Question(Task.text())]
    assert choose_questions(many, 3) == [0, 1, 9]
    assert contact_sheet([], columns=3, cell=200).height > 0


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), st.integers(20, 300))
def test_text_is_cut_to_the_room(text: str, room: int) -> None:
    line = shorten(text, room, 14)
    assert text_width(line, 14) <= room or len(line) <= 1
    for part in wrap(text, room, 14, 3)[:-1]:
        assert text_width(part, 14) <= room or len(part) <= 1
    assert len(wrap(text, room, 14, 3)) <= 3
