"""Rare categories come more often: by LVIS's factors, in true epochs, and the same for whoever asks."""

from __future__ import annotations

import math
import pickle
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locany.data.answers import AnswerConfig
from locany.data.converters import read_samples, write_samples
from locany.data.mixture import Draw, Mixture, Source
from locany.data.repeats import Repeats, categories_of, repeat_factors
from locany.data.sample import Question, Sample, Target
from locany.errors import DataError
from locany.tasks import Task, TaskKind
from locany.train.checkpoint import States
from locany.train.config import TrainConfig
from locany.train.data import DataConfig, SampleStream
from locany.train.recipe import load_recipe
from locany.train.run import start
from locany.train.sft import train
from locany.train.sources import Rendered, Stored
from tests.unit.test_finetune_data import RECIPES, coco
from tests.unit.train_fixtures import (  # noqa: F401
    assert_same_weights,
    losses,
    newest_state,
    run_folder,
    tiny_run,
)

BOX = (1.0, 1.0, 5.0, 5.0)
BLANK = np.zeros((8, 8, 3), np.uint8)
factors = st.lists(st.just(1.0) | st.floats(1, 6), min_size=1, max_size=30).map(np.array)


def epochs_of(repeats: Repeats, count: int, seed: int = 0) -> list[list[Draw]]:
    """The draws of the first epochs of a data set."""
    size = len(repeats.factors)
    mixture = Mixture([Source("set", size, 1.0, repeats)], seed)
    found: list[list[Draw]] = [[] for _ in range(count + 1)]
    position = 0
    while not found[count]:
        draw = mixture(position)
        found[draw.epoch].append(draw)
        position += 1
    return found[:count]


def test_factors_are_those_of_lvis() -> None:
    common, rare, both, none = {"cup"}, {"owl"}, {"cup", "owl"}, set[str]()
    shown = [common] * 89 + [rare, both] + [none] * 9  # cups in 90 of 100 images, owls in 2
    found = repeat_factors(shown, threshold=0.18)
    assert found[:89].tolist() == [1] * 89
    assert found[89:91] == pytest.approx([3, 3])
    assert found[91:].tolist() == [1] * 9
    assert repeat_factors(shown, threshold=1)[0] == pytest.approx(math.sqrt(100 / 90))


@given(factors, st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_every_sample_once_an_epoch_at_least(chosen: np.ndarray, seed: int) -> None:
    epochs = epochs_of(Repeats(chosen), 4, seed)
    mean = chosen.sum()
    for epoch in epochs:
        assert {draw.index for draw in epoch} == set(range(len(chosen)))
        assert abs(len(epoch) - mean) < 1 + 1e-6
        counts = Counter(draw.index for draw in epoch)
        drawn = sorted((draw.index, draw.repeat) for draw in epoch)
        assert drawn == [(index, repeat) for index in sorted(counts) for repeat in range(counts[index])]
        assert len({(draw.index, draw.time) for draw in epoch}) == len(epoch)
    assert sum(map(len, epochs)) == pytest.approx(4 * mean, abs=1)


def test_fractions_are_rounded_by_chance_anew_each_epoch() -> None:
    chosen = np.array([1.0, 1.3, 1.7, 2.5, 1.0, 1.25])
    epochs = epochs_of(Repeats(chosen), 4000, seed=5)
    counts = np.array([np.bincount([draw.index for draw in epoch], minlength=6) for epoch in epochs])
    assert counts.mean(0) == pytest.approx(chosen, abs=0.04)
    assert (counts[:, [0, 4]] == 1).all()
    assert {tuple(row) for row in counts[:20]} != {tuple(counts[0])}
    places = [number for epoch in epochs[:1000] for number, draw in enumerate(epoch) if draw.index == 3]
    assert np.mean(places) == pytest.approx(np.mean([(len(e) - 1) / 2 for e in epochs[:1000]]), abs=0.15)


@given(factors, st.lists(st.integers(0, 10**7), min_size=1, max_size=8), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_answer_depends_on_seed_and_position_alone(
    chosen: np.ndarray, places: list[int], seed: int
) -> None:
    def mixture() -> Mixture:
        return Mixture([Source("a", len(chosen), 2.0, Repeats(chosen.copy())), Source("b", None, 1.0)], seed)

    one, sent = mixture(), pickle.loads(pickle.dumps(mixture()))
    expected = [one(place) for place in places]
    assert [sent(place) for place in reversed(places)] == expected[::-1]
    assert [mixture()(place) for place in places] == expected


def test_without_rare_categories_nothing_changes() -> None:
    """The order of before: a seeded permutation an epoch."""
    plain, common = (Mixture([Source("set", 5, 1.0, r)], 3) for r in (None, Repeats(np.ones(5))))
    for epoch in range(300):
        order = np.random.default_rng((0xE90C, 3, 0, epoch)).permutation(5)
        expected = [Draw(0, int(index), epoch) for index in order]
        assert [plain(5 * epoch + number) for number in range(5)] == expected
        assert [common(5 * epoch + number) for number in range(5)] == expected


def test_categories_are_what_can_be_asked_for_by_name() -> None:
    owl, cup, phrase = (Target(name, BOX) for name in ("owl", "cup", "the red cup"))
    asked = Question(Task.detect(["owl", "dog"]), (owl, owl))
    pointed = Question(Task.point("cup"), (cup,))
    sample = Sample(BLANK, (asked, pointed, Question(Task.ground("the red cup"), (phrase,))))
    assert categories_of(sample) == {"owl", "cup"}
    assert categories_of(replace(sample, questions=sample.questions[2:])) == set()


@pytest.fixture
def rare(tmp_path: Path) -> Path:
    """Sixteen images: cat and dog in turn, but for one owl."""
    path = coco(tmp_path, names=("cat", "dog", "owl"), num=16)
    text = path.read_text()
    for number in range(16):
        text = text.replace(
            f'"image_id": {number}, "category_id": 2', f'"image_id": {number}, "category_id": 0'
        )
    path.write_text(text.replace('"image_id": 7, "category_id": 1', '"image_id": 7, "category_id": 2'))
    return path


def test_a_stream_shows_the_rare_more_often_and_asks_anew(rare: Path) -> None:
    answers = AnswerConfig(negative_rate={TaskKind.DETECT: 0.5})
    names = tuple(f"name {number}" for number in range(50))
    config = DataConfig((Stored(str(rare)),), answers, absent=names, balance=0.25)
    stream = SampleStream(config)
    assert stream.sets[0].source.repeats is not None
    shown = stream.sets[0].source.repeats.factors
    assert shown[7] == pytest.approx(2)
    assert shown[:7].tolist() == [1] * 7
    found = [stream(position) for position in range(17 * 4)]
    owls = [s for s in found if isinstance(s, Sample) and categories_of(s) == {"owl"}]
    assert len(owls) == 8
    assert len({sample.questions for sample in owls}) > 4, "other negatives within an epoch, too"
    again = SampleStream(config)
    assert [again(position) for position in (40, 3)] == [found[40], found[3]]


def test_it_is_set_on_the_command_line(rare: Path) -> None:
    for name in ("lora", "finetune"):
        config = load_recipe(RECIPES / f"{name}.py", [f"data={rare}", "data.balance=0.1"])
        assert config.data == replace(config.data, sources=(Stored(str(rare)),), balance=0.1)
        assert load_recipe(RECIPES / f"{name}.py", [f"data={rare}"]).data.balance == 0


@pytest.mark.parametrize("value", [-0.1, 1.5, math.nan, math.inf])
def test_no_share_is_refused(value: float) -> None:
    with pytest.raises(DataError, match=r"recipe: data\.balance is .*, expected a share of the images"):
        DataConfig((Stored("set.json"),), balance=value)


def test_conversations_that_ask_for_categories_have_some(rare: Path, tmp_path: Path) -> None:
    def written(name: str, samples: list[Sample]) -> DataConfig:
        path = tmp_path / name
        write_samples(samples, path, "jsonl")
        return DataConfig((Stored(str(path)),), balance=0.25)

    samples = list(read_samples(rare))
    (found,) = SampleStream(written("names.jsonl", samples)).sets
    assert found.source.repeats is not None
    assert found.source.repeats.factors.max() == pytest.approx(2)
    phrases = [
        replace(s, questions=tuple(Question(Task.ground(t.label), (t,)) for t in s.objects)) for s in samples
    ]
    with pytest.raises(DataError, match=r"recipe: data\.balance=0\.25 is for data sets with categories"):
        SampleStream(written("phrases.jsonl", phrases))


def test_data_without_categories(rare: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    write_samples(read_samples(rare), shards, "shards")
    with pytest.raises(DataError, match=r"data\.balance=0\.1 .*shards\).* annotation file that shards were"):
        SampleStream(DataConfig((Stored(str(shards)),), balance=0.1))
    with pytest.raises(DataError, match="no data set at all"):
        SampleStream(DataConfig((Rendered("icons"),), balance=0.1))
    with pytest.warns(UserWarning, match=r"data\.balance does nothing for .*shards: of shards"):
        stream = SampleStream(DataConfig((Stored(str(rare)), Stored(str(shards))), balance=0.1))
    assert [found.source.repeats is None for found in stream.sets] == [False, True]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SampleStream(DataConfig((Stored(str(rare)), Rendered("icons")), balance=0.1))


def balanced(folder: Path, data: Path, balance: float, **changes: Any) -> TrainConfig:
    """A tiny run, in a folder of its own for each balance."""
    changes = {"out": str(data.parent / f"run{balance}"), **changes}
    return tiny_run(folder, data=DataConfig((Stored(str(data)),), balance=balance), **changes)


def test_a_stopped_run_goes_on_with_any_number_of_workers(run_folder: Path, rare: Path) -> None:  # noqa: F811
    whole, parts = (balanced(run_folder, rare, 0.5, out=str(rare.parent / name)) for name in "ab")
    train(whole, lambda _: None)
    train(replace(parts, steps=2, num_workers=2), lambda _: None)
    train(parts, lambda _: None)
    assert losses(parts.out) == losses(whole.out)
    assert_same_weights(parts.out, whole.out, atol=0)


def test_a_run_keeps_its_balance(run_folder: Path, rare: Path) -> None:  # noqa: F811
    run = train(balanced(run_folder, rare, 0.2, steps=2), lambda _: None)
    with pytest.raises(DataError, match=r"holds a run with another data\.balance: 0\.2, not 0\.1"):
        start(balanced(run_folder, rare, 0.1, out=str(rare.parent / "run0.2")), run.ranks)


def test_a_run_of_before_had_none(run_folder: Path, rare: Path) -> None:  # noqa: F811
    plain = balanced(run_folder, rare, 0.0, steps=2)
    run = train(plain, lambda _: None)
    states = States(Path(plain.out))
    state = newest_state(plain.out)
    del state["config"]["data"]["balance"]
    states.save(state, 2)
    assert start(plain, run.ranks).step == 2
    with pytest.raises(DataError, match=r"another data\.balance: 0\.0, not 0\.2"):
        start(balanced(run_folder, rare, 0.2, out=plain.out), run.ranks)
