"""scripts/average_weights.py: the mean of two runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from locany.errors import CheckpointError
from locany.weights import load_model, save_model
from locany.weights.merge import files_that_go_along, token_ids_of
from tests.unit.scripts import load_script

average = load_script("scripts/average_weights.py").average


@torch.no_grad()
def test_every_weight_is_the_mean(checkpoint: Path, tmp_path: Path) -> None:
    model = load_model(checkpoint, device="cpu", dtype=torch.float32)
    for tensor in model.state_dict().values():
        tensor.mul_(3)
    files = {path.name: path.read_bytes() for path in files_that_go_along(checkpoint)}
    save_model(model, tmp_path / "other", token_ids=token_ids_of(checkpoint), files=files)
    average(checkpoint, tmp_path / "other", tmp_path / "mean")
    once = load_model(checkpoint, device="cpu", dtype=torch.float32).state_dict()
    mean = load_model(tmp_path / "mean", device="cpu", dtype=torch.float32).state_dict()
    assert all(torch.equal(mean[name], (2 * once[name]).bfloat16().float()) for name in once)
    assert {path.name for path in files_that_go_along(tmp_path / "mean")} == set(files)


def test_runs_that_do_not_belong_together_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint, tmp_path / "other")
    vocabulary = next(path for path in files_that_go_along(tmp_path / "other") if path.suffix == ".json")
    vocabulary.write_text(vocabulary.read_text() + "\n")
    with pytest.raises(CheckpointError, match=rf"differ in {vocabulary.name}"):
        average(checkpoint, tmp_path / "other", tmp_path / "mean")
    assert not (tmp_path / "mean").exists()
