"""A training run that is over in seconds: a few coloured squares, stored, and the tiny model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from locany.codec import Tokenizer
from locany.data.converters import write_samples
from locany.data.loader import StreamConfig
from locany.data.packing import PackConfig
from locany.train.checkpoint import States
from locany.train.config import LossConfig, OptimConfig, TrainConfig
from locany.train.data import DataConfig
from locany.train.log import read_log
from locany.train.sources import Stored
from tests.tiny import tiny_config
from tests.unit.squares import render

WITH_TRUTH = LossConfig(deep_layers=1, guided_layer=1)


def tiny_run(folder: Path, **changes: Any) -> TrainConfig:
    """Four packs a step, no auxiliary losses, AdamW alone; `folder` has `tokenizer` and `squares`."""
    vocab = Tokenizer.from_folder(folder / "tokenizer").vocab
    fields: dict[str, Any] = {
        "model": replace(tiny_config(vocab_size=vocab.size), image_token_id=vocab.image_token),
        "tokenizer": str(folder / "tokenizer"),
        "out": str(folder / "run"),
        "data": DataConfig((Stored(str(folder / "squares")),)),
        "stream": StreamConfig(PackConfig(500, buffer_size=3), num_lanes=4),
        "rows": 4,
        "steps": 4,
        "dense_steps": 0,
        "num_workers": 0,
        "bf16": False,
        "save_every": 2,
        "log_every": 1,
        "loss": LossConfig(dense=0.0),
        "optim": OptimConfig(muon=False, adam_lr=1e-3, warmup_steps=1, decay_share=0.0),
    }
    return TrainConfig(**(fields | changes))


@pytest.fixture(scope="module")
def run_folder(mini_tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `tiny_run` needs."""
    folder = tmp_path_factory.mktemp("tiny_run")
    (folder / "tokenizer").mkdir()
    for file in mini_tokenizer.iterdir():
        if file.suffix != ".safetensors":
            (folder / "tokenizer" / file.name).write_bytes(file.read_bytes())
    (folder / "tokenizer" / "preprocessor_config.json").write_text(json.dumps({"in_token_limit": 100}))
    write_samples([render(seed) for seed in range(8)], folder / "squares", "shards")
    return folder


def newest_state(out: str | Path) -> dict[str, Any]:
    """The newest state of a run."""
    states = States(Path(out))
    assert states.newest is not None
    return states.load(states.newest)


def assert_same_weights(ours: str | Path, expected: str | Path, atol: float) -> None:
    """What two runs have learnt, within `atol`, and that they stand at the same place."""
    mine, theirs = newest_state(ours), newest_state(expected)
    assert mine["progress"] == theirs["progress"]
    for name, tensor in theirs["learning"].items():
        difference = (mine["learning"][name] - tensor).abs().max()
        assert difference <= atol, f"{name} differs by {difference}"


def losses(out: str | Path) -> list[float]:
    """The loss of every step."""
    return [line["loss"] for line in read_log(Path(out)) if "loss" in line]
