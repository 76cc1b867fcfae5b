"""Recipes from files, and the command that runs them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from locany.cli.main import run
from locany.errors import DataError, TrainingError
from locany.synth.icons import IconsConfig
from locany.train.checkpoint import States
from locany.train.config import TrainConfig
from locany.train.data import DataConfig
from locany.train.log import read_log
from locany.train.recipe import load_recipe
from locany.train.sft import train
from locany.train.sources import Rendered, Stored, check_sources
from tests.unit.test_train import recipe  # noqa: F401

SMOKE = str(Path(__file__).parents[2] / "recipes" / "smoke.py")
SMALL = (
    *("rows=1", "steps=2", "dense_steps=1", "save_every=1", "log_every=1", "num_workers=0", "bf16=false"),
    "evaluation=",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The bundled recipe, small enough for a test."""
    text = (Path(__file__).parents[2] / "recipes" / "mini.py").read_text()
    for count, few in ((", 1500)", ", 15)"), (", 500)", ", 15)"), (", 120)", ", 2)"), (", 250)", ", 2)")):
        assert count in text, "samples that the vocabulary is made from"
        text = text.replace(count, few)
    path = tmp_path / "small.py"
    path.write_text(text)
    return path


def test_settings_reach_the_recipe_and_the_config(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    config = load_recipe(file, [f"out={out}", "steps=900", "optim.adam_lr=1e-4", "data=a.json, b.jsonl"])
    assert isinstance(config, TrainConfig)
    assert (config.out, config.steps, config.optim.adam_lr) == (str(out), 900, 1e-4)
    assert (out / "tokenizer" / "config.json").is_file()
    assert config.data.sources == (Stored("a.json"), Stored("b.jsonl"))


def test_images_elsewhere_and_a_format_by_name(tmp_path: Path) -> None:
    """As COCO lies: annotations in one folder, images in others."""
    root, other = tmp_path / "train2017", tmp_path / "val2017"
    settings = ["data=a.json,b.json", f"data.root={root}", "data.format=coco"]
    config = load_recipe(Path("lora"), [*settings, "evaluation=c.json", f"evaluation.root={other}"])
    assert config.data.sources == tuple(Stored(name, "coco", str(root)) for name in ("a.json", "b.json"))
    assert config.evaluation.sources == (Stored("c.json", None, str(other)),)
    own = DataConfig((Stored("a.json", root="mine"), Stored("b.json"), Rendered("icons")), root="theirs")
    assert own.sources == (Stored("a.json", root="mine"), Stored("b.json", root="theirs"), Rendered("icons"))
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(DataError, match=r"a\.json: its images are to be found from .*train2017, which is no"):
        check_sources((Stored(str(tmp_path / "a.json"), root=str(root)),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "defines a function recipe"),
        ("import nowhere_to_be_found", "cannot be run: ModuleNotFoundError"),
        ("def recipe(data, out='x'):\n    return 3", r"this recipe needs data=\.\.\.; add it"),
        ("def recipe():\n    return 3", r"returned int, expected a TrainConfig"),
        ("def recipe():\n    return 1 / 0", r"recipe\(\) failed with ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_no_recipe(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "wrong.py").write_text(text)
    with pytest.raises(DataError, match=message):
        load_recipe(tmp_path / "wrong.py")
    with pytest.raises(DataError, match="there is no such recipe"):
        load_recipe(tmp_path / "absent.py")


def test_a_setting_without_a_value_is_refused(file: Path) -> None:
    with pytest.raises(DataError, match="'out' is no setting; write name=value"):
        load_recipe(file, ["out"])


def test_the_command_trains_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    command = ["train", SMOKE, f"out={out}", *SMALL]
    assert run([*command, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 2
    assert not (out / "states").exists()
    assert run(command) == 0
    newest = States(out).newest
    assert newest is not None
    assert newest.step == 2
    assert run([*command, "steps=3"]) == 0
    assert [line["step"] for line in read_log(out)] == [1, 2, 3]
    assert run([*command, "--dry-run", "data=nowhere.json"]) == 1
    assert run([*command, "data=nowhere.json", f"out={tmp_path / 'none'}"]) == 1
    assert capsys.readouterr().err.count("nowhere.json: there is no such file or folder") == 2
    assert not (tmp_path / "none" / "log.jsonl").exists(), "nothing was begun"
    assert run(["train", SMOKE, "trackers=[paper]", "--dry-run"]) == 1
    assert "no tracker 'paper'" in capsys.readouterr().err
    assert run(["train", SMOKE, "stepz=3"]) == 1
    assert "did you mean 'steps'" in capsys.readouterr().err


def test_a_loss_that_is_no_number_stops_the_run(
    recipe: TrainConfig,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = replace(recipe, data=DataConfig((Rendered("icons", IconsConfig()),)))
    monkeypatch.setattr(
        "locany.train.sft.compute_loss", lambda *_: (torch.tensor(float("nan"), requires_grad=True), {})
    )
    with pytest.raises(TrainingError, match=r"the loss is nan at step 0 .* goes on from the newest state"):
        train(config, lambda _: None)

    for error, words in (
        (torch.OutOfMemoryError("tried to allocate 3 GiB"), "tried to allocate 3 GiB"),  # of a GPU
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "DefaultCPUAllocator: .*"),
        (
            RuntimeError("CUDA error: out of memory\nCUDA kernel errors might ..."),
            "CUDA error: out of memory",
        ),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `c`"), "CUDA error: CUBLAS_.*"),
    ):
        monkeypatch.setattr("locany.train.sft.compute_loss", Mock(side_effect=error))
        with pytest.raises(TrainingError, match=rf"memory ran out at step 0 \({words}\); lower rows"):
            train(config, lambda _: None)
    with monkeypatch.context() as patch:
        patch.setattr("locany.train.sft.start", Mock(side_effect=torch.OutOfMemoryError("no 15 GB")))
        with pytest.raises(TrainingError, match=r"in loading the model \(no 15 GB\); take a smaller model"):
            train(config, lambda _: None)
    monkeypatch.setattr("locany.train.sft.compute_loss", Mock(side_effect=RuntimeError("ours")))
    with pytest.raises(RuntimeError, match="ours"):
        train(config, lambda _: None)
