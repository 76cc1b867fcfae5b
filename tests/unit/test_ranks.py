"""Several processes learn what one learns, with whole or split weights, and go on in any number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from locany.errors import DataError, DeviceError
from locany.train.checkpoint import States
from locany.train.config import LossConfig, OptimConfig
from locany.train.log import read_log
from locany.train.ranks import Ranks, join_ranks
from locany.train.run import MODEL, start
from locany.train.sft import train
from locany.weights import load_model
from tests.unit.train_fixtures import assert_same_weights, losses, run_folder, tiny_run  # noqa: F401

ROOT = Path(__file__).parents[2]
RECIPE = """
from pathlib import Path
from locany.train.config import EvaluationConfig
from locany.train.sources import Stored
from tests.unit.train_fixtures import tiny_run

def recipe(folder):
    squares = (Stored(folder + "/squares"),)
    return tiny_run(Path(folder), evaluation=EvaluationConfig(squares, num_samples=1, modes=("fast",)))
"""
ONE_CLOCK_STANDS_STILL = """
import os
from types import SimpleNamespace
from locany.train import sft

if os.environ["RANK"] == "1":
    sft.time = SimpleNamespace(monotonic=lambda: 0.0)
"""


def train_on_two_ranks(folder: Path, *settings: str, before: str = "") -> str:
    """`locany train` under torchrun; what it printed.

    Args:
        before: code that every rank runs ahead.
    """
    recipe = folder / "recipe.py"
    recipe.write_text(before + RECIPE)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "locany", "train", str(recipe), f"folder={folder}", *settings]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def alone(run_folder: Path) -> Path:  # noqa: F811
    """Four steps of one process."""
    out = run_folder / "alone"
    train(tiny_run(run_folder, out=str(out)), lambda _: None)
    return out


def test_two_ranks_with_split_weights_then_one(run_folder: Path, alone: Path) -> None:  # noqa: F811
    """Sharded, with recomputation and several forwards a step; measured and exported; gone on with alone."""
    out = run_folder / "two-one"
    settings = [f"out={out}", "steps=2", "shard=true", "checkpointing=true", "micro_rows=1"]
    said = train_on_two_ranks(run_folder, *settings)
    assert said.count("2 ranks") == said.count("step 2 of 2") == said.count("step 2 measured") == 1
    load_model(out / MODEL, device="cpu", dtype=torch.float32)
    train(tiny_run(run_folder, out=str(out)), lambda _: None)
    assert losses(out) == pytest.approx(losses(alone), abs=2e-4)
    assert_same_weights(out, alone, atol=5e-6)


def test_one_rank_then_two_with_whole_weights(run_folder: Path, alone: Path) -> None:  # noqa: F811
    out = run_folder / "one-two"
    train(tiny_run(run_folder, out=str(out), steps=2, micro_rows=3), lambda _: None)
    train_on_two_ranks(run_folder, f"out={out}", "num_workers=2")
    assert losses(out) == pytest.approx(losses(alone), abs=2e-4)
    assert_same_weights(out, alone, atol=5e-6)
    for mine, theirs in zip([line for line in read_log(out) if "loss" in line], read_log(alone), strict=True):
        for name in ("samples", "packed", "grad", "box", "box_acc", "end", "null_acc"):
            assert mine[name] == pytest.approx(theirs[name], abs=2e-3), name
    assert json.loads((out / "versions.json").read_text())["torch"]


def test_split_ranks_that_keep_features_learn_what_one_learns(run_folder: Path) -> None:  # noqa: F811
    """Each encodes what it has not seen yet, while the other need not encode anything."""
    config = tiny_run(
        run_folder, out=str(run_folder / "kept-alone"), steps=3, frozen=("vision",), save_every=3
    )
    train(config, lambda _: None)
    out = run_folder / "kept"
    settings = ["steps=3", "save_every=3", "shard=true", "frozen=vision", "feature_bytes=1000000"]
    train_on_two_ranks(run_folder, f"out={out}", *settings)
    assert losses(out) == pytest.approx(losses(config.out), abs=2e-4)
    assert_same_weights(out, config.out, atol=5e-6)


def test_ranks_agree_when_a_state_is_due(run_folder: Path) -> None:  # noqa: F811
    """At log lines, by the clock of the first one."""
    out = run_folder / "by-time"
    policy = ("save_minutes=1e-9", "save_every=99", "keep_last=9", "log_every=2", "evaluation=")
    train_on_two_ranks(run_folder, f"out={out}", "steps=5", *policy, before=ONE_CLOCK_STANDS_STILL)
    assert [state.step for state in States(out).entries] == [2, 4, 5]


def test_a_rank_without_a_gpu_of_its_own_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes on a machine with one GPU."""
    monkeypatch.setattr("locany.device.available_devices", lambda: ["cuda:0", "cpu"])
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(DeviceError, match=r"'cuda:1' is not available .*; available: cuda:0, cpu"):
        join_ranks("cuda").__enter__()


def test_wrong_divisions_are_refused(run_folder: Path) -> None:  # noqa: F811
    with pytest.raises(DataError, match="rows 4 do not divide evenly among 3 ranks"):
        start(tiny_run(run_folder, out=str(run_folder / "none")), Ranks(0, 3))
    with pytest.raises(DataError, match="shard splits layers that the auxiliary losses read"):
        tiny_run(run_folder, shard=True, loss=LossConfig(deep_layers=1, guided_layer=1))
    with pytest.raises(DataError, match="Muon needs whole"):
        tiny_run(run_folder, shard=True, optim=OptimConfig())
