"""The training room on a toy: losses, schedule, state, and that a stopped run goes on as if it had not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from locany.codec import Tokenizer
from locany.data.collate import collate
from locany.data.converters import write_samples
from locany.data.encode import encode_sample
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.errors import DataError
from locany.files import locked_folder
from locany.image import PreprocessConfig
from locany.model import LocateConfig
from locany.synth.icons import IconsConfig, render
from locany.train import sft
from locany.train.checkpoint import States
from locany.train.config import EvaluationConfig, LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.init import fourier_features
from locany.train.log import read_log
from locany.train.objective import sigma_at
from locany.train.optim import Optimizers, rate_scale
from locany.train.report import TIMES
from locany.train.run import Run
from locany.train.sft import train
from locany.train.sources import Rendered, Stored
from tests.tiny import tiny_config
from tests.unit.train_fixtures import assert_same_weights, losses, run_folder, tiny_run  # noqa: F401

SCENE = IconsConfig(side=(112, 140), num_patches=(60, 100), sprite_side=(28, 60), max_objects=2, max_words=0)


@pytest.fixture
def recipe(mini_tokenizer: Path, tmp_path: Path) -> TrainConfig:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    for file in mini_tokenizer.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "preprocessor_config.json").write_text(json.dumps({"in_token_limit": 100}))
    vocab = Tokenizer.from_folder(folder).vocab
    model = replace(tiny_config(vocab_size=vocab.size), image_token_id=vocab.image_token)
    return TrainConfig(
        model=model,
        tokenizer=str(folder),
        out=str(tmp_path / "run"),
        steps=6,
        stream=StreamConfig(PackConfig(1024, buffer_size=3), num_lanes=4),
        data=DataConfig((Rendered("icons", SCENE, first_seed=0),)),
        rows=2,
        dense_steps=2,
        num_workers=0,
        bf16=False,
        save_every=2,
        log_every=1,
        loss=LossConfig(deep_layers=1, guided_layer=1),
    )


def log(run: str) -> list[dict[str, float]]:
    return [
        {name: number for name, number in line.items() if name not in TIMES} for line in read_log(Path(run))
    ]


def test_resumed_run_equals_uninterrupted(recipe: TrainConfig, tmp_path: Path) -> None:
    said: list[str] = []
    whole = train(recipe, said.append)

    class StopError(Exception):
        pass

    def stop_after_four(line: str) -> None:
        if line.startswith("step 5 of"):
            raise StopError

    parts = replace(recipe, out=str(tmp_path / "parts"))
    with pytest.raises(StopError):  # killed in step 5: the state of step 4 is the newest
        train(parts, stop_after_four)
    resumed = train(replace(parts, num_workers=1), said.append)  # where samples are made does not matter
    assert resumed.step == whole.step == 6
    for (name, a), (_, b) in zip(
        whole.model.named_parameters(), resumed.model.named_parameters(), strict=True
    ):
        assert torch.equal(a, b), name
    assert log(parts.out) == log(recipe.out)


def test_the_last_step_has_a_line_between_the_usual_ones(recipe: TrainConfig) -> None:
    said: list[str] = []
    train(replace(recipe, steps=3, log_every=2), said.append)
    assert [line["step"] for line in log(recipe.out)] == [2, 3]
    assert any(line.startswith("step 3 of 3  loss ") for line in said)


def test_training_lowers_the_loss(recipe: TrainConfig, tmp_path: Path) -> None:
    write_samples([render(seed, SCENE) for seed in range(2)], tmp_path / "two", "shards")
    recipe = replace(recipe, data=DataConfig((Stored(str(tmp_path / "two")),)))
    optim = OptimConfig(muon_lr=1e-2, adam_lr=5e-3, warmup_steps=1, decay_share=0.0)
    train(replace(recipe, steps=30, dense_steps=1, optim=optim), lambda _: None)
    lines = log(recipe.out)
    assert lines[-1]["loss"] < 0.7 * lines[1]["loss"]
    assert lines[-1]["block_acc"] > lines[1]["block_acc"]


def test_a_run_of_another_shape_is_refused(recipe: TrainConfig) -> None:
    train(replace(recipe, steps=3), lambda _: None)
    wider = replace(recipe.model, text=replace(recipe.model.text, intermediate_size=128))
    with pytest.raises(DataError, match=r"holds a run with another model: .* give another run folder"):
        train(replace(recipe, model=wider), lambda _: None)


def test_a_stop_before_the_model_was_written_costs_nothing(recipe: TrainConfig) -> None:
    measured: list[int] = []

    def evaluate(run: Run) -> dict[str, float]:
        measured.append(run.step)
        return {"f1": 0.5}

    out = Path(recipe.out)
    train(recipe, lambda _: None, evaluate)
    assert measured == [6]
    weights = (out / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(out / "model")
    train(recipe, lambda _: None, evaluate)
    assert (out / "model" / "model.safetensors").read_bytes() == weights
    assert measured == [6], "its score was entered"


def test_a_state_is_saved_after_so_many_minutes(
    run_folder: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step takes a minute here. What is measured stays at its steps, and the run learns what it would."""
    now = 0.0

    def a_minute_passes(_: str) -> None:
        nonlocal now
        now += 60

    measured: list[int] = []

    def evaluate(run: Run) -> dict[str, float]:
        measured.append(run.step)
        return {"f1": 0.5}

    by_steps = tiny_run(run_folder, out=str(tmp_path / "by-steps"), steps=10)
    train(by_steps, lambda _: None)
    monkeypatch.setattr(sft, "time", SimpleNamespace(monotonic=lambda: now))
    policy = {"save_minutes": 2.5, "save_every": 4, "keep_last": 10, "evaluation": EvaluationConfig(every=4)}
    by_time = replace(by_steps, out=str(tmp_path / "by-time"), **policy)
    train(by_time, a_minute_passes, evaluate)
    assert [state.step for state in States(Path(by_time.out)).entries] == [3, 4, 7, 8, 10]
    assert measured == [4, 8, 10]
    assert losses(by_time.out) == losses(by_steps.out)
    assert_same_weights(by_time.out, by_steps.out, atol=0)


def test_one_process_at_a_time_writes_a_run(recipe: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sft, "PATIENCE", 0.1)
    Path(recipe.out).mkdir()
    with locked_folder(Path(recipe.out)), pytest.raises(DataError, match="another process writes to"):
        train(recipe, lambda _: None)
    assert list(Path(recipe.out).iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 2, "dense_steps": 0}, r"holds a run of 3 steps, more than steps=2; ask for more"),
        (
            {"stream": StreamConfig(PackConfig(1024), num_lanes=2)},
            r"with another stream\.num_lanes: 4, not 2",
        ),
        ({"data": DataConfig((Rendered("icons", SCENE),), seed=1)}, r"with another data\.seed: 0, not 1"),
        ({"optim": OptimConfig(muon=False)}, r"with another optim\.muon: true, not false"),
        ({"data": DataConfig((Rendered("icons"),))}, r"with another data\.sources: .* not "),
    ],
)
def test_a_state_that_does_not_fit_is_refused(
    recipe: TrainConfig, change: dict[str, Any], message: str
) -> None:
    train(replace(recipe, steps=3), lambda _: None)
    with pytest.raises(DataError, match=message):
        train(replace(recipe, **change), lambda _: None)


def test_auxiliary_losses_do_not_begin_in_the_middle(recipe: TrainConfig) -> None:
    none = replace(recipe.loss, dense=0.0)
    train(replace(recipe, steps=3, dense_steps=0, loss=none), lambda _: None)
    with pytest.raises(DataError, match=r"without auxiliary losses, which loss\.dense=1\.0 asks for"):
        train(recipe, lambda _: None)


@pytest.mark.parametrize("change", [{"steps": 0}, {"rows": 0}, {"dense_steps": 9}])
def test_wrong_recipes_are_refused(recipe: TrainConfig, change: dict[str, int]) -> None:
    with pytest.raises(DataError, match="recipe: " + next(iter(change))):
        replace(recipe, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda r: replace(r, seed=-1), "recipe: seed is -1, expected 0 or more"),
        (lambda r: replace(r, num_workers=-1), "recipe: num_workers is -1, expected 0 or more"),
        (lambda r: replace(r, save_minutes=-1.0), r"recipe: save_minutes is -1\.0, expected 0 or more"),
        (lambda r: replace(r, save_minutes=float("nan")), "recipe: save_minutes is nan, expected 0 or more"),
        (lambda r: replace(r.data, seed=-1), r"recipe: data\.seed is -1, expected 0 or more"),
        (lambda r: replace(r.stream, seed=-1), r"StreamConfig\.seed is at least 0, got -1"),
        (lambda r: replace(r.stream, num_lanes=0), r"StreamConfig\.num_lanes is at least 1, got 0"),
        (lambda r: replace(r.loss, block=-1.0), r"recipe: loss\.block is -1\.0, expected 0 or more"),
        (lambda r: replace(r.loss, sigma_end=0.0), r"recipe: loss\.sigma_end is 0\.0, expected more than 0"),
        (
            lambda r: replace(r.loss, sigma_end=-1.0),
            r"recipe: loss\.sigma_end is -1\.0.* loss\.sigma_start=0",
        ),
    ],
)
def test_numbers_that_nothing_can_be_made_of_are_refused(
    make: Callable[[TrainConfig], object], words: str, recipe: TrainConfig
) -> None:
    with pytest.raises(DataError, match=words):
        make(recipe)


def test_a_step_without_gradients_keeps_its_norm_on_the_device() -> None:
    """Text alone under a frozen decoder: the norm is looked at together with the loss, which lies there."""
    weight = torch.nn.Parameter(torch.empty(2, 2, device="meta"))
    optimizers = Optimizers({"vision.weight": weight}, OptimConfig(muon=False))
    assert optimizers.step(0, 4).device == weight.device


def test_rate_rises_holds_and_falls() -> None:
    config = OptimConfig(warmup_steps=10, decay_share=0.5)
    scale = [rate_scale(step, 100, config) for step in range(100)]
    assert scale[0] == pytest.approx(0.1)
    assert scale[10:50] == [1.0] * 40
    assert all(a > b for a, b in pairwise(scale[50:]))
    assert scale[-1] == pytest.approx(0.02)


def test_sigma_narrows(recipe: TrainConfig) -> None:
    config = replace(recipe, loss=replace(recipe.loss, sigma_start=20, sigma_end=2, sigma_steps=100))
    assert sigma_at(config, 0) == 20
    assert sigma_at(config, 50) == pytest.approx(40**0.5)
    assert sigma_at(config, 500) == pytest.approx(2)
    assert sigma_at(replace(config, loss=replace(recipe.loss, sigma_start=0)), 5) == 0


def test_near_places_have_near_features() -> None:
    features = fourier_features(torch.linspace(0, 1, 1001), 64, highest=80.0)
    similarity = features @ features.T
    assert torch.allclose(similarity.diagonal(), torch.ones(1001), atol=1e-5)
    assert similarity[500, 502] > similarity[500, 520] > similarity[500, 900]


def test_encoding_is_deterministic(recipe: TrainConfig) -> None:
    tokenizer = Tokenizer.from_folder(Path(recipe.tokenizer))
    config = PreprocessConfig(in_token_limit=100)
    a, b = (
        collate([[encode_sample(tokenizer, render(7, SCENE), config)]], tokenizer.vocab.pad) for _ in "ab"
    )
    assert torch.equal(a.token_ids, b.token_ids)
    assert np.array_equal(a.pixels, b.pixels)
    assert isinstance(recipe.model, LocateConfig)
